import { existsSync, statSync } from 'node:fs';
import type { Catalog } from '../../catalog/catalog.js';
import { openCatalogReadOnly } from '../../catalog/open.js';
import { findProduction, type ProductionRow } from '../../catalog/productions.js';
import { ADDRESS_PATTERN, type Configuration } from '../../domain/configuration.js';
import { FabricaError } from '../../domain/errors.js';
import { printable, quoted } from '../../domain/problem.js';
import { shellWord } from '../../domain/shell-word.js';
import { loadConfiguration, type LoadedConfiguration } from '../../worker/configuration-file.js';
import type { ConnectedClient } from '../temporal/connection.js';
import { jsonText } from './json.js';
import { styleFor, type Style } from './style.js';
import { table, type Cell } from './table.js';
import type { Terminal } from './terminal.js';

/** The options that every command has. */
export interface GlobalOptions {
  readonly config?: string;
  readonly state?: string;
  readonly address?: string;
  readonly json?: boolean;
}

/**
 * One run of a command: what it may use, opened when it is first needed, and how it answers.
 *
 * NOTE: Temporal's packages take longer to load than most commands to run, so whatever needs them is imported where it is used.
 */
export class Session {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly style: Style;
  readonly #options: GlobalOptions;
  readonly #closers: (() => Promise<void>)[] = [];
  #loaded: LoadedConfiguration | null = null;
  #catalog: Promise<Catalog> | null = null;
  #temporal: Promise<ConnectedClient> | null = null;

  constructor(terminal: Terminal, options: GlobalOptions) {
    this.terminal = terminal;
    this.json = options.json === true;
    this.style = styleFor(terminal.out, terminal.env);
    this.#options = options;
  }

  /** The configuration of this run; --address wins over file and environment. Throws `FABRICA_CONFIGURATION_INVALID`. */
  get loaded(): LoadedConfiguration {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  get configuration(): Configuration {
    return this.loaded.configuration;
  }

  /** ms since 1970. */
  get now(): number {
    return this.terminal.clock.now();
  }

  /** How to call the program for the same system again: with the `--config` and `--state` of this call. */
  get program(): string {
    const { config, state } = this.#options;
    const given = Object.entries({ config, state }).flatMap(([option, value]) =>
      value === undefined ? [] : [`--${option}`, shellWord(value)],
    );
    return ['npx fabrica', ...given].join(' ');
  }

  /** The catalog, for looking only. Throws `FABRICA_CATALOG_*`. */
  async catalog(): Promise<Catalog> {
    this.#catalog ??= this.#openCatalog();
    return this.#catalog;
  }

  /** The catalog; null if none has been made. Throws `FABRICA_CATALOG_*` for one that can not be used. */
  async catalogIfMade(): Promise<Catalog | null> {
    try {
      return await this.catalog();
    } catch (error) {
      if (error instanceof FabricaError && error.code === 'FABRICA_CATALOG_MISSING') return null;
      throw error;
    }
  }

  /** The production of this name. Throws `FABRICA_PRODUCTION_UNKNOWN`. */
  async production(name: string): Promise<ProductionRow> {
    const found = await (await this.catalog()).read((db) => findProduction(db, name));
    if (found !== undefined) return found;
    throw new FabricaError(
      'FABRICA_PRODUCTION_UNKNOWN',
      `No production is named ${quoted(name)}.`,
      { production: name },
    );
  }

  /** A client of Temporal. Throws `FABRICA_TEMPORAL_UNREACHABLE` after some 10 s. */
  async temporal(): Promise<ConnectedClient> {
    this.#temporal ??= this.#connect();
    return this.#temporal;
  }

  /** Gives the answer: the document with --json, else the text. */
  answer(document: unknown, text: string): void {
    if (this.json) this.terminal.out.write(jsonText(document));
    else if (text !== '') this.terminal.out.write(`${text}\n`);
  }

  /** A remark on stderr, whatever the form of the answer. */
  remark(text: string): void {
    this.terminal.err.write(`${text}\n`);
  }

  table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
    return table(head, rows, { style: this.style, output: this.terminal.out });
  }

  /** Runs when the session closes; the last one first. */
  defer(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  /** Afterwards nothing of this session is open. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  #load(): LoadedConfiguration {
    const { address, config, state } = this.#options;
    const { cwd, env } = this.terminal;
    for (const [option, value] of Object.entries({ config, state })) {
      if (value !== '') continue;
      throw new FabricaError('FABRICA_COMMAND_LINE', `--${option} names nothing (got "").`);
    }
    if (address !== undefined && !ADDRESS_PATTERN.test(address)) {
      throw new FabricaError(
        'FABRICA_COMMAND_LINE',
        `--address must be host:port, such as localhost:7233 (got ${quoted(address)}).`,
      );
    }
    const loaded = loadConfiguration({ file: config, state, env, cwd });
    checkStateDirectory(loaded.stateDirectory);
    if (address === undefined) return loaded;
    const temporal = { ...loaded.configuration.temporal, address };
    return { ...loaded, configuration: { ...loaded.configuration, temporal } };
  }

  async #openCatalog(): Promise<Catalog> {
    const catalog = await openCatalogReadOnly({
      file: this.loaded.catalogFile,
      clock: this.terminal.clock,
      tell: (message) => this.remark(message),
    });
    this.defer(async () => catalog.close());
    return catalog;
  }

  async #connect(): Promise<ConnectedClient> {
    const { connectClient } = await import('../temporal/connection.js');
    const connected = await connectClient(this.loaded, {
      clock: this.terminal.clock,
      tell: (message) => this.remark(message),
    });
    this.defer(async () => connected.connection.close());
    return connected;
  }
}

/** Nobody has to make it before `up` does, but nothing else may be in its place. */
function checkStateDirectory(directory: string): void {
  if (!existsSync(directory) || statSync(directory).isDirectory()) return;
  throw new FabricaError(
    'FABRICA_STATE_UNWRITABLE',
    `The state directory ${printable(directory, 300)} is a file, not a directory.`,
    { path: directory },
    { remedy: 'Name a directory with --state, FABRICA_STATE or `state` in fabrica.yaml.' },
  );
}
