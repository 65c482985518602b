import type { FailureStep } from '../../domain/bundle.js';
import type { FailureClass } from '../../domain/failure-class.js';

/** How a failure looks from outside: what the wrapper tells, and the end of the log. */
export interface Symptom {
  readonly step: FailureStep;
  readonly exitCode: number | null;
  readonly reason: string;
  readonly log: string;
}

/**
 * How a drawn failure shows, as real ones of its class do. `lost` and `submission` show by what is missing, and `bad-output` by the outputs;
 * the classes that are Fabrica's own or a person's can not be drawn.
 */
export const SYMPTOMS = {
  'payload-error': {
    step: 'payload',
    exitCode: 1,
    reason: 'the payload ended with exit code 1',
    log: 'Traceback (most recent call last):\n  File "steering.py", line 42, in <module>\nRuntimeError: no such particle list\n',
  },
  'payload-crash': {
    step: 'payload',
    exitCode: 139,
    reason: 'the payload was ended by signal 11 (exit code 139)',
    log: '*** Break *** segmentation violation\n #3 TTree::Fill\n',
  },
  'input-missing': {
    step: 'stage-in',
    exitCode: null,
    reason: 'input-missing: background.root: the file is not there',
    log: '',
  },
  'input-corrupt': {
    step: 'stage-in',
    exitCode: null,
    reason: 'input-corrupt: background.root: the file has another adler32',
    log: '',
  },
  environment: {
    step: 'environment',
    exitCode: 1,
    reason: 'the environment failed with exit code 1 after 0.20 s',
    log: 'ls: cannot access /cvmfs/belle.cern.ch: Transport endpoint is not connected\n',
  },
  node: {
    step: 'payload',
    exitCode: 1,
    reason: 'the payload ended with exit code 1',
    log: 'SysError in <TFile::WriteBuffer>: error writing to file (No space left on device)\n',
  },
  'wall-time': {
    step: 'wall-limit',
    exitCode: 124,
    reason: 'ended at the wall limit',
    log: '',
  },
  memory: {
    step: 'memory-limit',
    exitCode: 143,
    reason: 'resident memory is above the limit',
    log: '',
  },
  'disk-limit': {
    step: 'disk-limit',
    exitCode: 143,
    reason: 'the files of the job take more than the limit',
    log: '',
  },
  'stage-out': {
    step: 'stage-out',
    exitCode: 0,
    reason: 'out.root: no storage takes it',
    log: '',
  },
} satisfies Partial<Record<FailureClass, Symptom>>;
