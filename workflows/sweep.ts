import { ActivityFailure, continueAsNew, isCancellation } from '@temporalio/workflow';
import type { DoubtfulSource } from '../activities/control/sweep-repairs.js';
import type { SweepInput } from '../activities/control/sweeps.js';
import type { CopyResult, StoredExpectation } from '../activities/storage/index.js';
import type { SweepReport } from '../domain/sweep.js';
import { control, storageAt } from './activities.js';
import { makeAgain } from './make-again.js';

/** Where a sweep stands: carried from run to run. */
interface Course {
  readonly epoch: string;
  readonly sweep: number;
  /** Still to be listed; the first one after `after`. */
  readonly directories: readonly string[];
  /** Directories of this catalog; what is beside them belongs to others. */
  readonly own: readonly string[];
  readonly stage: 'list' | 'count' | 'look' | 'repair' | 'end';
  readonly after: string;
  readonly files: number;
  readonly foreign: number;
  readonly foreignMore: boolean;
  readonly repaired: number;
  /** Why nothing more is repaired; empty if nothing keeps it. */
  readonly obstacle: string;
}

/** Files in a listing, and in one whose files are read as well. */
const LISTED = 2_000;
const READ = 200;
/** Files of others in one count, and counts at most. */
const COUNTED = 50_000;
const COUNTS = 40;
/** Steps in one run: each carries up to some hundred kB through the history. */
const STEPS = 60;
/** What is ours below a root and in no epoch. */
const PROBES = '/fabrica-probe';

/**
 * Compares a storage with the catalog, both ways: files that nobody knows, and catalogued ones that are missing or not as they should be. What
 * looks wrong is looked at again at the end; what stays wrong is recorded, and repaired where that is asked for. A storage that does not
 * answer ends the sweep, with the reason.
 */
export async function sweep(
  input: SweepInput & { readonly course?: Course },
): Promise<SweepReport> {
  const { course: given, ...order } = input;
  const { storage } = order;
  let course: Course = given ?? (await begin(order));
  const ref = { epoch: course.epoch, storage, sweep: course.sweep };
  let failure = '';
  try {
    for (let step = 0; course.stage !== 'end'; step++) {
      if (step === STEPS) await continueAsNew<typeof sweep>({ ...order, course });
      course = await advance(order, course);
    }
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    failure = error.cause?.message ?? error.message;
  }
  const { files, foreign, foreignMore, repaired } = course;
  failure ||= course.obstacle;
  return control.endSweep({ ...ref, files, foreign, foreignMore, repaired, failure });
}

async function begin(order: SweepInput): Promise<Course> {
  const begun = await control.beginSweep(order);
  return {
    ...begun,
    ...{
      stage: 'list',
      after: '',
      files: 0,
      foreign: 0,
      foreignMore: false,
      repaired: 0,
      obstacle: '',
    },
  };
}

async function advance(order: SweepInput, course: Course): Promise<Course> {
  switch (course.stage) {
    case 'list':
      return list(order, course);
    case 'count':
      return count(order, course);
    case 'look':
      return look(order, course);
    case 'repair':
      return repair(order, course);
    case 'end':
      return course;
  }
}

async function list(order: SweepInput, course: Course): Promise<Course> {
  const { checksums, production, storage } = order;
  const [directory, ...others] = course.directories;
  // Whether it answers at all is soon known; what it then does may take long.
  if (course.after === '') await storageAt(storage, '15 seconds').measureSpace({ storage });
  if (directory === undefined) {
    return { ...course, stage: production === null ? 'count' : 'look', after: '' };
  }
  const after = course.after === '' ? `${directory}/` : course.after;
  const page = await storageAt(storage, '10 minutes').listPage({
    ...{ storage, directory, after },
    limit: checksums ? READ : LISTED,
  });
  const ref = { epoch: course.epoch, storage, sweep: course.sweep };
  const { count: good, expected } = await control.comparePage({
    ...{ ...ref, after, listing: page.listing },
    // '0' comes after '/', and before all other directories that begin alike.
    last: page.last ?? `${directory}0`,
  });
  if (good > 0) {
    const batch = { storage, count: good, files: expected };
    const problems = await storageAt(storage, '1 hour').verifyPage(batch);
    if (problems.length > 0) await control.suspectDamaged({ ...ref, problems });
  }
  const files = course.files + page.files;
  return page.last === null
    ? { ...course, files, directories: others, after: '' }
    : { ...course, files, after: page.last };
}

