/** Which workflow task of its run calls a local activity: what is given to the activity beside its input. */
export interface WorkflowTask {
  /** Number of the event with which the task began, in the history of the run. */
  readonly workflowTask: number;
}

export function isWorkflowTask(value: unknown): value is WorkflowTask {
  return typeof value === 'object' && value !== null && 'workflowTask' in value;
}
