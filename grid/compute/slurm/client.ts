import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { clause } from '../../../domain/clause.js';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import {
  activeTasks,
  endsOfSacct,
  endsOfSqueue,
  expressionOf,
  type ActiveTasks,
  type TaskEnd,
} from './answers.js';

/** ms. A controller that is down takes 9 s to be noticed; one that hangs is given up after this. */
const COMMAND_LIMIT = 30_000;
/** Bytes of what a command says that are kept: a queue of a million tasks that run. */
const MOST_SAID = 256 * 1024 * 1024;
/** Tasks that one question names; they must fit on its command line. */
const ASKED_AT_ONCE = 500;

const ARRAY_SCRIPT = fileURLToPath(new URL('./array.sh', import.meta.url));

/** What jobs inherit from this process, and where the commands find their cluster. */
const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'SLURM_CONF',
];

/** How a site wants its jobs to be submitted. */
export interface SlurmSubmission {
  readonly partition?: string | undefined;
  readonly account?: string | undefined;
  readonly qos?: string | undefined;
  /** More options of `sbatch`. */
  readonly options: readonly string[];
}

/** An array to be submitted. */
export interface ArrayOrder {
  /** Under it the array is found again, whatever becomes of the answer. */
  readonly name: string;
  /** For people. */
  readonly comment: string;
  readonly folder: string;
  readonly tasks: number;
  readonly seconds: number;
  /** MB (10^6 bytes). */
  readonly memoryMB: number;
}

/** `refused` tells why Slurm does not take it; empty if it has. */
export interface SubmittedArray {
  readonly id: string;
  readonly refused: string;
}

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** A cluster of Slurm as its own commands reach it. Throws `FABRICA_COMPUTE_SUBMISSION` while it does not answer. */
export class SlurmClient {
  readonly #site: string;
  readonly #submission: SlurmSubmission;
  #maxArraySize: number | null = null;

  constructor(options: { site: string; submission: SlurmSubmission }) {
    this.#site = options.site;
    this.#submission = options.submission;
  }

