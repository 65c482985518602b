import type { FailureStep } from '../domain/bundle.js';
import type { DiagnosisRule } from '../domain/diagnosis-rule.js';
import type { FailureClass } from '../domain/failure-class.js';

type Look = Pick<DiagnosisRule, 'exitCodes' | 'pattern'>;

const rule = (id: string, step: FailureStep, failure: FailureClass, look: Look = {}) => ({
  id,
  step,
  class: failure,
  active: true,
  ...look,
});

/** 128 + signal: SIGILL 4, SIGABRT 6, SIGBUS 7, SIGFPE 8, SIGSEGV 11; SIGKILL 9, SIGTERM 15; SIGXCPU 24, SIGXFSZ 25. */
const CRASHED = [132, 134, 135, 136, 139];
const ENDED = [137, 143];

/** What Fabrica knows of failures by itself. Each has an example in the tests. */
export const DIAGNOSIS_RULES: readonly DiagnosisRule[] = [
  rule('not-submitted', 'submission', 'submission'),
  rule('twin', 'claim', 'control'),

  rule('input-gone', 'stage-in', 'input-missing', { pattern: '^input-missing' }),
  rule('input-damaged', 'stage-in', 'input-corrupt', { pattern: '^input-corrupt' }),
  rule('stage-in', 'stage-in', 'input-missing'),

  rule('environment', 'environment', 'environment'),

  rule('disk-full', 'payload', 'node', {
    pattern: 'No space left on device|ENOSPC|Disk quota exceeded|EDQUOT',
  }),
  rule('software-unreachable', 'payload', 'environment', {
    pattern:
      '/cvmfs/.*(Transport endpoint is not connected|Input/output error|Stale file handle|No such device)',
  }),
  rule('library-missing', 'payload', 'environment', {
    pattern:
      "error while loading shared libraries|cannot open shared object file|ModuleNotFoundError|version `\\S+' not found",
  }),
  rule('container-failed', 'payload', 'environment', {
    pattern: '^(FATAL|ERROR): .*(container|image|squashfs|namespace|overlay)',
  }),
  rule('disk-broken', 'payload', 'node', {
    pattern: 'Input/output error|Read-only file system|Stale file handle|Structure needs cleaning',
  }),
  rule('node-exhausted', 'payload', 'node', {
    pattern: 'fork: .*Resource temporarily unavailable|Too many open files in system',
  }),
  rule('name-service', 'payload', 'node', {
    pattern: 'Temporary failure in name resolution|Could not resolve host|Network is unreachable',
  }),
  rule('out-of-memory', 'payload', 'memory', {
    pattern:
      'std::bad_alloc|MemoryError|heap out of memory|Cannot allocate memory|oom-kill|Out of memory: Kill',
  }),
  rule('program-missing', 'payload', 'environment', { exitCodes: [126, 127] }),
  rule('payload-crashed', 'payload', 'payload-crash', { exitCodes: CRASHED }),
  // Neither the payload nor Fabrica sent these signals: the node or its batch system did.
  rule('ended-by-node', 'payload', 'node', { exitCodes: ENDED }),
  rule('cpu-limit-of-node', 'payload', 'wall-time', { exitCodes: [152] }),
  rule('file-too-large', 'payload', 'disk-limit', { exitCodes: [153] }),
  rule('payload-failed', 'payload', 'payload-error'),

  rule('wall-limit', 'wall-limit', 'wall-time'),
  rule('memory-limit', 'memory-limit', 'memory'),
  rule('disk-limit', 'disk-limit', 'disk-limit'),
  rule('bad-output', 'check', 'bad-output'),
  rule('stage-out', 'stage-out', 'stage-out'),
  rule('wrapper-failed', 'wrapper', 'node'),
  rule('vanished', 'vanished', 'lost'),
  rule('ended-from-outside', 'killed', 'node'),
  rule('unexplained', 'none', 'node'),
];
