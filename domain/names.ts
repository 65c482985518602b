/**
 * What may be part of a name. Names of productions, sites, storages and dataset values become parts of LFNs, of
 * file paths and of shell variables, so the grammar is narrow: letters, digits, dot, dash, underscore; the first a letter or
 * digit; no `..`.
 */
export const NAME_PATTERN = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The name of a file inside a job's folder: as a name, and none of those that the wrapper uses itself. */
export const FILE_NAME_PATTERN =
  /^(?!.*\.\.)(?!wrapper\.|fabrica-report\.|(?:log|report|report\.tmp)$)[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** A logical file name: an absolute path of names, without `..`. */
export const LFN_PATTERN = /^(?!.*\.\.)(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/;

/** An epoch: `e` and base-36 digits; new after each restore of a catalog. */
export const EPOCH_PATTERN = /^e[0-9a-z]{6,12}$/;

/** The epoch that begins at this time: its ms since 1970 in base 36, so that later epochs sort later and two catalogs hardly share one. */
export function epochAt(now: number): string {
  return `e${Math.floor(now).toString(36)}`;
}

/** Whether a job at a computing element belongs to an epoch before this one. */
export function isOfEarlierEpoch(jobName: string, epoch: string): boolean {
  const own = jobName.slice(0, jobName.indexOf('.'));
  return EPOCH_PATTERN.test(own) && own < epoch;
}

/** The name of an attempt at a computing element: unique over restores, productions, jobs and attempts. */
export function ceJobName(key: {
  epoch: string;
  production: string;
  job: number;
  attempt: number;
}): string {
  return `${key.epoch}.${key.production}.${key.job}.${key.attempt}`;
}

/** Temporal's id of a production's workflow. */
export function productionWorkflowId(production: string): string {
  return `production/${production}`;
}

/** Temporal's id of a block's workflow. */
export function blockWorkflowId(production: string, block: number): string {
  return `production/${production}/block/${block}`;
}

/** Temporal's ids of what tidies up: the schedule, and the workflow that it starts. */
export const JANITOR_SCHEDULE_ID = 'fabrica/janitor';
export const JANITOR_WORKFLOW_ID = 'janitor';

/** Temporal's id of the sweep of a storage: there is one at a time. */
export function sweepWorkflowId(storage: string): string {
  return `sweep/${storage}`;
}

/** Temporal's id of what withdraws jobs from a banned site: there is one at a time. */
export function siteWithdrawalWorkflowId(site: string): string {
  return `site/${site}/withdrawal`;
}

/** Task queues: one for workflows and control; per site one for submission and one for everything else; one per storage. */
export const CONTROL_QUEUE = 'fabrica';
export const siteQueue = (site: string): string => `site.${site}`;
export const siteIoQueue = (site: string): string => `site.${site}.io`;
export const STORAGE_QUEUE = 'se.';
export const storageQueue = (storage: string): string => `${STORAGE_QUEUE}${storage}`;
