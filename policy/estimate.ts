import { MAX_JOBS } from '../domain/definition.js';
import type { ScoutSample } from '../domain/scout.js';
import type { InputShape } from './input-grouping.js';

/**
 * What the jobs of a production need, from what its scouts measured.
 *
 * A quantity per event is estimated by mean + k standard deviations with k = 1.28 + 2 / sqrt(n): the 90th percentile of a
 * normal distribution for large samples, and wider the fewer the scouts. Scouts that were killed by a limit count as censored
 * samples: what they had used by then, which their true value exceeds, may raise an estimate and never lowers it. (JEDI takes
 * finished jobs only, and so underestimates; see docs/explanation/scouting.md.)
 */
export interface EstimateRules {
  readonly eventsPerJob: number | 'auto';
  readonly targetWallSeconds: number;
  /** The definition's limits: never exceeded. */
  readonly wallSeconds: number;
  readonly memoryMB: number;
  readonly events: number;
  readonly mergeBytes: number | null;
  readonly mergeEvents: number | null;
  /** What jobs read; left out if they make events from nothing. */
  readonly input?: InputShape;
}

export interface Estimate {
  readonly samples: number;
  readonly censored: number;
  /** k of the formula above. */
  readonly margin: number;
  readonly wallPerEvent: number | null;
  /** HS23 s per event. */
  readonly cpuPerEvent: number | null;
  readonly bytesPerEvent: number | null;
  readonly memoryMB: number | null;
  readonly eventsPerJob: number;
  /** Expected wall time of a job, s. */
  readonly jobSeconds: number | null;
  /** Limits given to jobs; the definition's own after a job has hit one. */
  readonly wallLimit: number;
  readonly memoryLimit: number;
  readonly jobsPerMerge: number;
  readonly blockJobs: number;
  /** Events that the files of one job may have together, so that it ends in `targetWallSeconds`; null or left out: as many as there are. */
  readonly mostInputEvents?: number | null;
}

/**
 * A block yields at least so many merged files, or is a twentieth of the production if that is more: each block costs the same, however
 * large it is, and a production moves on in steps of a twentieth.
 */
const BLOCK_JOBS = { least: 200, most: 20_000, mergedFiles: 5, share: 0.05 };
/** Events of a job where no scout has measured any. */
const UNMEASURED = 1000;
/** Below this a wall limit would kill jobs for a hiccup of the node. */
const LEAST_WALL_LIMIT = 120;
const LEAST_MEMORY_LIMIT = 256;

/** Estimates from no scouts at all give the definition's own figures. */
export function estimate(samples: readonly ScoutSample[], rules: EstimateRules): Estimate {
  const wall = withCensored(samples, (s) => per(s, s.wallSeconds), upper);
  const cpu = withCensored(
    samples,
    (s) => per(s, s.cpuSeconds === null ? null : s.cpuSeconds * s.hs23PerCore),
    mean,
  );
  const bytes = withCensored(samples, (s) => per(s, s.bytes), mean);
  const memory = withCensored(samples, (s) => s.memoryMB, upper);

  const mostInputEvents = chooseInputEvents(wall, rules);
  const eventsPerJob = chooseEventsPerJob(wall, rules, mostInputEvents);
  const jobSeconds = wall === null ? null : wall * eventsPerJob;
  const longest = wall === null ? null : wall * largestJob(rules, eventsPerJob, mostInputEvents);
  const jobsPerMerge = chooseJobsPerMerge(bytes, eventsPerJob, rules);
  return {
    samples: samples.length,
    censored: samples.filter((s) => s.killedBy !== null).length,
    margin: marginOf(samples.length),
    wallPerEvent: wall,
    cpuPerEvent: cpu,
    bytesPerEvent: bytes,
    memoryMB: memory,
    eventsPerJob,
    jobSeconds,
    wallLimit: Math.min(
      rules.wallSeconds,
      longest === null ? rules.wallSeconds : Math.max(LEAST_WALL_LIMIT, Math.ceil(3 * longest)),
    ),
    memoryLimit: Math.min(
      rules.memoryMB,
      memory === null ? rules.memoryMB : Math.max(LEAST_MEMORY_LIMIT, Math.ceil(1.5 * memory)),
    ),
    jobsPerMerge,
    blockJobs: chooseBlockJobs(jobsPerMerge, rules.events / eventsPerJob),
    ...(rules.input === undefined ? {} : { mostInputEvents }),
  };
}

