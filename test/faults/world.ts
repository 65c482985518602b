import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CatalogView } from './catalog-view.js';
import type { Grid } from './fault-kinds.js';
import { configurationText, storageRoot, STORAGES, type Layout } from './grid-under-test.js';
import { everyProcessOf, signal } from './processes.js';
import { Upkeep } from './upkeep.js';
import { Volume } from './volume.js';

const ROOT = path.resolve(process.cwd());
const PROGRAM = path.join(ROOT, 'dist', 'program', 'fabrica.js');
const CLOCK = path.join(ROOT, 'test', 'faults', 'shifted-clock.mjs');
const STORAGE_MB = 16;
const CATALOG_MB = 128;
const COMMAND_MS = 60_000;

export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** One system under test: a folder with all that it has, and its processes. */
export class World {
  readonly folder: string;
  readonly state: string;
  readonly catalogFile: string;
  readonly clockFolder: string;
  readonly grid: Grid;
  readonly catalog: CatalogView;
  readonly upkeep: Upkeep;
  readonly catalogVolume: Volume;
  readonly storages: ReadonlyMap<string, Volume>;
  readonly env: NodeJS.ProcessEnv;
  readonly #undos = new Set<() => void>();

  constructor(layout: Layout) {
    this.grid = layout.grid;
    this.folder = mkdtempSync(path.join(tmpdir(), 'fabrica-faults-'));
    this.state = path.join(this.folder, 'state');
    this.clockFolder = path.join(this.folder, 'clock');
    mkdirSync(this.state);
    mkdirSync(this.clockFolder);
    this.catalogVolume = new Volume(path.join(this.folder, 'catalog'), CATALOG_MB);
    this.catalogFile = path.join(this.catalogVolume.path, 'catalog.db');
    this.catalog = new CatalogView(this.catalogFile);
    this.storages = new Map(
      STORAGES.map((name) => {
        const volume = new Volume(path.dirname(storageRoot(this.folder, name)), STORAGE_MB);
        mkdirSync(storageRoot(this.folder, name));
        return [name, volume];
      }),
    );
    writeFileSync(this.#configuration, configurationText(this.folder, layout));
    this.env = {
      ...process.env,
      FABRICA_FAULTS_CLOCK: this.clockFolder,
      NODE_OPTIONS: `--import=${pathToFileURL(CLOCK).href}`,
    };
    this.upkeep = new Upkeep({
      program: PROGRAM,
      options: this.options,
      stateDirectory: this.state,
      env: this.env,
      logFile: path.join(this.folder, 'up.out'),
    });
  }

  get program(): string {
    return PROGRAM;
  }

  get options(): string[] {
    return ['--config', this.#configuration, '--state', this.state];
  }

  get #configuration(): string {
    return path.join(this.folder, 'fabrica.yaml');
  }

  /** Runs one command of `fabrica` to its end. */
  fabrica(...words: readonly string[]): Promise<CommandResult> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [PROGRAM, ...this.options, '--json', ...words],
        { env: process.env, timeout: COMMAND_MS, killSignal: 'SIGKILL' },
        (error, stdout, stderr) => {
          const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : 1;
          resolve({ code, output: `${stdout}${stderr}` });
        },
      );
    });
  }

  /** Registers how a fault is undone, whatever becomes of the run. What is returned undoes it, once. */
  undoable(undo: () => void): () => void {
    const once = (): void => {
      if (this.#undos.delete(once)) undo();
    };
    this.#undos.add(once);
    return once;
  }

  /** Undoes every fault that still holds; errors are returned. */
  undoAll(): string[] {
    return [...this.#undos].flatMap((undo) => {
      try {
        undo();
        return [];
      } catch (error) {
        return [`a fault could not be undone: ${String(error)}`];
      }
    });
  }

  /** Ends every process. Returns the names of those that had to be killed. */
  killAll(): string[] {
    this.upkeep.kill();
    const running = everyProcessOf(this.state);
    for (const one of running) signal(one, 'SIGKILL');
    return running.map(({ name }) => name);
  }

  /** Idempotent. With `keep`, what was on the volumes stays in the folder as plain files. */
  remove(keep: boolean): void {
    for (const volume of [this.catalogVolume, ...this.storages.values()]) {
      if (keep) volume.keep();
      else volume.remove();
    }
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
  }
}
