import type { ControlActivities } from '../activities/control/index.js';
import type { SiteIoActivities, SubmissionActivities } from '../activities/site/index.js';
import type { StorageActivities } from '../activities/storage/index.js';
import { jobsOf, attemptsOf, type AttemptRange, type JobRange } from '../domain/bundle.js';
import { counted } from '../domain/counted.js';

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
  stageList: ({ lfn }) => `take in a part of ${lfn}`,
  nextStep: ({ running }) => `what next? (blocks that run: ${running.length})`,
  blockFailed: ({ block }) => `block ${block} failed: hold`,
  openBlock: ({ block }) => `open block ${block}`,
  bundleOrder: ({ bundle }) => `bundle ${bundle}: the whole order`,
  place: ({ block, stage }) => `place ${stage === 'merge' ? 'merges' : 'jobs'} of block ${block}`,
  explainPlacement: ({ production }) => `why so little of ${production} runs`,
  settle: ({ bundle }) => `bundle ${bundle}: record what is reported`,
  closeStage: ({ block, stage }) => `block ${block}: all ${stage} jobs have ended`,
  filesToVerify: ({ block, stage }) => `block ${block}: what to verify after ${stage}`,
  recordProblems: ({ storage, problems }) =>
    `${counted(problems.length, 'bad file')} on ${storage}`,
  inputsToVerify: ({ block }) => `block ${block}: which input files to verify`,
  recordBadInputs: ({ storage, problems }) =>
    `${counted(problems.length, 'bad copy', 'bad copies')} of input files on ${storage}`,
  repairInputs: ({ owner }) => `${owner}: mend its files`,
  planMergeJobs: ({ block }) => `block ${block}: plan merges`,
  advanceBlock: ({ block, to }) => `block ${block}: ${to}`,
  reopenBlock: ({ block }) => `block ${block}: make lost outputs again`,
  planTransfers: ({ block }) => `block ${block}: plan copies`,
  recordCopies: ({ copies }) =>
    `record ${counted(
      copies.reduce((sum, { results }) => sum + results.length, 0),
      'copy',
      'copies',
    )}`,
  condemnLeftovers: ({ block }) => `block ${block}: condemn what is not needed any more`,
  planRemovals: ({ block, gone }) => {
    const files = gone.reduce((sum, { count }) => sum + count, 0);
    const next = block === null ? 'what to remove' : `block ${block}: what to remove`;
    return files === 0 ? next : `${counted(files, 'file')} gone; ${next}`;
  },
  recordDebt: ({ storage }) => `${storage} does not answer: a debt`,
  finishBlock: ({ block }) => `block ${block} is finished`,
  closeBundles: ({ bundles }) => `${counted(bundles.length, 'bundle')} cleared`,
  openHandles: () => 'which bundles are still at sites',
  recordKilled: ({ attempts: ended, bundle }) =>
    `bundle ${bundle}: ${counted(attempts(ended), 'job')} given up`,
  noteLateRemnants: ({ bundle }) => `what bundle ${bundle} may have left since`,
  recordEnded: ({ bundle }) => `bundle ${bundle} is ended`,
  condemnProduction: ({ scope }) => `condemn ${scope}`,
  recordEnd: () => 'record the end',
  noteWithdrawal: ({ jobs }) => `${counted(jobs, 'job')} withdrawn before they started`,
  command: ({ command }) => `${command.kind} by ${command.who}`,
  progress: () => 'how far is it',
  setSiteOverride: ({ site, state }) => `site ${site}: ${state ?? 'as policy says'}`,
  judgeQueue: ({ attempts: waiting, bundle }) =>
    `bundle ${bundle}: ${counted(attempts(waiting), 'job')} not started yet`,
  queuedAt: ({ site }) => `what waits at ${site}`,
  noteSiteWithdrawal: ({ productions, site }) =>
    `${counted(
      productions.reduce((sum, one) => sum + one.jobs, 0),
      'job',
    )} withdrawn from ${site}`,
  filesToAudit: ({ after }) => `what to audit, after file ${after}`,
  directoriesToAudit: () => 'where to look for unknown files',
  unknownPaths: ({ storage, paths }) =>
    `known or not: ${counted(paths.length, 'file')} on ${storage}`,
  concludeAudit: ({ discrepancies }) =>
    `conclude the audit: ${counted(discrepancies.length, 'discrepancy', 'discrepancies')}`,
  listLive: () => 'what is live',
  planRecovery: () => 'what is left of earlier epochs',
  recordRetired: ({ site, ended }) => `${counted(ended, 'job')} ended at ${site}`,
  endEarlierAttempts: () => 'end the attempts of earlier epochs',
  unknownOfEarlier: ({ storage, paths }) =>
    `known or not: ${counted(paths.length, 'file')} on ${storage}`,
  recordSwept: ({ storage, removed }) => `${counted(removed, 'file')} removed from ${storage}`,
  concludeRecovery: () => 'work may begin',
  recordSpace: ({ storage }) => `room on ${storage}`,
  debtorsDue: () => 'which storages have debts',
  planPayment: ({ storage }) => `what to remove from ${storage}`,
  recordPayment: ({ storage, gone }) => `${counted(gone.length, 'debt')} on ${storage} paid`,
  closePayment: ({ storage }) => `debts on ${storage}: for this time`,
  sweepsDue: () => 'which storages are to be swept',
  beginSweep: ({ storage }) => `begin a sweep of ${storage}`,
  comparePage: ({ storage, after }) => `compare ${storage} with the catalog, after ${after}`,
  suspectDamaged: ({ problems }) => `${counted(problems.length, 'file')} not as catalogued`,
  suspects: ({ after }) => `what to look at again, after ${after}`,
  confirmSuspects: ({ dark, problems }) =>
    `still there: ${counted(dark.length, 'unknown file')}, ${counted(problems.length, 'bad replica')}`,
  repairObstacle: () => 'may it be repaired',
  planRepairs: ({ after }) => `what to repair, after ${after}`,
  repairSources: ({ after }) => `what to copy from, after ${after}`,
  reprocessLost: ({ production }) => `${production}: make lost files again`,
  recordReprocess: ({ paths }) => `${counted(paths.length, 'lost file')}: asked for again`,
  recordRepairs: ({ gone, copied }) =>
    `${counted(gone.length, 'file')} removed, ${counted(copied.length, 'file')} copied anew`,
  endSweep: ({ failure }) => (failure === '' ? 'the sweep is done' : 'the sweep has failed'),
  storagesToMeasure: () => 'which storages to measure',
};