async function count({ storage }: SweepInput, course: Course): Promise<Course> {
  const answer = await storageAt(storage, '10 minutes').countFiles({
    ...{ storage, after: course.after, limit: COUNTED },
    outside: [...course.own, PROBES],
  });
  const foreign = course.foreign + answer.files;
  if (answer.last === null) return { ...course, foreign, stage: 'look', after: '' };
  const foreignMore = foreign >= COUNTED * COUNTS;
  return foreignMore
    ? { ...course, foreign, foreignMore, stage: 'look', after: '' }
    : { ...course, foreign, after: answer.last };
}

async function look({ repair, storage }: SweepInput, course: Course): Promise<Course> {
  const { after, epoch, sweep } = course;
  const ref = { epoch, storage, sweep };
  const { next, ...page } = await control.suspects({ ...ref, after });
  const at = storageAt(storage, '10 minutes');
  const dark = page.dark.length === 0 ? [] : await at.presentFiles({ storage, paths: page.dark });
  const problems =
    page.replicas.length === 0
      ? []
      : await storageAt(storage, '1 hour').verifyFiles({ storage, files: page.replicas });
  await control.confirmSuspects({ ...ref, after, next, dark, problems });
  if (next !== null) return { ...course, after: next };
  return { ...course, stage: repair ? 'repair' : 'end', after: '' };
}

async function repair({ believeLost, storage }: SweepInput, course: Course): Promise<Course> {
  const { after, epoch, sweep } = course;
  let { repaired } = course;
  const ref = { epoch, storage, sweep };
  const obstacle = believeLost ? '' : await control.repairObstacle(ref);
  if (obstacle !== '') return { ...course, obstacle, stage: 'end' };
  const sources = await control.repairSources({ ...ref, after });
  const doubtful = (await Promise.all(sources.map(doubts))).flat();
  const { copies, lost, next, remove } = await control.planRepairs({ ...ref, after, doubtful });
  for (const { paths, production, replicas } of lost) {
    const problem = await makeAgain(production, replicas, 'a sweep has found files lost', () =>
      control.reprocessLost({ ...ref, production, replicas }),
    );
    await control.recordReprocess({ ...ref, paths, problem });
    if (problem === '') repaired += paths.length;
  }
  if (remove.length > 0) {
    const { refused } = await removed(epoch, storage, remove);
    const kept = new Set(refused.map(({ path }) => path));
    const gone = remove.map(({ path }) => path).filter((path) => !kept.has(path));
    await control.recordPayment({ epoch, storage, gone, refused });
    const orders = copies.filter(({ path }) => !kept.has(path));
    const results =
      orders.length === 0
        ? []
        : await storageAt(storage, '1 hour').copyFiles({ storage, files: orders });
    const byFile = new Map<number, CopyResult>(results.map((one) => [one.transfer, one]));
    const copied = orders.flatMap((order) => {
      const result = byFile.get(order.transfer);
      return result === undefined ? [] : [{ order, result }];
    });
    const recorded = await control.recordRepairs({ ...ref, gone, refused, copied });
    repaired += recorded.repaired;
  }
  return next === null
    ? { ...course, repaired, stage: 'end' }
    : { ...course, repaired, after: next };
}

/** Which of these replicas can not be copied from. */
async function doubts({
  files,
  storage,
}: {
  storage: string;
  files: readonly StoredExpectation[];
}): Promise<DoubtfulSource[]> {
  try {
    const problems = await storageAt(storage, '2 minutes').verifyFiles({ storage, files });
    return problems.map(({ path }) => ({ storage, path, bad: true }));
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return files.map(({ path }) => ({ storage, path, bad: false }));
  }
}

/** Removes what it can. If the storage does not answer, what was to be removed is a debt. */
async function removed(
  epoch: string,
  storage: string,
  paths: readonly { path: string; shape: 'file' }[],
): Promise<{ refused: { path: string; reason: string }[] }> {
  try {
    return await storageAt(storage, '2 minutes').removeEach({ storage, paths });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const failure = error.cause?.message ?? error.message;
    await control.closePayment({ epoch, storage, paid: 0, failure });
    throw error;
  }
}
