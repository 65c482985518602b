import { estimateRules, groupingLimits } from '../../../activities/control/estimates.js';
import type { ReadFiles } from '../../../activities/control/input-lookup.js';
import { outputsOf } from '../../../activities/control/orders.js';
import type { Configuration } from '../../../domain/configuration.js';
import { levelsOf, type Definition } from '../../../domain/definition.js';
import { lfnOf } from '../../../domain/lfn.js';
import { formatSize } from '../../../domain/quantity.js';
import { estimate, type Estimate } from '../../../policy/estimate.js';
import { inputShape } from '../../../policy/input-grouping.js';
import { planBlock, planScouts } from '../../../policy/job-plan.js';
import { facts, type Cell } from '../table.js';
import { counted, firstOf, grouped } from '../text.js';
import { NOT_REGISTERED, type Registered, type Standing } from '../../temporal/standing.js';
import { changesText } from './campaign-submission.js';
import type { PageLook } from './production-page.js';

/** What is known of a payload before its scouts: from earlier productions, or from a try by hand. */
export interface Guess {
  /** s. */
  readonly secondsPerEvent?: number | undefined;
  readonly bytesPerEvent?: number | undefined;
}

/** What a definition would become. Nothing is started for it. */
export interface DryRun {
  readonly production: string;
  /** `same`: registered already. `revision`: the next one of a rejected production. */
  readonly standing: Standing;
  /** What commands have changed since it was submitted; the figures are those of the file. */
  readonly changed: Registered['changed'];
  readonly events: number;
  readonly scoutJobs: number;
  readonly fabricationJobs: number;
  readonly eventsPerJob: number;
  /** Events of all fabrication jobs together: the scouts make the others. */
  readonly fabricationEvents: number;
  /** How eventsPerJob came about. */
  readonly eventsPerJobFrom: 'definition' | 'guess' | 'assumed';
  readonly blocks: number;
  /** Null where the size of events is not known. */
  readonly mergeJobs: number | null;
  readonly lfns: readonly string[];
  /** HS23 s; `most` is what the limits allow. */
  readonly cpu: { readonly expected: number | null; readonly most: number };
  /** Bytes; null where the size of events is not known. */
  readonly storage: { readonly temporary: number | null; readonly final: number | null };
  readonly copies: number;
  readonly payloadFiles: number;
  readonly payloadBytes: number;
  readonly warnings: readonly string[];
  /** Files that its jobs read, and those of overlay. */
  readonly inputFiles: number;
  /** On which storages its jobs find their input, in the order in which it is given out; some files lie on others as well. */
  readonly inputStorages: FilesLookedUp['storages'];
  /** How many files a job reads at most; null where there are none. */
  readonly filesPerJob: number | null;
  readonly overlayFiles: number;
}

/** What a definition reads, by the catalog. */
export interface FilesLookedUp {
  readonly sets: readonly (Pick<ReadFiles, 'role' | 'totals'> &
    Partial<Pick<ReadFiles, 'notes'>>)[];
  readonly storages: readonly { readonly storage: string; readonly files: number }[];
}

