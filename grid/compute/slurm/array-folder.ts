import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import path from 'node:path';
import { isCode } from '../spool.js';

/**
 * What is known of the arrays of a site, on the disk that it shares with its nodes. An array is `<folder>/<number>/`; it appears whole, by a
 * rename, before Slurm is told of it, and the number tells which came first. A job that stands in several arrays belongs to the first. In it:
 *
 * - `tasks`: the name of the array, under which Slurm has it, and a line for each task: where its part of `own` begins, how long it is (bytes),
 *   which common part follows, the name of its job. `own` and `common.N` together are the wrappers, so that a node makes a job's folder and
 *   not the submission: on a shared disk a thousand small files cost more than all else.
 * - `id`: Slurm's id, once it has told it.
 * - `started.N`, created once with O_EXCL: by `array.sh` as the first thing that it does (`<array id> <node>`), or by somebody who decides
 *   that the task never starts (`FORBIDDEN`). Whoever creates it first has decided, so that nothing runs twice, however often Slurm starts it.
 * - `job.N/`: the folder of the job; `symptom.N`: what Slurm has said of its end, if that is needed.
 * - `forgotten`: the name of the array, and the tasks that are forgotten, a line of indexes each time. With the last one the array goes, and
 *   its number may be given again.
 *
 * Beside the arrays, `ended/` holds the names of jobs that were ended before they came.
 */
const TASKS = 'tasks';
const ID = 'id';
const FORGOTTEN = 'forgotten';
const ENDED = 'ended';

/** Why a task never starts: it was `ended` here, it stands `elsewhere` in an earlier array, or Slurm has `lost` it. */
const FORBIDDEN = ['ended', 'elsewhere', 'lost'] as const;
export type Forbidden = (typeof FORBIDDEN)[number];

/** Who has decided about the start of a task, and when (ms since 1970). */
export interface TaskStart {
  readonly by: Forbidden | 'node';
  readonly at: number;
  /** Slurm's id of the array as which it was started; empty if it was not. */
  readonly id: string;
}

/** The wrapper of a job: its own part, and the one that others share. */
export interface ArrayJob {
  readonly name: string;
  readonly own: string;
  readonly common: string;
}

export interface StoredArray {
  readonly number: number;
  readonly folder: string;
  /** Unique for ever. */
  readonly name: string;
  readonly jobs: readonly string[];
}

