import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { ProductionProgress } from '../domain/progress.js';

/** What people can send to a production, from any Temporal client, its command line or its page. Arguments may be left out; `commandOfSignal` tells their forms. */

/** Start no more jobs; those that run go on. Argument: the reason. */
export const pause = defineSignal<[unknown?]>('pause');
/** Go on after a pause, or after scouts that wait for approval. Argument: the reason. */
export const resume = defineSignal<[unknown?]>('resume');
/** Change the priority. Argument: a whole number from 1 to 10. */
export const reprioritize = defineSignal<[unknown?]>('reprioritize');
/** End all jobs and remove what unfinished ones left. Argument: the reason. */
export const cancel = defineSignal<[unknown?]>('cancel');
/** Try parked jobs and held blocks again. Argument: the reason, or `{jobs, class, site, reason, by}`. */
export const release = defineSignal<[unknown?]>('release');
/** Give parked jobs up. Argument: as for `release`. */
export const waive = defineSignal<[unknown?]>('waive');
/** End jobs for good, those that run as well. Argument: as for `release`; something must be selected. */
export const kill = defineSignal<[unknown?]>('kill');
/**
 * Run jobs again and replace their merged files; a production that has ended may be started again with this signal. Argument: `{jobs,
 * files, site, since, reason, by}`, or `{lost: [{storage, path}], reason, by}` for copies that are lost or damaged.
 */
export const reprocess = defineSignal<[unknown?]>('reprocess');
/** Scout a rejected production again with the same definition; it may be started again with this signal. Argument: the reason. */
export const rescout = defineSignal<[unknown?]>('rescout');
/** Remove everything of a production that has ended; it may be started again with this signal. Argument: the reason. */
export const clean = defineSignal<[unknown?]>('clean');

/** How far the production is. */
export const progress = defineQuery<ProductionProgress | null>('progress');

/** From a block to its production: how far things are. At most some dozens in a block's life. */
export const blockProgress = defineSignal<[ProductionProgress]>('blockProgress');

/** From a production to its block: jobs of it wait that did not before. */
export const lookAgain = defineSignal('lookAgain');
