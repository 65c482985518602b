import type { ErrorCode } from '../../domain/errors.js';

/** How a command ends. */
export const EXIT = {
  ok: 0,
  /** The answer is no: a refusal, a discrepancy, a production that did not complete. */
  negative: 1,
  /** The input or the command line is wrong; nothing has been changed. */
  badInput: 2,
  /** Temporal, a worker or the catalog can not be reached. */
  unreachable: 3,
  /** Ended by SIGINT. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BAD_INPUT: readonly ErrorCode[] = [
  'FABRICA_COMMAND_LINE',
  'FABRICA_COMMAND_INVALID',
  'FABRICA_DEFINITION_INVALID',
  'FABRICA_INPUT_INVALID',
  'FABRICA_DEFINITION_UNREADABLE',
  'FABRICA_DEFINITION_CONFLICT',
  'FABRICA_CAMPAIGN_INVALID',
  'FABRICA_CAMPAIGN_UNKNOWN',
  'FABRICA_CONFIGURATION_INVALID',
  'FABRICA_PAYLOAD_MISSING',
  'FABRICA_NAME_INVALID',
  'FABRICA_PRODUCTION_UNKNOWN',
  'FABRICA_JOB_UNKNOWN',
  'FABRICA_SITE_UNKNOWN',
  'FABRICA_STORAGE_UNKNOWN',
  'FABRICA_STATE_UNWRITABLE',
  'FABRICA_BACKUP_TARGET',
  'FABRICA_PORT_IN_USE',
];

const UNREACHABLE: readonly ErrorCode[] = [
  'FABRICA_TEMPORAL_UNREACHABLE',
  'FABRICA_TEMPORAL_BINARY',
  'FABRICA_WORKER_ABSENT',
  'FABRICA_CATALOG_MISSING',
  'FABRICA_CATALOG_LOCKED',
  'FABRICA_CATALOG_READONLY',
  'FABRICA_CATALOG_CORRUPT',
  'FABRICA_CATALOG_NEWER',
];

/** The exit code of a command that an error of this code has ended. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  if (BAD_INPUT.includes(code)) return EXIT.badInput;
  return UNREACHABLE.includes(code) ? EXIT.unreachable : EXIT.negative;
}
