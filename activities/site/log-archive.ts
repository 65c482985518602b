import { Adler32 } from '../../domain/adler32.js';
import { attemptRanges, attemptsOf, type BundleHandle } from '../../domain/bundle.js';
import type { AttemptKey, AttemptRange } from '../../domain/bundle.js';
import type { Clock } from '../../domain/clock.js';
import { messageOf } from '../../domain/errors.js';
import {
  attemptOfMember,
  logMember,
  type ArchiveAnswer,
  type ArchivedLogs,
  type ArchiveOrder,
} from '../../domain/log-archive.js';
import { ceJobName } from '../../domain/names.js';
import type { ComputeElement } from '../../grid/compute/compute-element.js';
import { membersOf, packed, type ArchiveMember } from '../../grid/storage/log-archive.js';
import type { StorageElement, StorageElements } from '../../grid/storage/storage-element.js';
import { logExcerpt } from './log-excerpt.js';

/** For so long storages are asked to take an archive, ms. */
const PATIENCE = 600_000;
/** Between two rounds of asking, ms. */
const PAUSE = { first: 1_000, longest: 30_000 };

export interface ArchiveContext {
  readonly compute: ComputeElement;
  readonly storages: StorageElements;
  readonly clock: Clock;
  /** Waits (ms); fails when this work is not wanted any more. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

export interface ArchiveInput extends BundleHandle {
  readonly archive: ArchiveOrder;
  /** What the site is to forget when the logs are archived, or lost; left out: nothing. */
  readonly forget?: readonly AttemptRange[];
}

/**
 * Puts the logs of these attempts, as far as the site has them, into one archive on the first storage that takes it. What an earlier try has
 * left there whole is taken as it is. When no storage has taken it in ten minutes it is given up.
 */
export async function archiveLogs(
  input: ArchiveInput,
  context: ArchiveContext,
): Promise<ArchiveAnswer> {
  const { clock, storages } = context;
  const candidates = input.archive.storages
    .filter((name) => storages.has(name))
    .map((name) => storages.get(name));
  const deadline = clock.now() + PATIENCE;
  let lost = 'no storage that this site can reach may take them';
  for (let pause = PAUSE.first; ; pause = Math.min(2 * pause, PAUSE.longest)) {
    for (const storage of candidates) {
      try {
        const archived = await foundAt(storage, input);
        if (archived !== null) return { archived, lost: '' };
      } catch {
        // It is told below, if no other storage takes it.
      }
    }
    for (const storage of candidates) {
      try {
        return { archived: await putTo(storage, input, context), lost: '' };
      } catch (error) {
        lost = messageOf(error).slice(0, 500);
      }
    }
    if (candidates.length === 0 || clock.now() + pause > deadline) return { archived: null, lost };
    await context.sleep(pause);
  }
}

/** The archive of an earlier try: nobody but its writer has known of it, so it must hold what is wanted to be taken. */
async function foundAt(
  storage: StorageElement,
  { archive: { path }, attempts }: ArchiveInput,
): Promise<ArchivedLogs | null> {
  const stored = await storage.stat(path, { checksum: true });
  if (stored?.adler32 === undefined) return null;
  const members = await membersOf(await storage.read(path)).catch(() => []);
  const found = members.flatMap((name) => attemptOfMember(name) ?? []);
  const wanted = [...attemptsOf(attempts)];
  const names = new Set(members);
  if (wanted.every((key) => names.has(logMember(key)))) {
    const { size, adler32 } = stored;
    return { storage: storage.name, path, size, adler32, attempts: sortedRanges(found) };
  }
  await storage.remove(path);
  return null;
}

/** Reads the logs twice: a storage wants to know the size and checksum of a file before it comes. */
async function putTo(
  storage: StorageElement,
  input: ArchiveInput,
  { compute }: ArchiveContext,
): Promise<ArchivedLogs | null> {
  const { path, largest } = input.archive;
  const there: AttemptKey[] = [];
  const logs = async function* (seen?: AttemptKey[]): AsyncGenerator<ArchiveMember> {
    for (const key of attemptsOf(input.attempts)) {
      const content = await logExcerpt(compute, ceJobName({ ...input, ...key }), largest);
      if (content === null) continue;
      seen?.push(key);
      yield { name: logMember(key), content };
    }
  };
  const checksum = new Adler32();
  let size = 0;
  for await (const piece of packed(logs(there)) as AsyncIterable<Buffer>) {
    checksum.update(piece);
    size += piece.length;
  }
  if (there.length === 0) return null;
  const expected = { size, adler32: checksum.hex() };
  await storage.put(packed(logs()), path, expected);
  return { storage: storage.name, path, ...expected, attempts: attemptRanges(there) };
}

const sortedRanges = (keys: readonly AttemptKey[]) =>
  attemptRanges([...keys].sort((a, b) => a.job - b.job));