/** A dry run, by the same rules that the production itself will follow. */
export function dryRun(
  definition: Definition,
  configuration: Configuration,
  given: {
    readonly guess: Guess;
    readonly files: readonly { readonly size: number }[];
    readonly warnings: readonly string[];
    /** What it is to the catalog. (Default: missing) */
    readonly registered?: Registered;
    /** What the definition reads; jobs are counted as if all files were alike. */
    readonly read?: FilesLookedUp;
  },
): DryRun {
  const { guess, read = { sets: [], storages: [] }, registered = NOT_REGISTERED } = given;
  const totals = (role: ReadFiles['role']) => read.sets.find((one) => one.role === role)?.totals;
  const input = totals('input');
  const events = definition.events ?? input?.events ?? 0;
  const shape = input === undefined ? null : inputShape(input, groupingLimits(definition, null));
  const expected = estimate(sampleOf(guess), estimateRules(definition, { events, input: shape }));
  const perScout = shape?.eventsPerJob ?? scoutEvents(definition);
  const { jobs, fabricationEvents, merges, blocks } = countJobs(definition, expected, {
    events,
    perScout,
  });
  const scouts = jobs.scouts;
  const hs23 = Math.max(...configuration.sites.map(({ hs23PerCore }) => hs23PerCore));
  const { copies } = definition.distribution;
  const bytes = guess.bytesPerEvent === undefined ? null : events * guess.bytesPerEvent;
  const wall = guess.secondsPerEvent ?? targetPerEvent(definition, expected);
  const auto = definition.fabrication.eventsPerJob === 'auto';
  return {
    production: definition.name,
    ...registered,
    events,
    scoutJobs: scouts,
    fabricationJobs: jobs.fabrication,
    fabricationEvents,
    eventsPerJob: expected.eventsPerJob,
    eventsPerJobFrom: !auto
      ? 'definition'
      : guess.secondsPerEvent === undefined
        ? 'assumed'
        : 'guess',
    blocks,
    mergeJobs: merges,
    lfns: sampleLfns(definition, configuration),
    cpu: {
      expected: wall === null ? null : wall * events * hs23,
      most: (scouts + jobs.fabrication) * definition.fabrication.limits.wallTime * hs23,
    },
    storage: {
      temporary: definition.merge === undefined ? 0 : bytes,
      final: bytes === null ? null : bytes * copies,
    },
    copies,
    payloadFiles: given.files.length,
    payloadBytes: given.files.reduce((sum, { size }) => sum + size, 0),
    warnings: given.warnings,
    inputFiles: input?.files ?? 0,
    inputStorages: read.storages,
    filesPerJob: definition.input?.grouping.maxFiles ?? null,
    overlayFiles: totals('overlay')?.files ?? 0,
  };
}

/** The guess as if a scout had measured it, often enough to be believed. */
function sampleOf({ bytesPerEvent, secondsPerEvent }: Guess) {
  if (bytesPerEvent === undefined && secondsPerEvent === undefined) return [];
  const sample = {
    events: 1,
    wallSeconds: secondsPerEvent ?? null,
    cpuSeconds: secondsPerEvent ?? null,
    memoryMB: null,
    bytes: bytesPerEvent ?? null,
    hs23PerCore: 1,
    killedBy: null,
  };
  return [sample, sample];
}

/** Where jobs are sized by time, the time per event that the definition aims at. */
function targetPerEvent({ fabrication }: Definition, expected: Estimate): number | null {
  return fabrication.eventsPerJob === 'auto'
    ? fabrication.targetWallTime / expected.eventsPerJob
    : null;
}

function scoutEvents({ fabrication, scouts }: Definition): number {
  return (
    scouts.eventsPerJob ?? (fabrication.eventsPerJob === 'auto' ? 100 : fabrication.eventsPerJob)
  );
}

function countJobs(
  definition: Definition,
  expected: Estimate,
  { events, perScout }: { readonly events: number; readonly perScout: number },
) {
  const { fabrication, merge, scouts } = definition;
  const first = planScouts({ events, jobs: scouts.jobs, eventsPerJob: perScout });
  const levels = fabrication.outputs.length;
  // Each block is merged by itself; its tail flushes.
  const mergesOf = (jobs: number): number =>
    Math.max(1, Math.round(jobs / expected.jobsPerMerge)) * levels;
  const known = merge?.targetEvents !== undefined || expected.bytesPerEvent !== null;
  const jobs = { scouts: first?.jobEvents.length ?? 0, fabrication: 0 };
  let merges = first === null ? 0 : mergesOf(jobs.scouts);
  let blocks = first === null ? 0 : 1;
  let planned = first?.jobEvents.reduce((sum, n) => sum + n, 0) ?? 0;
  const fabricationEvents = events - planned;
  const { blockJobs, eventsPerJob } = expected;
  for (;;) {
    const block = planBlock({ events, planned, eventsPerJob, blockJobs });
    if (block === null) break;
    blocks++;
    jobs.fabrication += block.jobEvents.length;
    merges += mergesOf(block.jobEvents.length);
    planned += block.jobEvents.reduce((sum, n) => sum + n, 0);
  }
  return {
    jobs,
    fabricationEvents,
    blocks,
    merges: merge === undefined ? 0 : known ? merges : null,
  };
}

