import { blocksOf, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import {
  filesInFolder,
  filesNamed,
  filesOfJobs,
  jobsDone,
  jobsNumbered,
  lastJobNumber,
  lineageOf,
  makersOf,
  replicasNamed,
  type FoundReplica,
  type MadeFile,
  type MadeJob,
} from '../../catalog/reprocess.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { allSites } from '../../catalog/resources.js';
import { counted } from '../../domain/counted.js';
import { countNumbers, someJobNumbers } from '../../domain/job-numbers.js';
import { quoted } from '../../domain/problem.js';
import type { JobSelection, ReplicaName } from '../../domain/selection.js';
import type { FileKind } from '../../domain/states/file.js';
import { planReprocessing, type Reprocessing } from '../../policy/reprocessing.js';

/** What a request to run things again comes to. */
export interface ReprocessPlan {
  readonly blocks: readonly (Reprocessing & { readonly row: BlockRow })[];
  /** Jobs that were asked for and run or wait already. */
  readonly open: readonly number[];
  /** Copies that are lost or damaged. */
  readonly lost: readonly { readonly file: number; readonly storage: string }[];
  /** Valid files that are replaced. */
  readonly files: readonly { readonly lfn: string; readonly kind: FileKind }[];
}

/** Why nothing may be done. */
export interface Unplanned {
  readonly problem: string;
  /** What may be done about it; left out where what is asked for could not be done at any time. */
  readonly remedy?: string;
}

/** More jobs in one request would keep everybody else from the catalog for too long. */
const MOST_JOBS = 50_000;

/**
 * Which jobs and merges of a production run again for a selection, and which files are replaced; changes nothing.
 */
export async function planReprocess(
  db: Db,
  production: ProductionRow,
  selection: JobSelection,
): Promise<ReprocessPlan | Unplanned> {
  const asked = await askedFor(db, production, selection);
  if ('problem' in asked) return asked;
  if (asked.jobs.length + asked.merges.length > MOST_JOBS) {
    return { problem: tooMany(asked.jobs.length + asked.merges.length) };
  }
  const blocks = new Map((await blocksOf(db, production.id)).map((row) => [row.number, row]));
  const byBlock = new Map<number, { jobs: number[]; merges: number[] }>();
  const askedIn = (block: number): { jobs: number[]; merges: number[] } => {
    const list = byBlock.get(block) ?? { jobs: [], merges: [] };
    byBlock.set(block, list);
    return list;
  };
  for (const { number, block } of asked.jobs) askedIn(block).jobs.push(number);
  for (const { number, block } of asked.merges) askedIn(block).merges.push(number);
  // A final file with too few copies gets them when its block goes through its stages again.
  for (const block of asked.recopied) askedIn(block);

  const lost = countByFile(asked.lost);
  const plans: (Reprocessing & { row: BlockRow })[] = [];
  const files: { lfn: string; kind: FileKind }[] = [];
  let again = 0;
  for (const [number, of] of [...byBlock].sort(([a], [b]) => a - b)) {
    const row = blocks.get(number);
    if (row === undefined) continue;
    if (row.state === 'Discarded') {
      const remedy = `Select jobs of other blocks: \`fabrica jobs ${production.name}\` lists them.`;
      return { problem: `block ${number} was given up with its files`, remedy };
    }
    const lineage = await lineageOf(db, { production: production.id, block: number });
    const plan = planReprocessing(
      {
        merges: lineage.merges,
        outputs: lineage.outputs.map(({ file, job, copies }) => ({
          file,
          job,
          here: copies > (lost.get(file) ?? 0),
        })),
      },
      of,
    );
    again += plan.again.length;
    if (again > MOST_JOBS) return { problem: tooMany(again) };
    plans.push({ row, ...plan });
    const jobs = [...plan.again.map(({ job }) => job), ...plan.repeated, ...plan.retired];
    files.push(...(await filesOfJobs(db, production.id, jobs)));
  }
  return { blocks: plans, open: asked.open, lost: asked.lost, files };
}

interface Asked {
  readonly jobs: readonly MadeJob[];
  readonly merges: readonly MadeJob[];
  readonly open: readonly number[];
  readonly lost: readonly { readonly file: number; readonly storage: string }[];
  readonly recopied: readonly number[];
}

async function askedFor(
  db: Db,
  production: ProductionRow,
  selection: JobSelection,
): Promise<Asked | Unplanned> {
  const { files, jobs, lost, site, since } = selection;
  if (lost !== undefined) {
    return [files, jobs, site, since].some((one) => one !== undefined)
      ? { problem: 'lost copies are named alone, without jobs, files, site or since' }
      : askedByLoss(db, production, lost);
  }
  const found: MadeJob[][] = [];
  if (jobs !== undefined) {
    const last = await lastJobNumber(db, production.id);
    const beyond = jobs.find(({ to }) => to > last);
    if (beyond !== undefined) return { problem: unknownJobs(production, beyond, last) };
    if (countNumbers(jobs) > MOST_JOBS) return { problem: tooMany(countNumbers(jobs)) };
    found.push(await jobsNumbered(db, production.id, jobs));
  }
  if (files !== undefined) {
    const made = await askedByFiles(db, production, files);
    if ('problem' in made) return made;
    found.push(made.jobs);
  }
  const named = intersection(found);
  const bad = (named ?? []).filter(({ state }) => UNREPEATABLE[state] !== undefined);
  if (bad.length > 0) {
    const parked = bad.some(({ state }) => state === 'Parked');
    const tried = parked ? ` (\`fabrica release ${production.name}\` tries parked ones again)` : '';
    return { problem: unrepeatable(bad), remedy: `Leave them out${tried}.` };
  }

  if (site !== undefined || since !== undefined) {
    const unknown = site === undefined ? null : await siteProblem(db, site);
    if (unknown !== null) return { problem: unknown };
    const done = await jobsDone(db, production.id, { site: site ?? null, since: since ?? 0 });
    const chosen = named === null ? done : intersection([done, named]);
    if (chosen === null || chosen.length === 0) {
      const where = site === undefined ? '' : ` at ${site}`;
      const when = since === undefined ? '' : ` since ${timeText(since)}`;
      return {
        problem: `${named === null ? 'no job of it has' : 'none of these jobs has'} ended well${where}${when}`,
        remedy: `Select others: \`fabrica jobs ${production.name}\` lists them.`,
      };
    }
    return { ...split(chosen), ...NOTHING_ELSE };
  }
  if (named === null) {
    return { problem: 'it must be told what: jobs, files, a site or a time (since)' };
  }
  return { ...split(named), ...NOTHING_ELSE };
}

const NOTHING_ELSE = { lost: [], recopied: [] } as const;

/** Why a job in this state can not run again; jobs that are open run anyway. */
const UNREPEATABLE: Partial<Record<MadeJob['state'], string>> = {
  Parked: 'parked',
  Split: 'split: other jobs have its events',
  Waived: 'given up',
  Cancelled: 'cancelled',
};

function unrepeatable(jobs: readonly MadeJob[]): string {
  const parts = Object.entries(UNREPEATABLE).flatMap(([state, why]) => {
    const numbers = jobs.filter((job) => job.state === state).map(({ number }) => number);
    if (numbers.length === 0) return [];
    return [`${numbers.length === 1 ? 'job' : 'jobs'} ${someJobNumbers(numbers)}: ${why}`];
  });
  return `only jobs that are done run again; ${parts.join('; ')}`;
}

function split(jobs: readonly MadeJob[]): Pick<Asked, 'jobs' | 'merges' | 'open'> {
  const done = jobs.filter(({ state }) => state === 'Done');
  return {
    jobs: done.filter(({ kind }) => kind !== 'merge'),
    merges: done.filter(({ kind }) => kind === 'merge'),
    open: jobs.filter(({ state }) => state !== 'Done').map(({ number }) => number),
  };
}

/** The jobs that are in each list, once; null of no list. */
function intersection(lists: readonly (readonly MadeJob[])[]): MadeJob[] | null {
  const [first, ...others] = lists;
  if (first === undefined) return null;
  const numbers = others.map((list) => new Set(list.map(({ number }) => number)));
  const unique = new Map(first.map((job) => [job.number, job]));
  return [...unique.values()].filter(({ number }) => numbers.every((set) => set.has(number)));
}

/** The jobs that made these files, or the files in these folders. */
async function askedByFiles(
  db: Db,
  production: ProductionRow,
  names: readonly string[],
): Promise<{ jobs: MadeJob[] } | Unplanned> {
  const known = await filesNamed(db, production.id, names);
  const byName = new Map(known.map((file) => [file.lfn, file]));
  const found: MadeFile[] = [...known];
  for (const name of new Set(names)) {
    const file = byName.get(name);
    if (file === undefined) {
      const inside = await filesInFolder(db, production.id, name);
      if (inside.length === 0) {
        return { problem: `it has made no file ${quoted(name)}, and none in such a folder` };
      }
      found.push(...inside);
    } else if (!file.current || (file.fileKind === 'merged' && file.fileState !== 'Valid')) {
      return {
        problem: `${name} is ${file.fileState} and has been replaced`,
        remedy: `\`fabrica files ${production.name}\` lists the present files.`,
      };
    }
  }
  const merged = found.filter(({ fileKind }) => fileKind === 'merged').map(({ file }) => file);
  const outputs = found.filter(({ fileKind }) => fileKind === 'output');
  return { jobs: [...outputs, ...(await makersOf(db, production.id, merged))] };
}

/** What is needed to have again what these copies held: another copy, the merge alone, or the jobs. */
async function askedByLoss(
  db: Db,
  production: ProductionRow,
  replicas: readonly ReplicaName[],
): Promise<Asked | Unplanned> {
  const found = await replicasNamed(db, production.id, replicas);
  const known = new Set(found.map(({ path, storage }) => `${storage} ${path}`));
  const unknown = replicas.find(({ path, storage }) => !known.has(`${storage} ${path}`));
  if (unknown !== undefined) {
    return {
      problem: `no file of it is catalogued as ${quoted(unknown.path)} on ${quoted(unknown.storage)}`,
    };
  }
  const lost = found.filter(({ available, fileState }) => available && fileState === 'Valid');
  const perFile = countByFile(lost);
  const gone = (one: FoundReplica): boolean => (perFile.get(one.file) ?? 0) >= one.copies;
  const makers = intersection([lost.filter(gone)]) ?? [];
  return {
    ...split(makers),
    lost,
    recopied: [...new Set(lost.filter((one) => !gone(one)).map(({ block }) => block))],
  };
}

function countByFile(copies: readonly { readonly file: number }[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { file } of copies) counts.set(file, (counts.get(file) ?? 0) + 1);
  return counts;
}

function unknownJobs(
  production: ProductionRow,
  { from, to }: { from: number; to: number },
  last: number,
): string {
  const first = Math.max(from, last + 1);
  const what = first === to ? `is no job ${to}` : `are no jobs ${first}-${to}`;
  return `there ${what}: ${last === 0 ? `${production.name} has no jobs yet` : `its jobs are 1-${last}`}`;
}

function tooMany(jobs: number): string {
  return `${counted(jobs, 'job')} at once are too many, at most ${counted(MOST_JOBS, 'job')} may run again by one request: name fewer`;
}

async function siteProblem(db: Db, site: string): Promise<string | null> {
  const sites = (await allSites(db)).map(({ name }) => name);
  if (sites.includes(site)) return null;
  return `no site is named ${quoted(site)}; there are ${sites.join(', ')}`;
}

function timeText(time: number): string {
  // Beyond it there are no dates.
  return time > 8.64e15 ? String(time) : new Date(time).toISOString();
}
