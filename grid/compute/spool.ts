import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { constants, promises as fs } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { FabricaError } from '../../domain/errors.js';
import { EPOCH_PATTERN, NAME_PATTERN } from '../../domain/names.js';

/** What the folders have in common in which computing elements keep their jobs. */

const STAGING_PREFIX = '.staging-';
const EPOCH = 'epoch';

/** Older staging folders (ms) belong to processes that are gone. */
const STAGING_LIFE = 3_600_000;

/** Bytes; see `CeStatus.payloadReport`. */
export const LARGEST_REPORT = 256 * 1024;

/** Why a job is refused. */
export const EARLIER = 'the job is of an earlier epoch';
export const ENDED_BEFORE = 'the job was ended before it could start';

/** How often it is looked for jobs of earlier epochs that were just being submitted. */
export const RETIRE_ROUNDS = 5;

export function notRetired(site: string, spool: string): FabricaError {
  return new FabricaError(
    'FABRICA_COMPUTE_SUBMISSION',
    `Jobs of earlier epochs at site ${site} can not be ended.`,
    { site, path: spool },
  );
}

/** A name that can be a folder. */
export function isJobName(name: string): boolean {
  return NAME_PATTERN.test(name) && name.length <= 200;
}

/** Creates a folder of this process for jobs that are being written, and removes those of processes long gone. */
export async function openStaging(spool: string, now: number): Promise<string> {
  await fs.mkdir(spool, { recursive: true });
  for (const name of await fs.readdir(spool)) {
    if (!name.startsWith(STAGING_PREFIX)) continue;
    const stale = path.join(spool, name);
    const stats = await fs.stat(stale).catch(() => null);
    if (stats !== null && now - stats.mtimeMs > STAGING_LIFE) {
      await fs.rm(stale, { recursive: true, force: true });
    }
  }
  const staging = await fs.mkdtemp(path.join(spool, STAGING_PREFIX));
  await spreadOut(staging);
  return staging;
}

/**
 * Asks the file system to spread what is made in a folder over the disk. NOTE: ext4 puts new files beside their folder, and passes
 * over each place there that was freed in the last minutes: with thousands of jobs removed, that took a third of the processor.
 * Elsewhere there is no such thing to ask, and no need.
 */
async function spreadOut(folder: string): Promise<void> {
  await promisify(execFile)('chattr', ['+T', folder]).catch(() => undefined);
}

/** The epoch before which jobs of this spool are not taken any more; null if all are. */
export async function rememberedEpoch(spool: string): Promise<string | null> {
  const text = ((await readHead(spool, EPOCH, 20)) ?? '').trim();
  return EPOCH_PATTERN.test(text) ? text : null;
}

export async function rememberEpoch(spool: string, staging: string, epoch: string): Promise<void> {
  const draft = path.join(staging, EPOCH);
  await fs.writeFile(draft, `${epoch}\n`);
  await fs.rename(draft, path.join(spool, EPOCH));
}

/** Folders that one `rm` is given; their names must fit on its command line. */
const REMOVED_AT_ONCE = 200;

/** Afterwards nothing of the jobs' folders is left. In a process of its own: here each of a job's ten files would take two calls. */
export async function removeFolders(folders: readonly string[]): Promise<void> {
  for (let first = 0; first < folders.length; first += REMOVED_AT_ONCE) {
    const some = folders.slice(first, first + REMOVED_AT_ONCE);
    await promisify(execFile)('rm', ['-rf', '--', ...some]);
  }
}

/** The first `bytes` of a file of the job; null if there is none. */
export async function readHead(
  folder: string,
  name: string,
  bytes: number,
): Promise<string | null> {
  return (await readEnds(folder, name, { head: bytes, tail: 0 }))?.head.toString('utf8') ?? null;
}

/**
 * The beginning and the end of a file of the job, and its size; null if there is none. NOTE: a payload owns its folder. What it puts there
 * in place of a file (a link, a pipe) is neither followed nor waited for.
 */
export async function readEnds(
  folder: string,
  name: string,
  part: { head: number; tail: number },
): Promise<{ size: number; head: Buffer; tail: Buffer } | null> {
  let handle;
  try {
    handle = await fs.open(
      path.join(folder, name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EACCES', 'EISDIR')) return null;
    throw error;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) return null;
    const { size } = stats;
    const head = await readPart(handle, 0, Math.min(size, part.head));
    const rest = Math.min(size - head.length, part.tail);
    return { size, head, tail: await readPart(handle, size - rest, rest) };
  } finally {
    await handle.close();
  }
}

async function readPart(handle: fs.FileHandle, start: number, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, start);
  return buffer.subarray(0, bytesRead);
}

/** When a file of the job was last written (ms since 1970); null if it is not there. */
export async function writtenAt(folder: string, name: string): Promise<number | null> {
  const stats = await statOrNull(path.join(folder, name));
  return stats === null ? null : Math.round(stats.mtimeMs);
}

/** Null if there is no such file. */
export async function statOrNull(file: string): Promise<Stats | null> {
  try {
    return await fs.lstat(file);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** Whether an error of the file system is one of these. */
export function isCode(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
