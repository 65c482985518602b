import type { FailureStep } from '../../domain/bundle.js';
import { FabricaError } from '../../domain/errors.js';
import { BLAME_OF, type Blame, type FailureClass } from '../../domain/failure-class.js';
import type { AttemptState } from '../../domain/states/attempt.js';
import type { FileState } from '../../domain/states/file.js';
import type { JobKind, JobState } from '../../domain/states/job.js';
import type { Db } from '../catalog.js';
import { replicasOf } from '../files.js';
import type { ProductionRow } from '../productions.js';

/** One try of a job. Times in ms since 1970, durations in s, memory in MB. */
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
  readonly blame: Blame | null;
  readonly reason: string;
  readonly logTail: string;
  readonly log: LogPlace;
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly memoryMB: number | null;
}

/**
 * Where the log of an attempt is: at its `site` until that is asked to forget it, in an `archive`, only its end in the `catalog`, or nowhere.
 */
export interface LogPlace {
  readonly at: 'site' | 'archive' | 'catalog' | null;
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
  /** Not to be placed before this time, ms; 0 for at once. */
  readonly notBeforeAt: number;
  /** Sites where it has failed by their fault. */
  readonly avoid: readonly string[];
  readonly attempts: readonly AttemptView[];
  readonly outputs: readonly OutputView[];
  /** LFNs of its input files, the first 100. */
  readonly inputs: readonly string[];
}

const MOST_INPUTS = 100;

/** Everything about a job. Throws `FABRICA_JOB_UNKNOWN`. */
export async function viewJob(db: Db, production: ProductionRow, number: number): Promise<JobView> {
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
    notBeforeAt: job.not_before,
    avoid: JSON.parse(job.avoid) as string[],
    attempts: await attemptsOfJob(db, production.id, number),
    outputs: await outputsOfJob(db, production.id, number),
    inputs: await inputsOfJob(db, production.id, number),
  };
}

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
  return rows.map(({ kept, clearedAt, file, lfn, fileState, ...row }) => {
    const archived = kept === 1 && file !== null && lfn !== null && fileState !== null;
    const copies = archived ? (replicas.get(file) ?? []) : [];
    return {
      ...row,
      blame: row.class === null ? null : BLAME_OF[row.class],
      log: {
        at: logAt(row, { cleared: clearedAt !== null, copies: copies.length }),
        archive: archived ? { lfn, state: fileState } : null,
        replicas: copies,
      },
    };
  });
}

function logAt(
  attempt: { readonly step: FailureStep | null; readonly logTail: string },
  known: { cleared: boolean; copies: number },
): LogPlace['at'] {
  if (!known.cleared && attempt.step !== 'submission') return 'site';
  if (known.copies > 0) return 'archive';
  return attempt.logTail === '' ? null : 'catalog';
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

async function inputsOfJob(db: Db, production: number, job: number): Promise<string[]> {
  const rows = await db
    .selectFrom('job_inputs')
    .innerJoin('files', 'files.id', 'job_inputs.file_id')
    .select('files.lfn')
    .where('job_inputs.production_id', '=', production)
    .where('job_inputs.job', '=', job)
    .orderBy('job_inputs.position')
    .limit(MOST_INPUTS)
    .execute();
  return rows.map((row) => row.lfn);
}
