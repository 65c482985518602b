import { AsyncLocalStorage } from 'node:async_hooks';
import { Context } from '@temporalio/activity';
import type { Author } from '../../catalog/changes.js';
import { isWorkflowTask } from '../../domain/workflow-task.js';
import { eachActivity } from '../each-activity.js';

const workflowTask = new AsyncLocalStorage<number>();

/** The activities, each of which knows the workflow task that has called it, if it is a local one. */
export function withWorkflowTasks<T extends Parameters<typeof eachActivity>[0]>(activities: T): T {
  return eachActivity(activities, (run, args) => {
    const told = args.at(-1);
    return isWorkflowTask(told) ? workflowTask.run(told.workflowTask, run) : run();
  });
}

/** Who changes the catalog: the activity of a workflow that is just being executed; null outside of one. */
export function activityAuthor(): Author | null {
  let info: Context['info'];
  try {
    info = Context.current().info;
  } catch {
    return null;
  }
  const { activityId, isLocal, workflowExecution } = info;
  if (workflowExecution === undefined) return null;
  const { runId, workflowId } = workflowExecution;
  if (isLocal) {
    const task = workflowTask.getStore();
    return task === undefined ? null : { workflowId, runId, workflowTask: task };
  }
  // Temporal's SDK numbers the activities of a run from 1.
  const activity = Number(activityId);
  return Number.isSafeInteger(activity) ? { workflowId, runId, activity } : null;
}
