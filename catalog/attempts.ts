import { sql, type Selectable } from 'kysely';
import type { AttemptKey, AttemptReport, JobOrder } from '../domain/bundle.js';
import type { Blame, FailureClass } from '../domain/failure-class.js';
import { numberRanges } from '../domain/job-numbers.js';
import {
  ATTEMPT_TRANSITIONS,
  OPEN_ATTEMPT_STATES,
  type AttemptState,
} from '../domain/states/attempt.js';
import type { JobState } from '../domain/states/job.js';
import { assertTransition } from '../domain/transition.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import { eachRow } from './each-row.js';
import type { AttemptTable, BundleTable } from './tables.js';

export type AttemptRow = Selectable<AttemptTable>;
export type BundleRow = Selectable<BundleTable>;

/**
 * Sends waiting jobs to a site: a bundle, the next attempt of each job, and the jobs `Submitted`. Only jobs that are
 * still `Waiting` go; the bundle's `jobs` tells how many did.
 */
export async function insertBundle(
  db: Db,
  bundle: Omit<BundleRow, 'id' | 'jobs' | 'open' | 'submitted_at' | 'cleared_at' | 'log_file'>,
  jobs: readonly number[],
): Promise<BundleRow> {
  const row = await db
    .insertInto('bundles')
    .values({ ...bundle, jobs: jobs.length, open: jobs.length })
    .returningAll()
    .executeTakeFirstOrThrow();
  const { placed_at, production_id, site } = bundle;
  const runs = numberRanges(jobs);
  await eachRow(
    db,
    `update jobs set state = 'Submitted', attempt = attempt + 1
     where production_id = ? and number between ? and ? and +state = 'Waiting'`,
    runs.map(({ from, to }) => [production_id, from, to]),
  );
  await eachRow(
    db,
    `insert into attempts (production_id, job, attempt, bundle, site, state, placed_at, ce_id, node, reason, log_tail)
     select production_id, number, attempt, ?, ?, 'Submitted', ?, '', '', '', ''
     from jobs where production_id = ? and number between ? and ? and +state = 'Submitted'`,
    runs.map(({ from, to }) => [row.id, site, placed_at, production_id, from, to]),
  );
  return row;
}

/** A bundle of this production. */
export async function getBundle(db: Db, production: number, id: number): Promise<BundleRow> {
  return db
    .selectFrom('bundles')
    .selectAll()
    .where('id', '=', id)
    .where('production_id', '=', production)
    .executeTakeFirstOrThrow();
}

/** The bundles that a call of `place` made. */
export async function bundlesOfTicket(
  db: Db,
  production: number,
  block: number,
  ticket: string,
): Promise<BundleRow[]> {
  return db
    .selectFrom('bundles')
    .selectAll()
    .where('production_id', '=', production)
    .where('block', '=', block)
    .where('ticket', '=', ticket)
    .orderBy('id')
    .execute();
}

/** Jobs that were sent to sites since a time (ms), by production and site. */
export async function placedSince(
  db: Db,
  since: number,
): Promise<{ production: number; site: string; jobs: number }[]> {
  return db
    .selectFrom('bundles')
    .select((eb) => ['production_id as production', 'site', eb.fn.sum<number>('jobs').as('jobs')])
    .where('placed_at', '>', since)
    .groupBy(['production_id', 'site'])
    .execute();
}

/** Bundles that have open attempts or are not cleared: of one block, or of the whole production. */
export async function openBundles(
  db: Db,
  production: number,
  block?: number,
): Promise<BundleRow[]> {
  return db
    .selectFrom('bundles')
    .selectAll()
    .where('production_id', '=', production)
    .$if(block !== undefined, (query) => query.where('block', '=', block ?? 0))
    .where('cleared_at', 'is', null)
    .orderBy('id')
    .execute();
}

/** An open attempt with what must be known of its job to judge it. */
export interface OpenAttempt extends AttemptKey {
  readonly state: AttemptState;
  readonly job_state: JobState;
  readonly job_attempt: number;
  readonly charged: number;
  readonly uncharged: number;
  readonly first_event: number;
  readonly events: number;
  readonly file_index: number;
  readonly level: string | null;
  /** JSON list of sites; null for none. */
  readonly avoid: string | null;
  readonly raised: number;
  readonly killed: number;
}

const JUDGED = sql`
  a.job, a.attempt, a.state, j.state as job_state, j.attempt as job_attempt, j.charged, j.uncharged, j.first_event, j.events,
  j.file_index, j.level, nullif(j.avoid, '[]') as avoid, j.raised, j.killed`;

/** The attempts of a bundle that are submitted or running, in order of their jobs. */
export async function openAttempts(db: Db, bundle: number): Promise<OpenAttempt[]> {
  const { rows } = await sql<OpenAttempt>`
    select ${JUDGED} from attempts a
    join jobs j on j.production_id = a.production_id and j.number = a.job
    where a.bundle = ${bundle} and a.state in ('Submitted', 'Running')
    order by a.job`.execute(db);
  return rows;
}

