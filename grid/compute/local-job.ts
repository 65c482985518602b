import { createHash, randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import path from 'node:path';
import { isCode, isJobName, readHead, statOrNull } from './spool.js';
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

export function jobFolder(spool: string, name: string): string {
  return path.join(spool, jobPlace(name));
}

/** The folder of a job, relative to the spool. */
export function jobPlace(name: string): string {
  return path.join(createHash('sha1').update(name).digest('hex').slice(0, 2), name);
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

/** All jobs of a spool, in no order. */
export async function* jobsIn(spool: string): AsyncGenerator<{ name: string; folder: string }> {
  for (const shard of await fs.readdir(spool)) {
    if (!/^[0-9a-f]{2}$/.test(shard)) continue;
    for (const name of await fs.readdir(path.join(spool, shard))) {
      if (isJobName(name)) yield { name, folder: path.join(spool, shard, name) };
    }
  }
}