  /** Tasks of one array, at most. */
  async maxArraySize(): Promise<number> {
    if (this.#maxArraySize !== null) return this.#maxArraySize;
    const { out } = await this.#answered('scontrol', ['show', 'config']);
    const value = (key: string): number =>
      Number(new RegExp(`\\b${key}\\s*=\\s*(\\d+)`).exec(out)?.[1] ?? Infinity);
    this.#maxArraySize = Math.max(1, Math.min(value('MaxArraySize'), value('max_array_tasks')));
    return this.#maxArraySize;
  }

  /** Submits an array of tasks `0` .. `tasks - 1`. Where it throws, Slurm may or may not have taken it. */
  async submit(order: ArrayOrder): Promise<SubmittedArray> {
    const { partition, account, qos, options } = this.#submission;
    const given = Object.entries({ partition, account, qos }).flatMap(([key, value]) =>
      value === undefined ? [] : [`--${key}=${value}`],
    );
    const said = await this.#run('sbatch', [
      ...['--parsable', '--no-requeue', '--export=ALL', '--output=/dev/null', '--error=/dev/null'],
      ...[`--job-name=${order.name}`, `--comment=${order.comment}`, `--chdir=${order.folder}`],
      ...[`--array=0-${order.tasks - 1}`, '--ntasks=1'],
      ...[`--time=${Math.ceil(order.seconds / 60)}`, `--mem=${mebibytes(order.memoryMB)}M`],
      ...[...given, ...options, ARRAY_SCRIPT, order.folder, order.name],
    ]);
    const id = /^(\d+)(;|$)/m.exec(said.out)?.[1];
    if (said.code === 0 && id !== undefined) return { id, refused: '' };
    const why = refusal(said.error);
    if (why === null) throw this.#failure('sbatch', said);
    // Where limits of Slurm have changed.
    this.#maxArraySize = null;
    return { id: '', refused: why };
  }

  /** The tasks of this user that are queued or running. */
  async active(): Promise<ActiveTasks> {
    const { out } = await this.#answered('squeue', ['--me', '-h', '-o', '%j|%F|%K|%T']);
    return activeTasks(out);
  }

  /**
   * How tasks of an array have ended that are active no more, as far as Slurm remembers: the controller for some minutes, then the
   * accounting, if the cluster has one.
   */
  async ends(
    { id, name }: { id: string; name: string },
    indexes: readonly number[],
  ): Promise<Map<number, TaskEnd | 'active'>> {
    const ends = new Map<number, TaskEnd | 'active'>();
    for (let first = 0; first < indexes.length; first += ASKED_AT_ONCE) {
      const some = indexes.slice(first, first + ASKED_AT_ONCE);
      const said = await this.#run('squeue', [
        ...['-h', '-r', '-t', 'all', '-j', some.map((index) => `${id}_${index}`).join(',')],
        ...['-O', SQUEUE_ENDS],
      ]);
      // Unknown ids make it fail, where none is known.
      if (said.code !== 0 && !said.error.includes('Invalid job id')) {
        throw this.#failure('squeue', said);
      }
      for (const [index, end] of endsOfSqueue(said.out, name)) ends.set(index, end);
      const rest = some.filter((index) => !ends.has(index));
      if (rest.length === 0) continue;
      const ids = rest.map((index) => `${id}_${index}`).join(',');
      // Ids may have been given twice: all of them, for the name tells which is meant.
      const account = await this.#run('sacct', [
        ...['-X', '-D', '-n', '-P', '-j', ids, '-o', SACCT_ENDS],
      ]);
      // A cluster without accounting, or whose accounting is down, knows nothing more.
      if (account.code !== 0) continue;
      for (const [index, end] of endsOfSacct(account.out, name)) {
        if (rest.includes(index)) ends.set(index, end);
      }
    }
    return ends;
  }

  /** Has tasks of arrays ended; those that have ended are passed over. */
  async cancel(tasks: ReadonlyMap<string, readonly number[]>): Promise<void> {
    const words = [...tasks].flatMap(([id, indexes]) => {
      const parts: string[] = [];
      for (let first = 0; first < indexes.length; first += ASKED_AT_ONCE) {
        parts.push(`${id}_[${expressionOf(indexes.slice(first, first + ASKED_AT_ONCE))}]`);
      }
      return parts;
    });
    for (const word of words) {
      const said = await this.#run('scancel', [word]);
      if (said.code !== 0 && !/Invalid job id|already completing|completed/i.test(said.error)) {
        throw this.#failure('scancel', said);
      }
    }
  }

  /** Throws unless jobs can be submitted. */
  async check(): Promise<void> {
    const { partition } = this.#submission;
    const args = ['-h', '-o', '%P %a', ...(partition === undefined ? [] : ['-p', partition])];
    const { out } = await this.#answered('sinfo', args);
    if (/ up$/m.test(out)) return;
    const named = partition === undefined ? 'no partition' : `not the partition ${partition}`;
    throw new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `Slurm of site ${this.#site} has ${named} up.`,
      { site: this.#site },
      { remedy: 'Correct `partition` of the site in fabrica.yaml; `sinfo` lists what there is.' },
    );
  }

  async #answered(command: string, args: readonly string[]): Promise<Said> {
    const said = await this.#run(command, args);
    if (said.code === 0) return said;
    throw this.#failure(command, said);
  }

  async #run(command: string, args: readonly string[]): Promise<Said> {
    const running = execa(command, args, {
      ...{ reject: false, stdin: 'ignore', timeout: COMMAND_LIMIT, killSignal: 'SIGKILL' },
      // Jobs get what sbatch is given.
      ...{ extendEnv: false, env: { ...inherited(), ...(command === 'sbatch' ? {} : TOLD) } },
      maxBuffer: MOST_SAID,
    });
    // sbatch would go on asking for two minutes.
    running.stderr.on('data', (text: Buffer) => {
      if (text.includes(QUEUE_FULL)) running.kill('SIGKILL');
    });
    const ended = await running;
    if (ended.exitCode === undefined && ended.signal === undefined) {
      throw new FabricaError(
        'FABRICA_COMPUTE_SUBMISSION',
        `Site ${this.#site} is of kind slurm, and ${command} can not be run: ${clause(messageOf(ended.cause ?? ended.shortMessage))}.`,
        { site: this.#site },
        { remedy: 'Install the commands of Slurm (slurm-client) where this site is served.' },
      );
    }
    const silent = ended.timedOut ? `no answer within ${COMMAND_LIMIT / 1000} s` : '';
    return { code: ended.exitCode ?? 1, out: ended.stdout, error: `${ended.stderr}${silent}` };
  }

  #failure(command: string, { code, error }: Said): FabricaError {
    const said = error.trim().replace(/\s+/g, ' ').slice(0, 500) || `exit code ${code}`;
    return new FabricaError(
      'FABRICA_COMPUTE_SUBMISSION',
      `Slurm of site ${this.#site} does not answer: ${command}: ${clause(said)}.`,
      { site: this.#site },
      { remedy: 'Look at slurmctld of the site; jobs that it has go on, and are found again.' },
    );
  }
}

const SQUEUE_ENDS =
  'Name:|,ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,Reason:|,NodeList:|,EndTime:|';
const SACCT_ENDS = 'JobName,JobID,State,ExitCode,End,NodeList';

const QUEUE_FULL = 'temporarily unable to accept job';

/** What says that Slurm has not understood or not heard, rather than refused. */
const IN_DOUBT =
  /contact|connect|timed out|no answer|zero bytes|communicat|socket|standby|unexpected message|credential|i\/o error/i;

/** Why Slurm refuses a submission; null if it may have taken it. */
function refusal(error: string): string | null {
  if (error.includes(QUEUE_FULL)) return 'the queue of Slurm is full (MaxJobCount)';
  const why = /Batch job submission failed: (.*)/.exec(error)?.[1] ?? '';
  if (why === '') return /^sbatch: /m.test(error) && !IN_DOUBT.test(error) ? oneLine(error) : null;
  return IN_DOUBT.test(why) ? null : `Slurm refuses it: ${why}`;
}

const oneLine = (text: string): string => text.trim().replace(/\s+/g, ' ').slice(0, 500);

function inherited(): Record<string, string> {
  const known = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(known);
}

/** How answers are told: lists of tasks whole, times in s since 1970. */
const TOLD = { LC_ALL: 'C.UTF-8', SLURM_BITSTR_LEN: '0', SLURM_TIME_FORMAT: '%s' };

const mebibytes = (megabytes: number): number => Math.ceil((megabytes * 1e6) / 2 ** 20);