/** Those of these attempts that are open, by job. */
export async function openAmong(
  db: Db,
  bundle: BundleRow,
  attempts: readonly AttemptKey[],
): Promise<Map<number, OpenAttempt>> {
  const keys = rowsOf(
    attempts.map(({ attempt, job }) => ({ job, attempt })),
    { job: 'integer', attempt: 'integer' },
  );
  const { rows } = await sql<OpenAttempt>`
    select ${JUDGED} from ${keys} as r
    cross join attempts a
    join jobs j on j.production_id = a.production_id and j.number = a.job
    where a.production_id = ${bundle.production_id} and a.job = r.job and a.attempt = r.attempt
      and a.bundle = ${bundle.id} and a.state in ('Submitted', 'Running')`.execute(db);
  return new Map(rows.map((row) => [row.job, row]));
}

/** The attempts of a bundle that are submitted or running, by number, in order of their jobs. */
export async function openKeys(db: Db, bundle: BundleRow): Promise<AttemptKey[]> {
  if (bundle.open === 0) return [];
  const { rows } = await sql<AttemptKey>`
    select job, attempt from attempts
    where bundle = ${bundle.id} and state in ('Submitted', 'Running') order by job`.execute(db);
  return rows;
}

/** Open attempts as they are sent to a site. */
export type SentAttempt = JobOrder &
  Pick<OpenAttempt, 'level' | 'raised' | 'charged' | 'uncharged'>;

/** The open attempts of a bundle, to be sent, in order of their jobs. */
export async function sentAttempts(db: Db, bundle: BundleRow): Promise<SentAttempt[]> {
  if (bundle.open === 0) return [];
  const { rows } = await sql<SentAttempt>`
    select a.job, a.attempt, j.seed, j.first_event as firstEvent, j.events, j.file_index as "index", j.level, j.raised,
           j.charged, j.uncharged
    from attempts a join jobs j on j.production_id = a.production_id and j.number = a.job
    where a.bundle = ${bundle.id} and a.state in ('Submitted', 'Running')
    order by a.job`.execute(db);
  return rows;
}

/** An attempt that has ended, with what tells whether its log is kept. */
export type EndedAttempt = AttemptKey &
  Pick<AttemptRow, 'state' | 'step'> & { readonly class: FailureClass | null };

/** The attempts of a bundle for these jobs that have ended, in order of the jobs. */
export async function closedAttempts(
  db: Db,
  bundle: BundleRow,
  jobs: readonly number[],
): Promise<EndedAttempt[]> {
  const numbers = rowsOf(
    [...new Set(jobs)].map((number) => ({ number })),
    { number: 'integer' },
  );
  const { rows } = await sql<EndedAttempt>`
    select a.job, a.attempt, a.state, a.step, a.class from ${numbers} as r
    cross join attempts a
    where a.production_id = ${bundle.production_id} and a.job = r.number and a.bundle = ${bundle.id}
      and a.state not in ('Submitted', 'Running')
    order by a.job`.execute(db);
  return rows;
}

/** All attempts of a bundle, in order of their jobs. */
export async function attemptsOfBundle(db: Db, bundle: number): Promise<EndedAttempt[]> {
  return db
    .selectFrom('attempts')
    .select(['job', 'attempt', 'state', 'step', 'class'])
    .where('bundle', '=', bundle)
    .orderBy('job')
    .execute();
}

/** Attempts of a bundle that were given up without a word from their site, with what names their outputs. */
export async function lostAttempts(db: Db, bundle: number) {
  return db
    .selectFrom('attempts as a')
    .innerJoin('jobs as j', (join) =>
      join.onRef('j.production_id', '=', 'a.production_id').onRef('j.number', '=', 'a.job'),
    )
    .select(['a.job', 'a.attempt', 'j.file_index', 'j.level'])
    .where('a.bundle', '=', bundle)
    .where('a.class', 'in', ['lost', 'submission'])
    .execute();
}

/** What an attempt's report changes in its row. */
export interface AttemptChange {
  readonly from: AttemptState;
  readonly state: AttemptState;
  readonly class: FailureClass | null;
  readonly blame: Blame | null;
  readonly rule: string | null;
  readonly evidence: Evidence | null;
  readonly report: AttemptReport;
}

/** What speaks for a verdict; empty parts are left out. */
export interface Evidence {
  /** What the rule has found: a line of the log, or the exit code. */
  readonly found?: string;
  /** Why another one than usual for the class is blamed. */
  readonly because?: string;
  /** Passive rules that fit. */
  readonly passive?: readonly { readonly rule: string; readonly class: FailureClass }[];
}

