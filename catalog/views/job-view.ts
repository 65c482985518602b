import type { FailureStep } from '../../domain/bundle.js';
import { FabricaError } from '../../domain/errors.js';
import type { Blame, FailureClass } from '../../domain/failure-class.js';
import { parseJobNumbers } from '../../domain/job-numbers.js';
import type { AttemptState } from '../../domain/states/attempt.js';
import type { FileState } from '../../domain/states/file.js';
import type { JobKind, JobState } from '../../domain/states/job.js';
import type { Evidence } from '../attempts.js';
import type { Db } from '../catalog.js';
import { replicasOf } from '../files.js';
import { lostInputs, type LostInput } from '../job-inputs.js';
import { revisionOf, type ProductionRow } from '../productions.js';
import { allSites, effectiveState } from '../resources.js';
import { exclusionsAt } from '../tallies.js';
import { logAt, type LogAt } from './log-place.js';

/** One try of a job. Times in ms since 1970, in an order that can be: see `inOrder`; durations in s, memory in MB. */
export interface AttemptView {
  readonly attempt: number;
  readonly state: AttemptState;
  readonly site: string;
  readonly bundle: number;
  readonly placedAt: number;
  readonly startedAt: number | null;
  /** When its site had taken its bundle; null if nobody knows yet. */
  readonly submittedAt: number | null;
  readonly endedAt: number | null;
  /** When its end was recorded. */
  readonly settledAt: number | null;
  readonly node: string;
  readonly ceId: string;
  readonly step: FailureStep | null;
  readonly exitCode: number | null;
  readonly class: FailureClass | null;
  /** Who is blamed, as far as is known now. */
  readonly blame: Blame | null;
  /** The rule of diagnosis that gave the class. */
  readonly rule: string | null;
  readonly evidence: Evidence | null;
  readonly reason: string;
  readonly logTail: string;
  readonly log: LogPlace;
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly memoryMB: number | null;
}

export interface LogPlace {
  readonly at: LogAt;
  /** The archive that it is in or was in; null if it never came to one. */
  readonly archive: { readonly lfn: string; readonly state: FileState } | null;
  /** Where that archive lies. */
  readonly replicas: readonly { readonly storage: string; readonly path: string }[];
}

/** A file that a job made, and where it lies. */
export interface OutputView {
  readonly lfn: string;
  readonly level: string;
  readonly state: FileState;
  readonly attempt: number | null;
  readonly size: number;
  readonly adler32: string;
  readonly events: number | null;
  readonly replicas: readonly { storage: string; path: string; state: string }[];
}

export interface JobView {
  readonly production: string;
  readonly job: number;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly block: number;
  readonly seed: number;
  readonly firstEvent: number;
  readonly events: number;
  readonly attempt: number;
  /** Attempts that count against the definition's limit. */
  readonly charged: number;
  /** Attempts that failed by sites, storages or Fabrica. */
  readonly uncharged: number;
  /** Not to be placed before this time, ms; 0 for at once. */
  readonly notBeforeAt: number;
  /** Sites where it has failed by their fault. */
  readonly avoid: readonly string[];
  /** Why a site can get no job of this production now, by site; only the sites that its definition allows. */
  readonly closedSites: readonly { readonly site: string; readonly why: string }[];
  /** Sites that can. */
  readonly openSites: readonly string[];
  /** The job of whose events it has a part; null if it is none. */
  readonly splitFrom: number | null;
  /** The jobs that have taken its events. */
  readonly splitInto: readonly number[];
  /** Who gave it up; null unless it is Waived. */
  readonly waived: { readonly who: string; readonly at: number; readonly why: string } | null;
  readonly attempts: readonly AttemptView[];
  readonly outputs: readonly OutputView[];
  /** LFNs of its input files, and of its overlay files, the first 100. */
  readonly inputs: readonly string[];
  readonly overlay: readonly string[];
  /** How many input files there are. */
  readonly inputFiles: number;
  /** A file that it reads and of which no good copy is left; null if there is none. */
  readonly lostInput: LostInput | null;
}

const MOST_INPUTS = 100;