export const SUBMISSION_SUMMARIES: Summaries<SubmissionActivities> = {
  submitJobs: ({ bundle, kind, ranges, site }) =>
    `bundle ${bundle}: ${counted(jobs(ranges), `${kind} job`)} at ${site}`,
};

export const SITE_IO_SUMMARIES: Summaries<SiteIoActivities> = {
  watchJobs: (bundle) =>
    `bundle ${bundle.bundle}: ${counted(attempts(bundle.attempts), 'job')} at ${bundle.site}`,
  withdrawJobs: (bundle) =>
    `bundle ${bundle.bundle}: withdraw what has not started at ${bundle.site}`,
  endJobs: (bundle) =>
    `bundle ${bundle.bundle}: end ${counted(attempts(bundle.attempts), 'job')} at ${bundle.site}`,
  forgetJobs: (bundle) => `bundle ${bundle.bundle}: tidy up at ${bundle.site}`,
  archiveLogs: (bundle) =>
    `bundle ${bundle.bundle}: archive ${counted(attempts(bundle.attempts), 'log')}`,
  retireEpochs: ({ epoch }) => `end the jobs of epochs before ${epoch}`,
  readLog: ({ job }) => `log of job ${job}`,
  checkSite: () => 'does the site take jobs',
};

export const STORAGE_SUMMARIES: Summaries<StorageActivities> = {
  verifyFiles: ({ storage, files }) => `verify ${counted(files.length, 'file')} on ${storage}`,
  copyFiles: ({ storage, files }) => `copy ${counted(files.length, 'file')} to ${storage}`,
  removeFiles: ({ storage, paths }) => `remove ${counted(paths.length, 'file')} from ${storage}`,
  removeEach: ({ storage, paths }) => `remove ${counted(paths.length, 'debt')} from ${storage}`,
  verifyPage: ({ storage, count }) => `verify ${counted(count, 'file')} on ${storage}`,
  removePage: ({ storage, count }) => `remove ${counted(count, 'file')} from ${storage}`,
  listPage: ({ storage, directory, after }) => `list ${directory} on ${storage}, after ${after}`,
  countFiles: ({ storage }) => `count the files of others on ${storage}`,
  presentFiles: ({ storage, paths }) =>
    `is it still there: ${counted(paths.length, 'file')} on ${storage}`,
  listFiles: ({ directories, storage }) => `list ${directories.join(', ')} on ${storage}`,
  readList: ({ storage, path }) => `read the list ${path} on ${storage}`,
  measureSpace: ({ storage }) => `measure the room on ${storage}`,
  readArchivedLog: ({ job }) => `log of job ${job} from its archive`,
  probeStorage: ({ storage }) => `write, read and remove a file on ${storage}`,
};
