import { Readable } from 'node:stream';
import { execa, type Options } from 'execa';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import { skipping } from '../skipping.js';

/** s. What is not there answers at once; one that hangs is given up after this. */
const PATIENCE = { connect: 5, request: 60 };
/** ms: for a command that reads or changes names only. */
const COMMAND_LIMIT = 120_000;
/** Bytes of what a command says that are kept. */
const MOST_SAID = 64 * 1024 * 1024;

/** What the commands of XRootD are to know, whoever started this process. Times are told in UTC. */
const ENVIRONMENT = {
  TZ: 'UTC',
  LC_ALL: 'C.UTF-8',
  XRD_CONNECTIONWINDOW: String(PATIENCE.connect),
  XRD_CONNECTIONRETRY: '1',
  XRD_REQUESTTIMEOUT: String(PATIENCE.request),
  XRD_STREAMTIMEOUT: String(PATIENCE.request),
  XRD_STREAMERRORWINDOW: String(PATIENCE.connect),
  XRD_TIMEOUTRESOLUTION: '1',
  XRD_LOGLEVEL: 'Warning',
};

/** How a command has ended: its exit code, and all that it has said. */
export interface Said {
  readonly code: number;
  readonly text: string;
}

/** Exit codes of `xrdcp` and `xrdfs` that say what has happened. */
export const XRD_EXIT = { invalid: 50, unreachable: 51, checksum: 53, refused: 54 } as const;

/** A server of XRootD as its own commands `xrdfs` and `xrdcp` reach it. */
export class XRootDClient {
  /** `root://host:port`. */
  readonly server: string;
  readonly #storage: string;

  constructor(options: { storage: string; server: string }) {
    this.server = options.server;
    this.#storage = options.storage;
  }

  /** One command of `xrdfs`; its arguments may be anything. */
  fs(...args: readonly string[]): Promise<Said> {
    return this.#run('xrdfs', ['--no-cwd', this.server, ...args], { timeout: COMMAND_LIMIT });
  }

  /**
   * Many commands over one connection: what `xrdfs` says to each, in their order. Arguments are plain: they hold no quote, backslash or
   * control character (`isPlainArgument`).
   */
  async session(
    commands: readonly (readonly string[])[],
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    if (commands.length === 0) return [];
    const input = commands.map((words) => words.map((word) => `"${word}"`).join(' ')).join('\n');
    // Both streams are one, so that what is said comes in the order in which it was said.
    const { code, text } = await this.#run(
      'sh',
      ['-c', 'exec xrdfs --no-cwd "$0" 2>&1', this.server],
      {
        ...{ input: `${input}\n`, timeout: COMMAND_LIMIT + 100 * commands.length },
        ...(signal === undefined ? {} : { cancelSignal: signal }),
      },
    );
    // An answer follows its prompt, which ends with the command; the last prompt is that of the end of input.
    const answers = text.split(/^\[[^\]\n]*\] \/ > .*\n?/m).slice(1, 1 + commands.length);
    if (code !== 0 || answers.length !== commands.length) {
      throw failureOf(this.#storage, '/', { code, text });
    }
    return answers;
  }

  /** One copy by `xrdcp`, in so many ms. */
  copy(args: readonly string[], timeout: number): Promise<Said> {
    return this.#run('xrdcp', ['--silent', '--nopbar', ...args], { timeout });
  }

  /** The content of a file from a byte on; it fails as `xrdcp` does, which ends when nobody wants the rest. */
  content(url: string, from: number): Readable {
    const copy = execa('xrdcp', ['--silent', '--nopbar', url, '-'], {
      ...{ stdin: 'ignore', buffer: false, env: ENVIRONMENT, killSignal: 'SIGKILL' },
    });
    return Readable.from(skipping(copy.readable({ binary: true }), from), { objectMode: false });
  }

  async #run(command: string, args: readonly string[], options: Options): Promise<Said> {
    const ended = await execa(command, args, {
      ...{ reject: false, input: '', all: true, env: ENVIRONMENT, maxBuffer: MOST_SAID },
      ...{ killSignal: 'SIGKILL', stripFinalNewline: false },
      ...options,
    });
    if (ended.isCanceled) throw options.cancelSignal?.reason;
    if (ended.timedOut) {
      return { code: XRD_EXIT.unreachable, text: `no answer within ${options.timeout ?? 0} ms` };
    }
    if (ended.exitCode === undefined) {
      throw new FabricaError(
        'FABRICA_STORAGE_UNREACHABLE',
        `Storage ${this.#storage} is of kind xrootd, and ${command} can not be run: ${messageOf(ended.cause ?? ended.shortMessage)}.`,
        { storage: this.#storage },
        { remedy: 'Install the client of XRootD (xrootd-client) where this storage is served.' },
      );
    }
    return { code: ended.exitCode, text: String(ended.all ?? '') };
  }
}

/** True for what can stand between the quotes of a session. */
export const isPlainArgument = (text: string): boolean => /^[^"'\\\p{Cc}]*$/u.test(text);

/** What `xrdfs` and `xrdcp` say of what is not there. */
export const saysAbsent = (text: string): boolean =>
  /\[3011\]|no such file or directory|not a directory/.test(text);

/** What they say of a file that is there already. */
export const saysThere = (text: string): boolean => /\[3018\]|file exists/.test(text);

/** What a command has said as one of Fabrica's errors. */
export function failureOf(
  storage: string,
  storagePath: string,
  { code, text }: Said,
): FabricaError {
  const said = text.trim().replace(/\s+/g, ' ').slice(0, 500) || `exit code ${code}`;
  const place = { storage, path: storagePath };
  if (/no space left|\[3009\]|quota/i.test(text)) {
    return new FabricaError(
      'FABRICA_STORAGE_FULL',
      `Storage ${storage} is full: ${storagePath}: ${said}.`,
      place,
    );
  }
  if (/permission denied|read-only|disallowed|\[3010\]/i.test(text)) {
    return new FabricaError(
      'FABRICA_STORAGE_READONLY',
      `Storage ${storage} refuses: ${storagePath}: ${said}.`,
      place,
    );
  }
  return new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `Storage ${storage} fails: ${storagePath}: ${said}.`,
    place,
  );
}
