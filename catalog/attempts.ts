import { sql, type Selectable } from 'kysely';
import type { AttemptKey, AttemptReport } from '../domain/bundle.js';
import type { Blame, FailureClass } from '../domain/failure-class.js';
import {
  ATTEMPT_TRANSITIONS,
  OPEN_ATTEMPT_STATES,
  type AttemptState,
} from '../domain/states/attempt.js';
import { assertTransition } from '../domain/transition.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';
import type { AttemptTable, BundleTable } from './tables.js';

export type AttemptRow = Selectable<AttemptTable>;
export type BundleRow = Selectable<BundleTable>;

/**
 * Sends waiting jobs to a site: a bundle, the next attempt of each job, and the jobs `Submitted`. Only jobs that are
 * still `Waiting` go; the bundle's `jobs` tells how many did.
 */
export async function insertBundle(
  db: Db,
  bundle: Omit<BundleRow, 'id' | 'jobs' | 'submitted_at' | 'cleared_at' | 'log_file'>,
  jobs: readonly number[],
): Promise<BundleRow> {
  const row = await db
    .insertInto('bundles')
    .values({ ...bundle, jobs: jobs.length })
    .returningAll()
    .executeTakeFirstOrThrow();
  const rows = rowsOf(
    jobs.map((number) => ({ production: bundle.production_id, number })),
    { production: 'integer', number: 'integer' },
  );
  await sql`
    update jobs set state = 'Submitted', attempt = attempt + 1 from ${rows} as r
    where jobs.production_id = r.production and jobs.number = r.number and +jobs.state = 'Waiting'`.execute(
    db,
  );
  await sql`
    insert into attempts (production_id, job, attempt, bundle, site, state, placed_at, ce_id, node, reason, log_tail)
    select j.production_id, j.number, j.attempt, ${row.id}, ${bundle.site}, 'Submitted', ${bundle.placed_at},
           '', '', '', ''
    from ${rows} as r cross join jobs j
    where j.production_id = r.production and j.number = r.number and +j.state = 'Submitted'`.execute(
    db,
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

/** Whether a bundle has attempts that are submitted or running. */
export async function hasOpenAttempts(db: Db, bundle: number): Promise<boolean> {
  const row = await db
    .selectFrom('attempts')
    .select('job')
    .where('bundle', '=', bundle)
    .where('state', 'in', OPEN_ATTEMPT_STATES)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** An open attempt with what must be known of its job to send or to judge it. */
export async function openAttempts(db: Db, bundle: number) {
  return db
    .selectFrom('attempts as a')
    .innerJoin('jobs as j', (join) =>
      join.onRef('j.production_id', '=', 'a.production_id').onRef('j.number', '=', 'a.job'),
    )
    .select([
      'a.job',
      'a.attempt',
      'a.state',
      'a.site',
      'j.kind',
      'j.state as job_state',
      'j.attempt as job_attempt',
      'j.charged',
      'j.uncharged',
      'j.seed',
      'j.first_event',
      'j.events',
      'j.file_index',
      'j.level',
      'j.avoid',
      'j.raised',
      'j.killed',
    ])
    .where('a.bundle', '=', bundle)
    .where('a.state', 'in', ['Submitted', 'Running'])
    .orderBy('a.job')
    .execute();
}
export type OpenAttempt = Awaited<ReturnType<typeof openAttempts>>[number];

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

/** Applies changes to attempts of one production, each checked against the transition table. An end that nobody has seen is `now`. */
export async function changeAttempts(
  db: Db,
  production: number,
  changes: readonly AttemptChange[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  for (const { from, state, report } of changes) {
    assertTransition(
      ATTEMPT_TRANSITIONS,
      `attempt ${report.attempt} of job ${report.job} of production ${production}`,
      from,
      state,
    );
  }
  const rows = rowsOf(
    changes.map(({ state, class: failure, blame, rule, evidence, report }) => ({
      production,
      job: report.job,
      attempt: report.attempt,
      state,
      class: failure,
      blame,
      rule,
      evidence: evidence === null ? null : JSON.stringify(evidence),
      started_at: report.startedAt,
      ended_at: report.endedAt ?? (isOpen(state) ? null : now),
      settled_at: isOpen(state) ? null : now,
      ce_id: report.ceId,
      node: report.node,
      step: report.step,
      exit_code: report.exitCode,
      reason: report.reason,
      log_tail: report.logTail,
      wall_seconds: report.wallSeconds,
      cpu_seconds: report.cpuSeconds,
      memory_mb: report.memoryMB,
    })),
    {
      production: 'integer',
      job: 'integer',
      attempt: 'integer',
      state: 'text',
      class: 'text',
      blame: 'text',
      rule: 'text',
      evidence: 'text',
      started_at: 'integer',
      ended_at: 'integer',
      settled_at: 'integer',
      ce_id: 'text',
      node: 'text',
      step: 'text',
      exit_code: 'integer',
      reason: 'text',
      log_tail: 'text',
      wall_seconds: 'real',
      cpu_seconds: 'real',
      memory_mb: 'real',
    },
  );
  await sql`
    update attempts
    set state = r.state, class = r.class, blame = r.blame, rule = r.rule, evidence = r.evidence,
        started_at = coalesce(r.started_at, attempts.started_at),
        ended_at = r.ended_at, settled_at = r.settled_at, ce_id = r.ce_id, node = r.node, step = r.step, exit_code = r.exit_code,
        reason = r.reason, log_tail = r.log_tail, wall_seconds = r.wall_seconds, cpu_seconds = r.cpu_seconds,
        memory_mb = r.memory_mb
    from ${rows} as r
    where attempts.production_id = r.production and attempts.job = r.job and attempts.attempt = r.attempt`.execute(
    db,
  );
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