/** Everything about a job. Throws `FABRICA_JOB_UNKNOWN`. */
export async function viewJob(
  db: Db,
  production: ProductionRow,
  number: number,
  now: number,
): Promise<JobView> {
  const job = await db
    .selectFrom('jobs')
    .selectAll()
    .where('production_id', '=', production.id)
    .where('number', '=', number)
    .executeTakeFirst();
  if (job === undefined) {
    throw new FabricaError(
      'FABRICA_JOB_UNKNOWN',
      `Production ${production.name} has no job ${number}.`,
      { production: production.name, job: number },
      { remedy: `\`fabrica jobs ${production.name}\` lists its jobs.` },
    );
  }
  const { closedSites, openSites } = await sitesFor(db, production, now);
  return {
    production: production.name,
    job: job.number,
    kind: job.kind,
    state: job.state,
    block: job.block,
    seed: job.seed,
    firstEvent: job.first_event,
    events: job.events,
    attempt: job.attempt,
    charged: job.charged,
    uncharged: job.uncharged,
    notBeforeAt: job.not_before,
    avoid: JSON.parse(job.avoid) as string[],
    closedSites,
    openSites,
    splitFrom: job.split_from,
    splitInto: job.state === 'Split' ? await partsOf(db, production.id, number) : [],
    waived: job.state === 'Waived' ? await waiverOf(db, production.id, job) : null,
    attempts: await attemptsOfJob(db, production.id, number),
    outputs: await outputsOfJob(db, production.id, number),
    ...(await inputsOfJob(db, production.id, number)),
    lostInput: (await lostInputs(db, production.id, [number]))[0] ?? null,
  };
}

/** Which sites may get jobs of a production now. */
async function sitesFor(
  db: Db,
  production: ProductionRow,
  now: number,
): Promise<Pick<JobView, 'closedSites' | 'openSites'>> {
  const { definition } = await revisionOf(db, production);
  const excluded = await exclusionsAt(db, production, now);
  const closedSites: { site: string; why: string }[] = [];
  const openSites: string[] = [];
  for (const site of await allSites(db)) {
    if (definition.sites.length > 0 && !definition.sites.includes(site.name)) continue;
    const state = effectiveState(site, now);
    const exclusion = excluded.get(site.name);
    if (state === 'Banned' || state === 'Probing') {
      const reason = site.override_reason ?? '';
      closedSites.push({ site: site.name, why: reason === '' ? state : `${state}: ${reason}` });
    } else if (exclusion !== undefined) {
      closedSites.push({ site: site.name, why: `left out: ${exclusion.why}` });
    } else {
      openSites.push(site.name);
    }
  }
  return { closedSites, openSites };
}

async function partsOf(db: Db, production: number, job: number): Promise<number[]> {
  const rows = await db
    .selectFrom('jobs')
    .select('number')
    .where('production_id', '=', production)
    .where('split_from', '=', job)
    .orderBy('number')
    .execute();
  return rows.map((row) => row.number);
}

/** The latest event that names it. */
async function waiverOf(
  db: Db,
  production: number,
  job: { readonly number: number; readonly block: number },
): Promise<JobView['waived']> {
  const rows = await db
    .selectFrom('events')
    .select(['who', 'at', 'why', 'data', 'block'])
    .where('production_id', '=', production)
    .where((eb) => eb.or([eb('what', 'like', '% waived%'), eb('what', 'like', '% killed%')]))
    .where('what', 'not like', '%refused%')
    .orderBy('id', 'desc')
    .limit(MOST_WAIVERS)
    .execute();
  const found = rows.find(({ data }) => names(data, job.number));
  return found === undefined ? null : { who: found.who, at: found.at, why: found.why };
}

/** Whether the data of an event name a job: in a list, or in a text of ranges. */
function names(data: string, job: number): boolean {
  const { jobs } = JSON.parse(data) as { jobs?: readonly number[] | string };
  if (jobs === undefined) return false;
  if (typeof jobs !== 'string') return jobs.includes(job);
  const parsed = parseJobNumbers(jobs);
  return 'ranges' in parsed && parsed.ranges.some(({ from, to }) => from <= job && job <= to);
}

const MOST_WAIVERS = 1000;

