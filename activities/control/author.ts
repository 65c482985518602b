import { Context } from '@temporalio/activity';
import type { Author } from '../../catalog/changes.js';

/** The workflow's activity that is just being executed; null outside of one. Temporal's SDK numbers the activities of a run from 1. */
export function activityAuthor(): Author | null {
  let info: Context['info'];
  try {
    info = Context.current().info;
  } catch {
    return null;
  }
  const { activityId, workflowExecution } = info;
  const activity = Number(activityId);
  if (workflowExecution === undefined || !Number.isSafeInteger(activity)) return null;
  const { runId, workflowId } = workflowExecution;
  return { workflowId, runId, activity };
}