/** The first file of each output, unmerged and merged, as production number 1 would name it. */
function sampleLfns(definition: Definition, { lfn: scheme }: Configuration): string[] {
  const revision = { definition, scheme };
  const kinds = definition.merge === undefined ? ['fabrication'] : ['fabrication', 'merge'];
  const found = kinds.flatMap((kind) =>
    levelsOf(definition).flatMap((level) =>
      outputsOf(revision, 1, { kind, level }).map(({ naming }) =>
        lfnOf(naming, { index: 1, job: 1, attempt: 1 }),
      ),
    ),
  );
  return [...new Set(found)];
}

/** What the jobs read, and where they find it. */
function inputText({ filesPerJob, inputFiles, inputStorages }: DryRun): string {
  if (inputFiles === 0) return '';
  const places = inputStorages.map(({ files, storage }) => `${grouped(files)} on ${storage}`);
  return `${counted(inputFiles, 'file')} (${firstOf(places, 6)}), at most ${filesPerJob ?? 0} a job`;
}

/** Its fabrication jobs; there are none where the scouts make all events. */
function fabricationText(run: DryRun): string {
  const { eventsPerJob, fabricationEvents, fabricationJobs, inputFiles } = run;
  if (fabricationJobs === 0) return SCOUTS_MAKE_ALL;
  const jobs = `${counted(fabricationJobs, 'job')} of ${counted(Math.min(eventsPerJob, fabricationEvents), 'event')}`;
  if (inputFiles > 0) return `about ${jobs}, in whole files`;
  const from = {
    definition: 'as the definition says',
    guess: 'from --seconds-per-event',
    assumed: 'assumed: the scouts will measure it',
  }[run.eventsPerJobFrom];
  return `${jobs} (${from})`;
}

export const SCOUTS_MAKE_ALL = 'none: the scouts make all events';

const STANDINGS: Readonly<Record<Standing, string>> = {
  missing: '',
  revision: 'its scouts have failed before: this would be its next revision',
  same: 'registered already with this definition: submitting it starts nothing new',
};

/** A dry run for a person. */
export function dryRunPage(run: DryRun, look: PageLook): string {
  const unknown = 'not known before the scouts; try --bytes-per-event';
  const size = (bytes: number | null): string => (bytes === null ? unknown : formatSize(bytes));
  const hours = (hs23: number): string =>
    `${(hs23 / 3600).toLocaleString('en-US', { maximumSignificantDigits: 3 })} HS23 h`;
  const pairs: [string, Cell][] = [
    ['production', { text: run.production, paint: look.style.bold }],
    ['standing', STANDINGS[run.standing]],
    ['changed since', changesText(run.changed)],
    ['events', grouped(run.events)],
    ['input', inputText(run)],
    ['overlay', run.overlayFiles === 0 ? '' : `any of ${counted(run.overlayFiles, 'file')}`],
    ['scouts', counted(run.scoutJobs, 'job')],
    ['fabrication', fabricationText(run)],
    ['merges', run.mergeJobs === null ? unknown : counted(run.mergeJobs, 'job')],
    ['blocks', grouped(run.blocks)],
    [
      'CPU',
      `${run.cpu.expected === null ? 'not known before the scouts' : `about ${hours(run.cpu.expected)}`}; at most ${hours(run.cpu.most)} by the limits`,
    ],
    [
      'storage',
      run.storage.final === null
        ? unknown
        : `${size(run.storage.final)} final in ${counted(run.copies, 'copy', 'copies')}, ${size(run.storage.temporary)} temporary`,
    ],
    [
      'payload',
      run.payloadFiles === 0
        ? 'no files'
        : `${counted(run.payloadFiles, 'file')}, ${formatSize(run.payloadBytes)}`,
    ],
  ];
  const lfns = run.lfns.map((lfn) => `  ${lfn}`).join('\n');
  return (
    `${facts(pairs, look)}\n\nLFNs will be like (as production number 1, job 1, attempt 1):\n${lfns}\n\n` +
    'Nothing has been started.'
  );
}