async function attemptsOfJob(db: Db, production: number, job: number): Promise<AttemptView[]> {
  const rows = await db
    .selectFrom('attempts as a')
    .innerJoin('bundles as b', 'b.id', 'a.bundle')
    .leftJoin('files as f', 'f.id', 'b.log_file')
    .select([
      'a.attempt',
      'a.state',
      'a.site',
      'a.bundle',
      'a.placed_at as placedAt',
      'b.submitted_at as submittedAt',
      'a.started_at as startedAt',
      'a.ended_at as endedAt',
      'a.settled_at as settledAt',
      'a.node',
      'a.ce_id as ceId',
      'a.step',
      'a.exit_code as exitCode',
      'a.class',
      'a.blame',
      'a.rule',
      'a.evidence',
      'a.reason',
      'a.log_tail as logTail',
      'a.wall_seconds as wallSeconds',
      'a.cpu_seconds as cpuSeconds',
      'a.memory_mb as memoryMB',
      'a.log_kept as kept',
      'b.cleared_at as clearedAt',
      'f.id as file',
      'f.lfn',
      'f.state as fileState',
    ])
    .where('a.production_id', '=', production)
    .where('a.job', '=', job)
    .orderBy('a.attempt')
    .execute();
  const replicas = await replicasOf(
    db,
    rows.flatMap((row) => row.file ?? []),
  );
  return rows.map(({ kept, clearedAt, evidence, file, lfn, fileState, ...row }) => {
    const archived = kept === 1 && file !== null && lfn !== null && fileState !== null;
    const copies = archived ? (replicas.get(file) ?? []) : [];
    return {
      ...row,
      ...inOrder(row),
      evidence: evidence === null ? null : (JSON.parse(evidence) as Evidence),
      log: {
        at: logAt({ step: row.step, logTail: row.logTail, kept, clearedAt, fileState }),
        archive: archived ? { lfn, state: fileState } : null,
        replicas: copies,
      },
    };
  });
}

type Times = Pick<AttemptView, 'placedAt' | 'submittedAt' | 'startedAt' | 'endedAt' | 'settledAt'>;

/**
 * When a job started and ended is told by the clock of its node, in whole seconds: here it is brought between what Fabrica's own clock has
 * seen before and after. A bundle is submitted when its last job is: for one of its jobs that was when it started, at the latest.
 */
function inOrder({ placedAt, submittedAt, startedAt, endedAt, settledAt }: Times): Times {
  const between = (least: number, at: number | null, most: number | null): number | null =>
    at === null ? null : Math.max(least, Math.min(at, most ?? Infinity));
  const started = between(placedAt, startedAt, settledAt);
  return {
    placedAt,
    submittedAt: between(placedAt, submittedAt, started ?? settledAt),
    startedAt: started,
    endedAt: between(started ?? placedAt, endedAt, settledAt),
    settledAt,
  };
}

async function outputsOfJob(db: Db, production: number, job: number): Promise<OutputView[]> {
  const files = await db
    .selectFrom('files')
    .selectAll()
    .where('production_id', '=', production)
    .where('job', '=', job)
    .orderBy('id')
    .execute();
  const outputs: OutputView[] = [];
  for (const file of files) {
    const replicas = await db
      .selectFrom('replicas')
      .select(['storage', 'path', 'state'])
      .where('file_id', '=', file.id)
      .orderBy('storage')
      .execute();
    const { lfn, level, state, attempt, size, adler32, events } = file;
    outputs.push({ lfn, level, state, attempt, size, adler32, events, replicas });
  }
  return outputs;
}

async function inputsOfJob(
  db: Db,
  production: number,
  job: number,
): Promise<Pick<JobView, 'inputs' | 'inputFiles' | 'overlay'>> {
  const rows = await db
    .selectFrom('job_inputs')
    .innerJoin('files', 'files.id', 'job_inputs.file_id')
    .select(['files.lfn', 'job_inputs.role'])
    .where('job_inputs.production_id', '=', production)
    .where('job_inputs.job', '=', job)
    .orderBy('job_inputs.position')
    .execute();
  const of = (role: 'input' | 'overlay'): string[] =>
    rows.filter((row) => row.role === role).map(({ lfn }) => lfn);
  const inputs = of('input');
  return {
    inputs: inputs.slice(0, MOST_INPUTS),
    inputFiles: inputs.length,
    overlay: of('overlay').slice(0, MOST_INPUTS),
  };
}
