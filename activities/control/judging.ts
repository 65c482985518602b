import { payloadFailures, type BundleRow, type OpenAttempt } from '../../catalog/attempts.js';
import type { Db } from '../../catalog/catalog.js';
import { inputFilesOf, joinedEvents } from '../../catalog/job-inputs.js';
import type { ProductionRow, Revision } from '../../catalog/productions.js';
import { addTallies, type Ended } from '../../catalog/tallies.js';
import type { AttemptReport } from '../../domain/bundle.js';
import { blameFor, type SiteTally } from '../../policy/blame.js';
import { Diagnostician, type Diagnosis } from '../../policy/diagnosis.js';
import { attemptOutputs, type AttemptOutput } from './attempt-outputs.js';
import { checkedReport } from './checked-report.js';
import type { ControlContext } from './context.js';
import { recentTallies } from './failure-rates.js';
import { done, failed, killed, retired, running, withdrawn, type Judgement } from './judgement.js';
import { destinationsOf, outputsOf } from './orders.js';

/** Reports of open attempts of one bundle. */
interface ToJudge {
  readonly production: ProductionRow;
  readonly revision: Revision;
  readonly bundle: BundleRow;
  /** By number of the job. */
  readonly open: ReadonlyMap<number, OpenAttempt>;
  readonly reports: readonly AttemptReport[];
}

/** What is made of reports: the judgement on each, and how attempts of the production have ended at each site of late if any of these has failed. */
export interface Judged {
  readonly judgements: readonly Judgement[];
  readonly tallies: readonly SiteTally[];
}

/** Judges reports of one bundle: checks what they tell, diagnoses failures, and decides what becomes of each job. Counts how they have ended. */
export async function judge(
  { catalog, clock, configuration }: ControlContext,
  db: Db,
  { bundle, open, production, reports, revision }: ToJudge,
): Promise<Judged> {
  const { definition } = revision;
  const numbers = reports.map((report) => report.job);
  const joined =
    bundle.kind === 'merge' ? await joinedEvents(db, production.id, numbers) : NOTHING_JOINED;
  const read =
    production.inputs > 0 && bundle.kind !== 'merge'
      ? await inputFilesOf(db, production.id, numbers)
      : null;
  const named = new Map<string | null, ReturnType<typeof attemptOutputs>>();
  const outputsNow = (attempt: OpenAttempt): AttemptOutput[] => {
    const { level } = attempt;
    const known =
      named.get(level) ??
      attemptOutputs(outputsOf(revision, production.id, { kind: bundle.kind, level }));
    named.set(level, known);
    return known(attempt);
  };
  const destinations = destinationsOf(bundle);
  const cases = reports.flatMap((given) => {
    const attempt = open.get(given.job);
    if (attempt === undefined) return [];
    const retires = bundle.kind === 'merge' && !joined.has(given.job);
    const gone = retires || attempt.killed === 1;
    const outputs = outputsNow(attempt);
    const report = checkedReport(given, {
      ...{ outputs, destinations },
      epoch: catalog.epoch,
      countEvents: definition.validation.countEvents,
      wanted:
        read?.get(given.job)?.every(({ counted }) => counted) === false
          ? null
          : (joined.get(given.job) ?? attempt.events),
      selects: read !== null,
    });
    return [{ attempt, outputs, report: gone ? given : report, gone, retires }];
  });

  const hasFailed = ({ gone, report }: (typeof cases)[number]): boolean =>
    !gone && !NO_FAILURE.includes(report.state);
  const diagnostician = cases.some(hasFailed)
    ? new Diagnostician({
        definition: definition.diagnosis,
        configuration: configuration.diagnosis,
      })
    : null;
  const { release } = definition.dataset;
  const ended = cases.map((one) => ({
    ...one,
    diagnosis:
      diagnostician !== null && hasFailed(one)
        ? diagnostician.diagnose({ ...one.report, site: bundle.site, release })
        : null,
  }));
  const now = clock.now();
  await addTallies(db, production, endedNow(bundle.site, ended), now);
  const failures = ended.flatMap(({ report, diagnosis }) =>
    diagnosis === null ? [] : [report.job],
  );
  const tallies = failures.length === 0 ? [] : await recentTallies(db, production, definition, now);
  const failedBefore = await payloadFailures(db, production.id, failures);
  const judgements = ended.map(({ attempt, outputs, report, retires, diagnosis }) => {
    if (retires) return retired(attempt, report);
    if (attempt.killed === 1) return killed(attempt, report);
    if (report.state === 'running') return running(attempt, report);
    if (report.state === 'withdrawn') return withdrawn(attempt, report);
    if (diagnosis === null) return done(attempt, report, outputs);
    return failed(attempt, report, definition.retries, {
      site: bundle.site,
      diagnosis,
      verdict: blameFor(diagnosis, bundle.site, tallies),
      // A release begins the count anew.
      payloadFailures: attempt.charged === 0 ? 0 : (failedBefore.get(report.job) ?? 0),
      // Merges have the full limits from the beginning; a slow node deserves a second try all the same.
      full: (production.estimate === null && bundle.kind !== 'merge') || attempt.raised === 1,
      divisible:
        bundle.kind !== 'merge' &&
        production.estimate !== null &&
        (read === null || (read.get(report.job)?.length ?? 0) > 1),
      now,
    });
  });
  return { judgements, tallies };
}

/** No merges. */
const NOTHING_JOINED: ReadonlyMap<number, number> = new Map<number, number>();

/** Reports of attempts that need no diagnosis. */
const NO_FAILURE: readonly AttemptReport['state'][] = ['running', 'done', 'withdrawn'];

/** How the attempts of a batch have ended, to be counted. */
function endedNow(
  site: string,
  batch: readonly { readonly report: AttemptReport; readonly diagnosis: Diagnosis | null }[],
): Ended[] {
  const counts = new Map<Ended['class'], number>();
  for (const { report, diagnosis } of batch) {
    if (diagnosis === null && report.state !== 'done') continue;
    const key = diagnosis?.class ?? '';
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([failure, attempts]) => ({ site, class: failure, attempts }));
}
