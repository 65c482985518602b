import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, promises as fs } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { EPOCH_PATTERN, NAME_PATTERN } from '../../domain/names.js';
import type { ProcessIdentity } from './process.js';

/**
 * The folder of one job of a local computing element: `<spool>/<2 hex digits of a hash of the name>/<name>/`. It appears whole, by
 * a rename, with `wrapper.sh` in it, whose modification time is the job's place in the queue. What else is in it:
 *
 * - `wrapper.started`, created once with O_EXCL: either by the wrapper's own process as the first thing it does
 *   (`<pid> <start time>`), or by somebody who decides that the job never starts (`ended`). Whoever creates it first has
 *   decided; a process that comes second leaves at once. So no crash can start a job twice or leave a start in doubt.
 * - `report`, `log`, `fabrica-report.json` and the payload's own files.
 */
const SCRIPT = 'wrapper.sh';
const STARTED = 'wrapper.started';
const TOMBSTONE = 'ended';
const STAGING_PREFIX = '.staging-';
const EPOCH = 'epoch';

/** Older staging folders (ms) belong to processes that are gone. */
const STAGING_LIFE = 3_600_000;

/** Exit code of a launcher that came second. */
export const CAME_SECOND = 75;

/**
 * What starts a wrapper, for `sh -c` in the job's folder; its argument is when the machine started, in hundredths of a second since
 * 1970. In the same process, so it costs nothing.
 */
export const LAUNCHER = `stat='' job_started='' job_token=''
[ ! -r /proc/$$/stat ] || read -r stat </proc/$$/stat
if [ -r /proc/uptime ]; then
  read -r job_started _ </proc/uptime
  job_started=$(($1 + \${job_started%.*} * 100 + 1\${job_started#*.} - 100))
fi
[ ! -r /proc/sys/kernel/random/uuid ] || read -r job_token </proc/sys/kernel/random/uuid
set -f
set -- \${stat##*) }
set -C
{ printf '%s %s\\n' "$$" "\${20:--}" >${STARTED}; } 2>/dev/null || exit ${CAME_SECOND}
set +C +f
set --
. ./${SCRIPT}`;

/** Who has decided about the start of a job. `unclear`: the file is created but not yet filled. */
export type Start =
  | { readonly by: 'nobody' | 'tombstone' | 'unclear'; readonly at: number }
  | { readonly by: 'process'; readonly at: number; readonly process: ProcessIdentity };

/** A name that can be a folder. */
export function isJobName(name: string): boolean {
  return NAME_PATTERN.test(name) && name.length <= 200;
}

export function jobFolder(spool: string, name: string): string {
  return path.join(spool, jobPlace(name));
}

/** The folder of a job, relative to the spool. */
export function jobPlace(name: string): string {
  return path.join(createHash('sha1').update(name).digest('hex').slice(0, 2), name);
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

/**
 * Writes a job's folder and moves it into its place; false if the job is there already. `order` is its place in the queue, as a
 * time (ms, to the microsecond).
 */
export async function createJob(
  staging: string,
  folder: string,
  script: string,
  order: number,
): Promise<boolean> {
  const draft = path.join(staging, randomBytes(8).toString('hex'));
  await fs.mkdir(draft);
  // It may hold what makes storages answer.
  const file = await fs.open(path.join(draft, SCRIPT), 'wx', 0o600);
  try {
    await file.writeFile(script);
    await file.utimes(order / 1000, order / 1000);
  } finally {
    await file.close();
  }
  try {
    await renameInto(draft, folder);
    return true;
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}

async function renameInto(draft: string, folder: string): Promise<void> {
  try {
    await fs.rename(draft, folder);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    await fs.mkdir(path.dirname(folder), { recursive: true });
    await fs.rename(draft, folder);
  }
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

/** The job's place in the queue; null if there is no such job. */
export async function jobOrder(folder: string): Promise<number | null> {
  return (await statOrNull(path.join(folder, SCRIPT)))?.mtimeMs ?? null;
}

/** Decides that the job never starts; false if it was decided before. The job need not exist. */
export async function forbidStart(folder: string): Promise<boolean> {
  await fs.mkdir(folder, { recursive: true });
  try {
    await fs.writeFile(path.join(folder, STARTED), `${TOMBSTONE}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Who has decided about the start of the job, and when (ms since 1970). */
export async function startOf(folder: string): Promise<Start> {
  const file = path.join(folder, STARTED);
  const stats = await statOrNull(file);
  if (stats === null) return { by: 'nobody', at: 0 };
  const at = Math.round(stats.mtimeMs);
  const text = (await readHead(folder, STARTED, 200)) ?? '';
  const found = /^(\d{1,10}) (\d{1,20}|-)\n$/.exec(text);
  if (found !== null) {
    const [, pid = '', start = ''] = found;
    return { by: 'process', at, process: { pid: Number(pid), start } };
  }
  return { by: text === `${TOMBSTONE}\n` ? 'tombstone' : 'unclear', at };
}

/** Folders that one `rm` is given; their names must fit on its command line. */
const REMOVED_AT_ONCE = 200;

/** Afterwards nothing of the jobs is left. In a process of its own: here each of a job's ten files would take two calls. */
export async function removeJobs(folders: readonly string[]): Promise<void> {
  for (let first = 0; first < folders.length; first += REMOVED_AT_ONCE) {
    const some = folders.slice(first, first + REMOVED_AT_ONCE);
    await promisify(execFile)('rm', ['-rf', '--', ...some]);
  }
}

/** When a file of the job was last written (ms since 1970); null if it is not there. */
export async function writtenAt(folder: string, name: string): Promise<number | null> {
  const stats = await statOrNull(path.join(folder, name));
  return stats === null ? null : Math.round(stats.mtimeMs);
}

/** All jobs of a spool, in no order. */
export async function* jobsIn(spool: string): AsyncGenerator<{ name: string; folder: string }> {
  for (const shard of await fs.readdir(spool)) {
    if (!/^[0-9a-f]{2}$/.test(shard)) continue;
    for (const name of await fs.readdir(path.join(spool, shard))) {
      if (isJobName(name)) yield { name, folder: path.join(spool, shard, name) };
    }
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

async function statOrNull(file: string): Promise<Stats | null> {
  try {
    return await fs.lstat(file);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
