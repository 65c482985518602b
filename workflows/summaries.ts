import type { ControlActivities } from '../activities/control/index.js';
import type { SiteIoActivities, SubmissionActivities } from '../activities/site/index.js';
import type { StorageActivities } from '../activities/storage/index.js';
import { jobsOf, attemptsOf, type AttemptRange, type JobRange } from '../domain/bundle.js';

type Activity = (...args: never[]) => Promise<unknown>;

/** One line for each call of an activity: what Temporal's page shows beside it. */
export type Summaries<T> = {
  readonly [K in keyof T]: T[K] extends Activity ? (...args: Parameters<T[K]>) => string : never;
};

const attempts = (ranges: readonly AttemptRange[]): number => [...attemptsOf(ranges)].length;
const jobs = (ranges: readonly JobRange[]): number => [...jobsOf(ranges)].length;

export const CONTROL_SUMMARIES: Summaries<ControlActivities> = {
  validateDefinition: () => 'check the definition',
  register: () => 'register',
  nextStep: ({ running }) => `what next? (${running.length} blocks run)`,
  blockFailed: ({ block }) => `block ${block} failed: hold`,
  openBlock: ({ block }) => `open block ${block}`,
  place: ({ block, stage }) => `place ${stage === 'merge' ? 'merges' : 'jobs'} of block ${block}`,
  settle: ({ bundle, reports }) => `bundle ${bundle}: record ${reports.length} reports`,
  closeStage: ({ block, stage }) => `block ${block}: all ${stage} jobs have ended`,
  filesToVerify: ({ block, stage }) => `block ${block}: what to verify after ${stage}`,
  recordProblems: ({ storage, problems }) => `${problems.length} bad files on ${storage}`,
  planMergeJobs: ({ block }) => `block ${block}: plan merges`,
  advanceBlock: ({ block, to }) => `block ${block}: ${to}`,
  reopenBlock: ({ block }) => `block ${block}: make lost outputs again`,
  planTransfers: ({ block }) => `block ${block}: plan copies`,
  recordCopies: ({ storage, results }) => `record ${results.length} copies to ${storage}`,
  condemnLeftovers: ({ block }) => `block ${block}: condemn what is not needed any more`,
  planRemovals: ({ block }) =>
    block === null ? 'what to remove' : `block ${block}: what to remove`,
  confirmRemovals: ({ storage, paths }) => `${paths.length} files are gone from ${storage}`,
  recordDebt: ({ storage }) => `${storage} does not answer: a debt`,
  finishBlock: ({ block }) => `block ${block} is finished`,
  openHandles: () => 'which bundles are still at sites',
  recordEnded: ({ bundle }) => `bundle ${bundle} is ended`,
  condemnProduction: ({ scope }) => `condemn ${scope}`,
  recordEnd: () => 'record the end',
  command: ({ command }) => `${command.kind} by ${command.who}`,
  progress: () => 'how far is it',
  setSiteOverride: ({ site, state }) => `site ${site}: ${state ?? 'as policy says'}`,
  filesToAudit: ({ after }) => `what to audit, after file ${after}`,
  directoriesToAudit: () => 'where to look for unknown files',
  unknownPaths: ({ storage, paths }) => `are ${paths.length} files on ${storage} known`,
  concludeAudit: ({ discrepancies }) => `conclude the audit: ${discrepancies.length} discrepancies`,
  listLive: () => 'what is live',
  recordSpace: ({ storage }) => `room on ${storage}`,
  storagesToMeasure: () => 'which storages to measure',
};

export const SUBMISSION_SUMMARIES: Summaries<SubmissionActivities> = {
  submitJobs: ({ bundle, kind, ranges, site }) =>
    `bundle ${bundle}: ${jobs(ranges)} ${kind} jobs at ${site}`,
};

export const SITE_IO_SUMMARIES: Summaries<SiteIoActivities> = {
  watchJobs: (bundle) =>
    `bundle ${bundle.bundle}: ${attempts(bundle.attempts)} jobs at ${bundle.site}`,
  endJobs: (bundle) =>
    `bundle ${bundle.bundle}: end ${attempts(bundle.attempts)} jobs at ${bundle.site}`,
  forgetJobs: (bundle) => `bundle ${bundle.bundle}: tidy up at ${bundle.site}`,
  readLog: ({ job }) => `log of job ${job}`,
  checkSite: () => 'does the site take jobs',
};

export const STORAGE_SUMMARIES: Summaries<StorageActivities> = {
  verifyFiles: ({ storage, files }) => `verify ${files.length} files on ${storage}`,
  copyFiles: ({ storage, files }) => `copy ${files.length} files to ${storage}`,
  removeFiles: ({ storage, paths }) => `remove ${paths.length} files from ${storage}`,
  listFiles: ({ storage, directory }) => `list ${directory} on ${storage}`,
  measureSpace: ({ storage }) => `measure the room on ${storage}`,
};
