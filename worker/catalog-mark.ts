import type { Catalog } from '../catalog/catalog.js';
import { unrecovered } from '../catalog/epochs.js';
import { markOf, writeMark } from '../catalog/mark.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { clause } from '../domain/clause.js';

/** How much older a copy must be, at most, to be noticed after a SIGKILL. ms. */
const EVERY = 2_000;

/** Keeps the mark beside the catalog up to date until it is told to end; the last time then. */
export function keepMark(catalog: Catalog, log: Log): () => Promise<void> {
  let written = -1;
  let told = false;
  const write = async (): Promise<void> => {
    try {
      const mark = await catalog.read(markOf);
      if (mark.changes === written) return;
      writeMark(catalog.file, mark);
      written = mark.changes;
      told = false;
    } catch (error) {
      if (!told) log.warn({ error: messageOf(error) }, 'the mark of the catalog cannot be written');
      told = true;
    }
  };
  const timer = setInterval(() => void write(), EVERY);
  return async () => {
    clearInterval(timer);
    await write();
  };
}

/** Says so if the catalog, or the Temporal state, is not the one that was worked with before. */
export async function warnOfNewEpoch(catalog: Catalog, log: Log): Promise<void> {
  const waiting = await catalog.read(unrecovered);
  if (waiting === null) return;
  log.warn(
    waiting,
    `RESTORED: ${clause(waiting.why)}. Nothing runs until somebody runs \`fabrica recover\``,
  );
}
