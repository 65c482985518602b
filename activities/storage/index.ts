import { Context } from '@temporalio/activity';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { Clock } from '../../domain/clock.js';
import {
  partOfList,
  type ListedFile as ListedInput,
  type ListPlace,
} from '../../domain/input-list.js';
import type { Log } from '../../domain/log.js';
import { logMember } from '../../domain/log-archive.js';
import type { Packed } from '../../domain/packed.js';
import type {
  Space,
  StorageElement,
  StorageElements,
  StoredFile,
} from '../../grid/storage/storage-element.js';
import { memberPart } from '../../grid/storage/log-archive.js';
import { withFailures } from '../application-failure.js';
import { withHeartbeat } from '../heartbeat.js';
import { LARGEST_ANSWER, logText, type LogText } from '../log-text.js';
import { pack, unpack } from '../packed.js';
import { probe } from './probe.js';

/** A file that should be on a storage. Size in bytes. */
export interface StoredExpectation {
  readonly path: string;
  readonly size: number;
  readonly adler32: string;
}

/** A file, or a directory with all that is below it. */
export interface PathToRemove {
  readonly path: string;
  readonly shape: 'file' | 'tree';
}

export interface StorageProblem {
  readonly path: string;
  readonly problem: 'missing' | 'size' | 'checksum';
  readonly text: string;
}

/** Path, size, and when it was written (ms since 1970) where the storage tells it. */
export type ListedFile = readonly [path: string, size: number, modifiedAt: number | null];

/** Where a listing of several directories goes on: the number of the directory from 0, and the last path in it that was told; '' for none. */
export interface ListingPlace {
  readonly directory: number;
  readonly after: string;
}

export interface CopyOrder extends StoredExpectation {
  readonly transfer: number;
  readonly source: string;
  readonly sourcePath: string;
}

export interface CopyResult {
  readonly transfer: number;
  /** Empty when the copy is there and verified. */
  readonly failure: string;
}