/**
 * Applies changes to open attempts of a bundle, each checked against the transition table; afterwards the given row counts those that are
 * left. An end that nobody has seen is `now`.
 */
export async function changeAttempts(
  db: Db,
  bundle: BundleRow,
  changes: readonly AttemptChange[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  const production = bundle.production_id;
  for (const { from, state, report } of changes) {
    assertTransition(
      ATTEMPT_TRANSITIONS,
      () => `attempt ${report.attempt} of job ${report.job} of production ${production}`,
      from,
      state,
    );
  }
  await eachRow(
    db,
    `update attempts
     set state = ?, started_at = coalesce(?, started_at), ended_at = ?, settled_at = ?, ce_id = ?, node = ?, step = ?,
         exit_code = ?, wall_seconds = ?, cpu_seconds = ?, memory_mb = ?
     where production_id = ? and job = ? and attempt = ?`,
    changes.map(({ state, report }) => [
      state,
      report.startedAt,
      report.endedAt ?? (isOpen(state) ? null : now),
      isOpen(state) ? null : now,
      report.ceId,
      report.node,
      report.step,
      report.exitCode,
      report.wallSeconds,
      report.cpuSeconds,
      report.memoryMB,
      production,
      report.job,
      report.attempt,
    ]),
  );
  await eachRow(
    db,
    `update attempts set class = ?, blame = ?, rule = ?, evidence = ?, reason = ?, log_tail = ?
     where production_id = ? and job = ? and attempt = ?`,
    changes
      .filter(saysWhy)
      .map(({ class: failure, blame, rule, evidence, report }) => [
        failure,
        blame,
        rule,
        evidence === null ? null : JSON.stringify(evidence),
        report.reason,
        report.logTail,
        production,
        report.job,
        report.attempt,
      ]),
  );
  const open = bundle.open - changes.filter(({ state }) => !isOpen(state)).length;
  if (open === bundle.open) return;
  await db.updateTable('bundles').set({ open }).where('id', '=', bundle.id).execute();
  bundle.open = open;
}

/** Attempts that have passed, or run, have nothing to tell. */
function saysWhy({ class: failure, report }: AttemptChange): boolean {
  return failure !== null || report.reason !== '' || report.logTail !== '';
}

const isOpen = (state: AttemptState): boolean =>
  (OPEN_ATTEMPT_STATES as readonly AttemptState[]).includes(state);

const jobList = (production: number, jobs: readonly number[]) =>
  rowsOf(
    jobs.map((job) => ({ production, job })),
    { production: 'integer', job: 'integer' },
  );

/** How often each of these jobs has failed by its payload before, as far as is known now. */
export async function payloadFailures(
  db: Db,
  production: number,
  jobs: readonly number[],
): Promise<Map<number, number>> {
  if (jobs.length === 0) return new Map();
  const { rows } = await sql<{ job: number; failures: number }>`
    select a.job, count(*) as failures from ${jobList(production, jobs)} as r cross join attempts a
    where a.production_id = r.production and a.job = r.job and +a.class in ('payload-error', 'payload-crash')
      and a.blame = 'payload'
    group by a.job`.execute(db);
  return new Map(rows.map((row) => [row.job, row.failures]));
}

/** Jobs that have passed at a site: failures elsewhere that look like the payload's were the fault of those sites. */
export async function acquitPayload(
  db: Db,
  production: number,
  passed: readonly { readonly job: number; readonly site: string }[],
  classes: readonly FailureClass[],
): Promise<void> {
  if (passed.length === 0) return;
  const jobs = jobList(
    production,
    passed.map((one) => one.job),
  );
  const { rows: failed } = await sql<Pick<AttemptRow, 'job' | 'attempt' | 'site' | 'evidence'>>`
    select a.job, a.attempt, a.site, a.evidence from ${jobs} as r cross join attempts a
    where a.production_id = r.production and a.job = r.job and +a.class in (${sql.join([...classes])})
      and a.blame = 'payload'`.execute(db);
  const sites = new Map(passed.map((one) => [one.job, one.site]));
  const acquitted = failed.flatMap(({ job, attempt, site, evidence }) => {
    const passedAt = sites.get(job);
    if (passedAt === undefined || passedAt === site) return [];
    const known = JSON.parse(evidence ?? '{}') as Evidence;
    const because = `the job has passed at ${passedAt}`;
    return [{ production, job, attempt, evidence: JSON.stringify({ ...known, because }) }];
  });
  if (acquitted.length === 0) return;
  const rows = rowsOf(acquitted, {
    production: 'integer',
    job: 'integer',
    attempt: 'integer',
    evidence: 'text',
  });
  await sql`
    update attempts set blame = 'site', evidence = r.evidence from ${rows} as r
    where attempts.production_id = r.production and attempts.job = r.job and attempts.attempt = r.attempt`.execute(
    db,
  );
}