/** Writes an array and moves it to the next free number. */
export async function publishArray(
  spool: string,
  staging: string,
  jobs: readonly ArrayJob[],
): Promise<StoredArray> {
  const name = `fabrica-${randomBytes(8).toString('hex')}`;
  const draft = path.join(staging, name);
  await fs.mkdir(draft);
  const commons = [...new Set(jobs.map(({ common }) => common))];
  let offset = 0;
  const lines = jobs.map(({ common, name: job, own }) => {
    const length = Buffer.byteLength(own);
    const line = `${offset} ${length} ${commons.indexOf(common)} ${job}\n`;
    offset += length;
    return line;
  });
  await Promise.all([
    // What is a job's own may be secret.
    fs.writeFile(path.join(draft, 'own'), jobs.map(({ own }) => own).join(''), { mode: 0o600 }),
    fs.writeFile(path.join(draft, TASKS), `${name}\n${lines.join('')}`),
    fs.writeFile(path.join(draft, FORGOTTEN), `${name}\n`),
    ...commons.map((text, i) => fs.writeFile(path.join(draft, `common.${i}`), text)),
  ]);
  for (let number = 1 + Math.max(0, ...(await arrayNumbers(spool))); ; number++) {
    const folder = path.join(spool, String(number));
    try {
      await fs.rename(draft, folder);
      return { number, folder, name, jobs: jobs.map((job) => job.name) };
    } catch (error) {
      if (!isCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
  }
}

/** The numbers of all arrays, in no order. */
export async function arrayNumbers(spool: string): Promise<number[]> {
  return (await fs.readdir(spool)).filter((name) => /^\d{1,12}$/.test(name)).map(Number);
}

/** Null if it is gone, or just being removed. */
export async function readArray(spool: string, number: number): Promise<StoredArray | null> {
  const folder = path.join(spool, String(number));
  const text = await readOrNull(path.join(folder, TASKS));
  if (text === null) {
    // Whoever was removing it is gone, or will find that it is.
    await fs.rm(folder, { recursive: true, force: true });
    return null;
  }
  const [name = '', ...lines] = text.trimEnd().split('\n');
  return { number, folder, name, jobs: lines.map((line) => line.split(' ')[3] ?? '') };
}

export async function readId({ folder }: StoredArray): Promise<string | null> {
  return (await readOrNull(path.join(folder, ID)))?.trim() || null;
}

export async function writeId({ folder }: StoredArray, id: string): Promise<void> {
  await fs.writeFile(path.join(folder, ID), `${id}\n`);
}

/** Decides that a task never starts; false if it was decided before, one way or the other. */
export async function forbidTask(
  { folder }: StoredArray,
  index: number,
  why: Forbidden,
): Promise<boolean> {
  try {
    await fs.writeFile(path.join(folder, `started.${index}`), `${why}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** The tasks whose start is decided. NOTE: opening the folder makes a network file system ask its server anew. */
export async function decidedTasks({ folder }: StoredArray): Promise<ReadonlySet<number>> {
  const decided = new Set<number>();
  for (const name of await fs.readdir(folder)) {
    const found = /^started\.(\d+)$/.exec(name)?.[1];
    if (found !== undefined) decided.add(Number(found));
  }
  return decided;
}

/** Null if nobody has decided. */
export async function taskStart({ folder }: StoredArray, index: number): Promise<TaskStart | null> {
  const file = path.join(folder, `started.${index}`);
  const text = await readOrNull(file);
  if (text === null) return null;
  const by = FORBIDDEN.find((word) => text === `${word}\n`) ?? 'node';
  const id = by === 'node' ? (/^\d+/.exec(text)?.[0] ?? '') : '';
  return { by, id, at: Math.round((await fs.stat(file)).mtimeMs) };
}

/** NOTE: a network file system may say that a file is not there which it has not seen; it asks anew for a folder that is opened. */
export async function lookAnew({ folder }: StoredArray, index: number): Promise<void> {
  await fs.readdir(path.join(folder, `job.${index}`)).catch(() => undefined);
}

export const jobFolderOf = ({ folder }: StoredArray, index: number): string =>
  path.join(folder, `job.${index}`);

export async function readSymptom({ folder }: StoredArray, index: number): Promise<string | null> {
  return readOrNull(path.join(folder, `symptom.${index}`));
}

export async function writeSymptom(
  { folder }: StoredArray,
  index: number,
  text: string,
): Promise<void> {
  await fs.writeFile(path.join(folder, `symptom.${index}`), text);
}

/** Indexes, as `expressionOf` writes them; null if the array is gone. */
export async function readForgotten({
  folder,
  name,
}: StoredArray): Promise<readonly string[] | null> {
  const [found, ...lines] = ((await readOrNull(path.join(folder, FORGOTTEN))) ?? '').split('\n');
  return found === name ? lines.filter(Boolean) : null;
}

export async function writeForgotten({ folder }: StoredArray, indexes: string): Promise<void> {
  await fs.appendFile(path.join(folder, FORGOTTEN), `${indexes}\n`);
}

/** Whatever of it Slurm starts from now on leaves at once. */
export async function removeArray({ folder }: StoredArray): Promise<void> {
  await fs.rm(path.join(folder, TASKS), { force: true });
  await fs.rm(folder, { recursive: true, force: true });
}

/** The jobs that were ended before they came. */
export async function endedJobs(spool: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await fs.readdir(path.join(spool, ENDED)));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return new Set();
    throw error;
  }
}

export async function noteEnded(spool: string, job: string): Promise<void> {
  await fs.mkdir(path.join(spool, ENDED), { recursive: true });
  await fs.writeFile(path.join(spool, ENDED, job), '');
}

export async function forgetEnded(spool: string, jobs: Iterable<string>): Promise<void> {
  for (const job of jobs) await fs.rm(path.join(spool, ENDED, job), { force: true });
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