/** Whole files are given out: what has been measured bounds how many go together. */
function chooseInputEvents(
  wallPerEvent: number | null,
  { input, targetWallSeconds }: EstimateRules,
): number | null {
  if (input === undefined || wallPerEvent === null || wallPerEvent <= 0) return null;
  return Math.max(1, Math.floor(targetWallSeconds / wallPerEvent));
}

/** Events of the largest job: those that read files are not all alike. */
function largestJob({ input }: EstimateRules, eventsPerJob: number, most: number | null): number {
  if (input === undefined) return eventsPerJob;
  return Math.max(input.mostPerFile, Math.min(input.mostPerJob, most ?? Infinity));
}

/** A whole number of merges, where the bounds allow it. */
function chooseBlockJobs(jobsPerMerge: number, jobs: number): number {
  const { least, mergedFiles, most, share } = BLOCK_JOBS;
  const wanted = Math.max(least, mergedFiles * jobsPerMerge, share * jobs);
  return Math.min(most, jobsPerMerge * Math.ceil(wanted / jobsPerMerge));
}

function chooseEventsPerJob(
  wallPerEvent: number | null,
  rules: EstimateRules,
  mostInputEvents: number | null,
): number {
  if (rules.input !== undefined) {
    const { eventsPerFile, eventsPerJob } = rules.input;
    const most = mostInputEvents ?? Infinity;
    return Math.max(1, Math.round(Math.max(eventsPerFile, Math.min(eventsPerJob, most))));
  }
  if (rules.eventsPerJob !== 'auto') return rules.eventsPerJob;
  // Job numbers have eight digits in file names: rather longer jobs than more of them.
  const least = Math.ceil(rules.events / (MAX_JOBS / 2));
  if (wallPerEvent === null || wallPerEvent <= 0) {
    return Math.max(least, Math.min(rules.events, UNMEASURED));
  }
  const most = Math.floor(rules.targetWallSeconds / wallPerEvent);
  return Math.max(1, least, Math.min(rules.events, most));
}

function chooseJobsPerMerge(
  bytesPerEvent: number | null,
  eventsPerJob: number,
  rules: EstimateRules,
): number {
  if (rules.mergeEvents !== null) return Math.max(1, Math.round(rules.mergeEvents / eventsPerJob));
  if (rules.mergeBytes === null || bytesPerEvent === null || bytesPerEvent <= 0) return 1;
  return Math.max(1, Math.round(rules.mergeBytes / (bytesPerEvent * eventsPerJob)));
}

const per = (sample: ScoutSample, value: number | null): number | null =>
  value === null ? null : value / sample.events;

/** The estimate from the finished samples, or from all of them if that is more. */
function withCensored(
  samples: readonly ScoutSample[],
  value: (sample: ScoutSample) => number | null,
  estimator: (values: readonly number[]) => number | null,
): number | null {
  const measured = (list: readonly ScoutSample[]): number[] =>
    list.flatMap((sample) => value(sample) ?? []);
  const finished = estimator(measured(samples.filter((sample) => sample.killedBy === null)));
  const all = estimator(measured(samples));
  return finished === null || all === null ? all : Math.max(finished, all);
}

function marginOf(samples: number): number {
  return 1.28 + 2 / Math.sqrt(Math.max(1, samples));
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function upper(values: readonly number[]): number | null {
  const centre = mean(values);
  if (centre === null) return null;
  const variance =
    values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / Math.max(1, values.length - 1);
  return centre + marginOf(values.length) * Math.sqrt(variance);
}
