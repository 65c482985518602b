import Database from 'better-sqlite3';
import type { Injection } from '../fault.js';

/** Another process, this one, holds the catalog's write lock. */
export const catalogLocked: Injection = async (world) => {
  const db = new Database(world.catalogFile, { timeout: 5000 });
  const undo = world.undoable(() => {
    db.close();
  });
  try {
    db.exec('begin exclusive');
  } catch {
    undo();
    return { outcome: 'missed', target: 'somebody else had locked the catalog' };
  }
  return { outcome: 'injected', target: 'catalog', undo };
};

/** The catalog's disk has no room. */
export const catalogDiskFull: Injection = async (world) => {
  const volume = world.catalogVolume;
  if (volume.limits !== null) return { outcome: 'skipped', target: `catalog: ${volume.limits}` };
  const undo = world.undoable(() => {
    volume.empty();
  });
  volume.fill();
  return { outcome: 'injected', target: "the catalog's disk", undo };
};
