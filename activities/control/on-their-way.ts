import { openAttempts, openBundles } from '../../catalog/attempts.js';
import type { Db } from '../../catalog/catalog.js';
import { knownPaths } from '../../catalog/known-paths.js';
import { claimingBlocks, condemnedTrees, wantedFiles } from '../../catalog/on-their-way.js';
import { liveProductions, revisionOf } from '../../catalog/productions.js';
import { claimDirectory, physicalPath } from '../../domain/lfn.js';
import { LIVE_PRODUCTION_STATES } from '../../domain/states/production.js';
import { possibleRemnants } from './attempt-outputs.js';
import { lfnOfLogs } from './closing.js';
import { destinationsOf, outputsOf } from './orders.js';

/** Of these paths on a storage: those that neither the catalog's files nor its remnants explain. */
export async function unexplained(
  db: Db,
  storage: string,
  paths: readonly string[],
): Promise<string[]> {
  const known = await knownPaths(db, storage, paths);
  const unknown = paths.filter((path) => !known.has(path));
  if (unknown.length === 0) return [];
  const trees = await condemnedTrees(db, storage);
  return unknown.filter((path) => !foldersAbove(path).some((folder) => trees.has(folder)));
}

/**
 * Of these unexplained paths on a storage: those that nobody may just be writing. What is being written are outputs of open attempts, whole
 * or in part, their claims, copies that are wanted, and what may be a copy of a live production's file.
 */
export async function notOnTheirWay(
  db: Db,
  epochs: readonly string[],
  storage: string,
  paths: readonly string[],
): Promise<string[]> {
  const left = new Map(paths.map((path) => [path, wholePath(path)]));
  const drop = (written: (whole: string, path: string) => boolean): void => {
    for (const [path, whole] of left) if (written(whole, path)) left.delete(path);
  };

  const claims = new Set(
    (await claimingBlocks(db)).flatMap(({ block, production }) =>
      epochs.map((epoch) => claimDirectory(epoch, production, block)),
    ),
  );
  drop((_, path) => foldersAbove(path).some((folder) => claims.has(folder)));

  const lfns = new Map([...left.values()].map((whole) => [whole, lfnAt(epochs, whole)]));
  const wanted = await wantedFiles(
    db,
    storage,
    [...lfns.values()].flatMap((lfn) => lfn ?? []),
    LIVE_PRODUCTION_STATES,
  );
  drop((whole) => wanted.has(lfns.get(whole) ?? ''));

  if (left.size === 0) return [];
  for (const production of await liveProductions(db)) {
    const revision = await revisionOf(db, production);
    for (const bundle of await openBundles(db, production.id)) {
      const written = new Set(
        epochs.map((epoch) => physicalPath(epoch, lfnOfLogs(revision.scheme, bundle))),
      );
      if (destinationsOf(bundle).includes(storage)) {
        for (const attempt of await openAttempts(db, bundle.id)) {
          const job = { kind: bundle.kind, level: attempt.level };
          for (const output of outputsOf(revision, production.id, job)) {
            for (const epoch of epochs) {
              const may = possibleRemnants(epoch, attempt, output, [storage]);
              for (const { path } of may) written.add(path);
            }
          }
        }
      }
      drop((whole, path) => written.has(path) || written.has(whole));
      if (left.size === 0) return [];
    }
  }
  return [...left.keys()];
}

/** The LFN of a file below the directory of an epoch. */
export function lfnAt(epochs: readonly string[], path: string): string | null {
  const epoch = path.split('/')[1] ?? '';
  return epochs.includes(epoch) ? path.slice(epoch.length + 1) : null;
}

/** The path that an unfinished write of a storage is to become; any other path stays as it is. */
function wholePath(path: string): string {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  return `${path.slice(0, slash)}/${name.replace(/^\.part-(?:[0-9a-f]{12}-)?/, '')}`;
}

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    folders.push(path.slice(0, end));
  }
  return folders;
}
