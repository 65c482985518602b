/**
 * The closed list of what a failed attempt can be judged to be. Every failed attempt gets exactly one.
 */
export const FAILURE_CLASSES = [
  'payload-error',
  'payload-crash',
  'input-missing',
  'input-corrupt',
  'environment',
  'node',
  'wall-time',
  'memory',
  'disk-limit',
  'stage-out',
  'submission',
  'lost',
  'bad-output',
  'catalog',
  'control',
  'killed',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Who a failure is charged to. `fabrica` never counts against the job. */
export const BLAMES = ['payload', 'site', 'storage', 'definition', 'fabrica', 'person'] as const;
export type Blame = (typeof BLAMES)[number];

export const BLAME_OF: Readonly<Record<FailureClass, Blame>> = {
  'payload-error': 'payload',
  'payload-crash': 'payload',
  'input-missing': 'storage',
  'input-corrupt': 'storage',
  environment: 'site',
  node: 'site',
  'wall-time': 'definition',
  memory: 'definition',
  'disk-limit': 'definition',
  'stage-out': 'storage',
  submission: 'site',
  lost: 'site',
  'bad-output': 'payload',
  catalog: 'fabrica',
  control: 'fabrica',
  killed: 'person',
};