/** Work on one storage; runs on the queue `se.<STORAGE>` of any process that is configured for it. */
export function createStorageActivities(context: {
  storages: StorageElements;
  clock: Clock;
  log: Log;
}) {
  const { clock, storages } = context;

  /** What is not as expected: missing, of another size, or of another checksum. */
  async function verifyFiles(input: {
    storage: string;
    files: readonly StoredExpectation[];
  }): Promise<StorageProblem[]> {
    const storage = storages.get(input.storage);
    await storage.check();
    const found = await storage.statAll(
      input.files.map(({ path }) => path),
      { checksum: true, signal: Context.current().cancellationSignal },
    );
    return input.files.flatMap((file, i) => problemOf(storage, file, found[i] ?? null) ?? []);
  }

  /** Copies files here from where they are; each result tells its own failure. */
  async function copyFiles(input: {
    storage: string;
    files: readonly CopyOrder[];
  }): Promise<CopyResult[]> {
    const storage = storages.get(input.storage);
    const results: CopyResult[] = [];
    for (const file of input.files) {
      let failure = '';
      try {
        await storage.copy(storages.get(file.source), file.sourcePath, file.path, file);
        const found = await storage.stat(file.path, { checksum: true });
        const problem = problemOf(storage, file, found);
        if (problem !== null) failure = problem.text;
      } catch (error) {
        failure =
          error instanceof FabricaError ? `${error.code}: ${error.message}` : messageOf(error);
      }
      results.push({ transfer: file.transfer, failure });
      heedCancellation();
    }
    return results;
  }

  /** Removes files and directories; returns when none of them is there any more. */
  async function removeFiles(input: {
    storage: string;
    paths: readonly PathToRemove[];
  }): Promise<void> {
    const storage = storages.get(input.storage);
    await storage.check();
    const signal = Context.current().cancellationSignal;
    const files = input.paths.filter(({ shape }) => shape === 'file').map(({ path }) => path);
    await storage.removeAll(files, { signal });
    const left = (await storage.statAll(files, { signal })).find((file) => file !== null);
    if (left) throw stillThere(storage, left.path);
    for (const { path, shape } of input.paths) {
      if (shape === 'file') continue;
      heedCancellation();
      await storage.removeTree(path);
    }
  }

  /**
   * Removes what it can, and answers what it can not, each with the reason. Throws if the storage does not answer, or refuses many in
   * a row.
   */
  async function removeEach(input: {
    storage: string;
    paths: readonly PathToRemove[];
  }): Promise<{ refused: { path: string; reason: string }[] }> {
    const storage = storages.get(input.storage);
    await storage.check();
    const refused: { path: string; reason: string }[] = [];
    let inARow = 0;
    for (const one of input.paths) {
      try {
        await removeOne(storage, one);
        inARow = 0;
      } catch (error) {
        if (++inARow === MANY) throw error;
        refused.push({ path: one.path, reason: messageOf(error).slice(0, 300) });
      }
      heedCancellation();
    }
    return { refused };
  }

  /** Files below directories, one after the other: a page of at most `limit` paths, from a place on; `next` is null after the last page. */
  async function listFiles(input: {
    storage: string;
    directories: readonly string[];
    from: ListingPlace;
    limit: number;
  }): Promise<{ paths: string[]; next: ListingPlace | null }> {
    const { directories, from, limit, storage } = input;
    const paths: string[] = [];
    for (const [place, directory] of directories.entries()) {
      if (place < from.directory) continue;
      let after = place === from.directory ? from.after : '';
      for await (const { path } of storages.get(storage).list(directory, after)) {
        heedCancellation();
        if (paths.length === limit) return { paths, next: { directory: place, after } };
        paths.push(path);
        after = path;
      }
    }
    return { paths, next: null };
  }

  /** As `listFiles`, in the form of a long listing. `last` is the last path; null if there are no more. */
  async function listPage(input: {
    storage: string;
    directory: string;
    after: string;
    limit: number;
  }): Promise<{ listing: Packed<ListedFile>; files: number; last: string | null }> {
    const { after, directory, limit } = input;
    const rows: ListedFile[] = [];
    for await (const file of storages.get(input.storage).list(directory, after)) {
      heedCancellation();
      if (rows.length === limit) {
        return { listing: pack(rows), files: limit, last: rows.at(-1)?.[0] ?? null };
      }
      rows.push([file.path, file.size, file.modifiedAt ?? null]);
    }
    return { listing: pack(rows), files: rows.length, last: null };
  }

  /** How many files there are outside of some directories, after a path; at most about `limit` at once. */
  async function countFiles(input: {
    storage: string;
    outside: readonly string[];
    after: string;
    limit: number;
  }): Promise<{ files: number; last: string | null }> {
    const storage = storages.get(input.storage);
    let files = 0;
    let after: string | null = input.after;
    while (after !== null) {
      const from: string = after;
      after = null;
      for await (const { path } of storage.list('/', from)) {
        heedCancellation();
        const skipped = input.outside.find((directory) => path.startsWith(`${directory}/`));
        if (skipped !== undefined) {
          // Behind all that can be below it.
          after = `${skipped}/\uffff`;
          break;
        }
        files++;
        if (files === input.limit) return { files, last: path };
      }
    }
    return { files, last: null };
  }

  /** Of these paths: those where there is a file. */
  async function presentFiles(input: {
    storage: string;
    paths: readonly string[];
  }): Promise<string[]> {
    const storage = storages.get(input.storage);
    const present: string[] = [];
    for (const path of input.paths) {
      heedCancellation();
      if ((await storage.stat(path)) !== null) present.push(path);
    }
    return present;
  }

  /** As `verifyFiles`, for many. */
  async function verifyPage(input: {
    storage: string;
    count: number;
    files: Packed<StoredExpectation>;
  }): Promise<StorageProblem[]> {
    return verifyFiles({ storage: input.storage, files: unpack(input.files) });
  }

  /** As `removeFiles`, for many. */
  async function removePage(input: {
    storage: string;
    count: number;
    files: Packed<PathToRemove>;
  }): Promise<void> {
    await removeFiles({ storage: input.storage, paths: unpack(input.files) });
  }

  /** A part of a stored list of input files, and where the next one begins; null after the last. The list is read from where the part begins to where it ends. */
  async function readList(input: {
    storage: string;
    path: string;
    from: ListPlace;
  }): Promise<{ files: Packed<ListedInput>; next: ListPlace | null }> {
    const content = await storages.get(input.storage).read(input.path, input.from.offset);
    const { files, next } = await partOfList(content, input.from, LIST_PART);
    return { files: pack(files), next };
  }

  /** Free and total bytes. */
  async function measureSpace(input: {
    storage: string;
  }): Promise<{ storage: string; total: number; free: number }> {
    return { storage: input.storage, ...(await storages.get(input.storage).space()) };
  }

  /** Writes, reads back and removes a small file, in at most `seconds`; then as `measureSpace`. */
  async function probeStorage(input: { storage: string; seconds: number }): Promise<Space> {
    return probe(storages.get(input.storage), { clock, seconds: input.seconds });
  }

  /** The beginning or the end of a log in an archive; null if it is not in there. */
  async function readArchivedLog(input: {
    storage: string;
    path: string;
    job: number;
    attempt: number;
    part: 'head' | 'tail';
  }): Promise<LogText | null> {
    const archive = await storages.get(input.storage).read(input.path);
    const found = await memberPart(archive, logMember(input), input.part, LARGEST_ANSWER);
    return found === null ? null : logText(found.content, found.size, input.part);
  }

  return withHeartbeat(
    withFailures({
      ...{ verifyFiles, verifyPage, copyFiles, removeFiles, removePage, removeEach },
      ...{ listFiles, listPage, countFiles, presentFiles, measureSpace, probeStorage },
      ...{ readArchivedLog, readList },
    }),
  );
}

export type StorageActivities = ReturnType<typeof createStorageActivities>;

/** Bytes of a list that go through a history at once, before they are compressed. */
const LIST_PART = 1_000_000;

/** Stops here if this work is not wanted any more. */
function heedCancellation(): void {
  Context.current().cancellationSignal.throwIfAborted();
}

/** So many refused removals in a row are no accident of single files. */
const MANY = 50;

async function removeOne(storage: StorageElement, { path, shape }: PathToRemove): Promise<void> {
  if (shape === 'tree') return storage.removeTree(path);
  await storage.remove(path);
  if ((await storage.stat(path)) !== null) throw stillThere(storage, path);
}

function stillThere(storage: StorageElement, path: string): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `${path} is still on ${storage.name} after its removal.`,
    { storage: storage.name, path },
  );
}

/** What is wrong with a file that should be on a storage; null if nothing is. */
function problemOf(
  storage: StorageElement,
  file: StoredExpectation,
  found: StoredFile | null,
): StorageProblem | null {
  const where = `${file.path} on ${storage.name}`;
  if (found === null) return { path: file.path, problem: 'missing', text: `${where} is missing` };
  if (found.size !== file.size) {
    return {
      path: file.path,
      problem: 'size',
      text: `${where} has ${found.size} bytes, not ${file.size}`,
    };
  }
  if (found.adler32 !== file.adler32) {
    return {
      path: file.path,
      problem: 'checksum',
      text: `${where} has adler32 ${found.adler32 ?? 'unknown'}, not ${file.adler32}`,
    };
  }
  return null;
}
