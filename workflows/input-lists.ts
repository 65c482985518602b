import { ApplicationFailure, ChildWorkflowFailure, executeChild } from '@temporalio/workflow';
import type { ListToStage } from '../activities/control/list-staging.js';
import type { ListPlace } from '../domain/input-list.js';
import { productionWorkflowId } from '../domain/names.js';
import { control, storageAt } from './activities.js';

/** Brings lists of input files into the catalog, each in a workflow of its own: their lines are no part of the production's history. */
export async function bringLists(lists: readonly ListToStage[]): Promise<void> {
  for (const [i, list] of lists.entries()) {
    try {
      await executeChild<typeof inputList>('inputList', {
        workflowId: `${productionWorkflowId(list.production)}/list/${i}`,
        args: [list],
        staticSummary: `input files of ${list.production}`,
      });
    } catch (error) {
      // Told as the failure of the registration.
      throw error instanceof ChildWorkflowFailure ? (error.cause ?? error) : error;
    }
  }
}

/** Each part is longer than a line, and a list has an end: so many parts have the longest of all lists. */
const MOST_PARTS = 2000;

/** Brings the lines of one list into the catalog, part by part. */
export async function inputList(list: ListToStage): Promise<void> {
  const { lfn, path, production, storage } = list;
  let from: ListPlace = { offset: 0, lines: 0 };
  for (let part = 0; part < MOST_PARTS; part++) {
    const { files, next } = await storageAt(storage, '10 minutes').readList({
      ...{ storage, path, from },
    });
    await control.stageList({ production, lfn, first: part === 0, files });
    if (next === null) return;
    from = next;
  }
  throw ApplicationFailure.nonRetryable(
    `The list ${path} on ${storage} is too long.`,
    'FABRICA_INPUT_INVALID',
  );
}
