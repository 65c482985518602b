import { renameSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { picked, type Injected, type Injection } from '../fault.js';
import { storageRoot, STORAGES } from '../grid-under-test.js';
import { processesOf, signal } from '../processes.js';
import type { Volume } from '../volume.js';
import type { World } from '../world.js';
import { found } from './kill.js';

/** The storage refuses writes. */
export const storageReadOnly: Injection = async (world, { pick }) => {
  const name = storageOf(pick);
  if (world.grid === 'simulated') return troubled(world, name, 'readOnly = 1');
  const volume = world.storages.get(name);
  if (volume?.limits !== null) return unable(name, volume);
  const undo = world.undoable(() => {
    volume.makeWritable();
  });
  if (await volume.makeReadOnly()) return { outcome: 'injected', target: name, undo };
  undo();
  return { outcome: 'missed', target: `${name} was written to all the time` };
};

/** The storage has no room. */
export const storageFull: Injection = async (world, { pick }) => {
  const name = storageOf(pick);
  if (world.grid === 'simulated') return troubled(world, name, 'isFull = 1');
  const volume = world.storages.get(name);
  if (volume?.limits !== null) return unable(name, volume);
  const undo = world.undoable(() => {
    volume.empty();
  });
  volume.fill();
  return { outcome: 'injected', target: name, undo };
};

/** The storage is not there. */
export const storageGone: Injection = async (world, { pick }) => {
  const name = storageOf(pick);
  if (world.grid === 'simulated') return troubled(world, name, 'isOut = 1');
  const root = storageRoot(world.folder, name);
  const away = path.join(path.dirname(root), 'away');
  renameSync(root, away);
  const undo = world.undoable(() => {
    renameSync(away, root);
  });
  return { outcome: 'injected', target: name, undo };
};

/** The storage answers slowly: a simulated one each call, a directory in that the process that serves it stands still now and then. */
export const storageSlow: Injection = async (world, { pick }) => {
  const name = storageOf(pick);
  if (world.grid === 'simulated') return troubled(world, name, 'slowness = 1500');
  const site = name.split('-')[0] ?? '';
  const serving = await found(() =>
    processesOf('site', world.state).find((one) => one.name === `site ${site}`),
  );
  if (serving === null) return { outcome: 'missed', target: `nobody serves ${name}` };
  let stopped = false;
  const timer = setInterval(() => {
    stopped = !stopped;
    signal(serving, stopped ? 'SIGSTOP' : 'SIGCONT');
  }, 700);
  const undo = world.undoable(() => {
    clearInterval(timer);
    signal(serving, 'SIGCONT');
  });
  return { outcome: 'injected', target: name, undo };
};

const storageOf = (pick: number): string => picked(STORAGES, pick) ?? STORAGES[0]!;

const unable = (name: string, volume: Volume | undefined): Injected => ({
  outcome: 'skipped',
  target: `${name}: ${volume?.limits ?? 'it is unknown'}`,
});

/** A simulated storage does as its database says. */
function troubled(world: World, name: string, trouble: string): Injected {
  const file = path.join(storageRoot(world.folder, name), `${name}.db`);
  const change = (set: string): void => {
    const db = new Database(file, { timeout: 10_000 });
    try {
      db.exec(`update trouble set ${set}`);
    } finally {
      db.close();
    }
  };
  const undo = world.undoable(() => {
    change('readOnly = 0, isFull = 0, isOut = 0, slowness = 0');
  });
  change(trouble);
  return { outcome: 'injected', target: name, undo };
}
