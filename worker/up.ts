import type { Clock } from '../domain/clock.js';
import type { Configuration, SiteConfiguration } from '../domain/configuration.js';
import { FabricaError, messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { builtFile } from './built-files.js';
import { childProcess } from './child-process.js';
import { prepareStorages } from './prepare-storages.js';
import { proveFairness } from './fairness.js';
import type { FairnessProof } from './fairness.js';
import { endLeftovers } from './leftovers.js';
import { adoptNamespace, registerSearchAttributes, setRetention } from './namespace.js';
import type { NamespaceOptions } from './namespace.js';
import { choosePort } from './ports.js';
import type { ProcessIdentity } from './process-identity.js';
import { StateDirectory } from './state-directory.js';
import type { SupervisedProcess } from './supervised-process.js';
import { findTemporalBinary } from './temporal-binary.js';
import {
  connectionWithoutRetry,
  UNREACHABLE_REMEDY,
  untilTemporalServes,
  type TemporalEndpoint,
} from './temporal-connection.js';
import { configuredAccess } from './temporal-access.js';
import { TEMPORAL_HOST, temporalServer } from './temporal-server.js';
import { clause } from '../domain/clause.js';

export interface UpOptions {
  readonly configuration: Configuration;
  readonly stateDirectory: string;
  readonly catalogFile: string;
  /** Handed on to all processes; read for PATH and the caches. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  /** Stops the system in order, also while it starts. See `listenForStop`. */
  readonly stop?: AbortSignal;
  /** Kills all its processes. */
  readonly force?: AbortSignal;
  /** The program of the child processes. (Default: that of the built package) */
  readonly childEntry?: string;
}

/** What `up` has started. */
export interface RunningSystem {
  readonly address: string;
  readonly namespace: string;
  /** Temporal's page; null if the server is not ours. */
  readonly uiUrl: string | null;
  readonly fairness: FairnessProof;
  /** Ends everything, workers first; jobs go on. Afterwards the state directory is free. */
  stop(): Promise<void>;
  /** Resolves when it has been stopped, in whatever way. */
  readonly ended: Promise<void>;
}

const TEMPORAL_PORT = 7233;
const UI_PORT = 8233;
/** Two of us may choose the same port at the same moment. */
const PORT_TRIES = 3;
/** What docs/reference/command-line.md promises. */
const REACH_SECONDS = 10;
const REACH_PAUSE_MS = 300;
const CALL_MS = 15_000;
/** Longer than the longest grace of a worker and what follows it. */
const WORKER_GRACE_MS = 25_000;
const SERVER_GRACE_MS = 15_000;

/**
 * Starts Fabrica on this machine: Temporal's server (or uses the one of `temporal.address`), the control process and a process for each local site, and
 * keeps them running. Resolves when all of them serve. If that fails, or `stop` aborts meanwhile, what was started is ended and the reason
 * thrown: `FABRICA_STATE_UNWRITABLE`, `FABRICA_STATE_IN_USE`, `FABRICA_PORT_IN_USE`, `FABRICA_TEMPORAL_BINARY`,
 * `FABRICA_TEMPORAL_UNREACHABLE`, and what the processes report.
 */
export async function up(options: UpOptions): Promise<RunningSystem> {
  const { namespace } = options.configuration.temporal;
  const state = StateDirectory.open(options.stateDirectory, namespace);
  const system = new Supervisor(state, options);
  try {
    const started = await system.start();
    const stop = async (): Promise<void> => system.stop();
    return { ...started, namespace, stop, ended: system.ended };
  } catch (error) {
    await system.stop();
    options.stop?.throwIfAborted();
    throw error;
  }
}

interface Server {
  readonly address: string;
  readonly uiUrl: string | null;
}

type ServerSource =
  | { readonly kind: 'given'; readonly address: string }
  | { readonly kind: 'own'; readonly binary: string };

class Supervisor {
  readonly ended: Promise<void>;
  readonly #state: StateDirectory;
  readonly #options: UpOptions;
  #server: SupervisedProcess | null = null;
  #workers: SupervisedProcess[] = [];
  #end: Promise<void> | null = null;
  #resolveEnded: () => void = () => undefined;

  constructor(state: StateDirectory, options: UpOptions) {
    this.#state = state;
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  async start(): Promise<Server & { fairness: FairnessProof }> {
    const { force, stop } = this.#options;
    stop?.throwIfAborted();
    stop?.addEventListener('abort', () => void this.#stopOnRequest(), { once: true });
    force?.addEventListener('abort', () => this.#kill(), { once: true });
    await this.#endLeftovers();
    const { configuration, log } = this.#options;
    await prepareStorages({ configuration, log, stateDirectory: this.#state.path });
    const source = await this.#findServer();
    this.#throwIfStopped();
    // Workers take as long to load as the server to start, so they load meanwhile.
    const serving = this.#startServer(source);
    const [[server, fairness]] = await Promise.all([
      serving.then(async (one) => [one, await this.#proveFairness(one.address)] as const),
      this.#startWorkers(serving.then(({ address }) => address)),
    ]);
    return { ...server, fairness };
  }

  async #stopOnRequest(): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      this.#options.log.error({ error }, 'the stop failed');
    }
  }

  /** A full disk must not end what runs: the record is only for the next `up`. */
  #record(name: string, identity: ProcessIdentity | null): void {
    try {
      this.#state.recordChild(name, identity);
    } catch (error) {
      this.#options.log.error({ error, process: name }, 'up.json cannot be written');
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#end ??= this.#stopAll();
    await this.#end;
  }

  /** To be asked after each wait, before something is started or recorded that the stop has not seen. */
  #throwIfStopped(): void {
    this.#options.stop?.throwIfAborted();
    if (this.#end !== null) throw new FabricaError('FABRICA_INTERNAL', 'stopped while it started');
  }

  async #stopAll(): Promise<void> {
    this.#options.log.info({}, 'stopping');
    await Promise.all(this.#workers.map(async (worker) => worker.stop(WORKER_GRACE_MS)));
    await this.#server?.stop(SERVER_GRACE_MS);
    try {
      this.#state.close();
    } finally {
      this.#resolveEnded();
    }
  }

  #kill(): void {
    this.#options.log.warn({}, 'killing all processes');
    for (const one of [...this.#workers, this.#server]) one?.kill();
  }

  async #endLeftovers(): Promise<void> {
    const { children } = this.#state.record;
    const alive = await endLeftovers(children, { log: this.#options.log });
    const [first] = alive;
    if (first !== undefined) {
      throw new FabricaError(
        'FABRICA_STATE_IN_USE',
        `Processes of an earlier \`fabrica up\` on ${this.#state.path} cannot be ended: ` +
          alive.map(({ name, pid }) => `${name} (pid ${pid})`).join(', '),
        { path: this.#state.path, pid: first.pid },
      );
    }
    for (const { name } of children) this.#state.recordChild(name, null);
  }

  async #findServer(): Promise<ServerSource> {
    const { configuration, env, log } = this.#options;
    const { address } = configuration.temporal;
    if (address !== undefined) return { kind: 'given', address };
    const { path: binary, source, version } = await findTemporalBinary({ env, log });
    log.debug({ binary, source, version }, 'Temporal');
    return { kind: 'own', binary };
  }

  /** Afterwards the server serves, its namespace is as it should be, and `up.json` tells its address. */
  async #startServer(source: ServerSource): Promise<Server> {
    const server = await (source.kind === 'given'
      ? this.#useServer(source.address)
      : this.#startOwnServer(source.binary));
    this.#throwIfStopped();
    this.#state.recordServer(server.address, server.uiUrl);
    return server;
  }

  async #startOwnServer(binary: string): Promise<Server> {
    const { clock, configuration, log } = this.#options;
    const { namespace, port, retention, uiPort } = configuration.temporal;
    for (let tries = 1; ; tries++) {
      const ports = await choosePorts(port, uiPort);
      this.#throwIfStopped();
      this.#server = temporalServer({
        ...{ ...ports, binary, namespace, clock, log },
        databaseFile: this.#state.temporalFile,
        logFile: this.#state.logFile('temporal'),
        onIdentity: (identity) => this.#record('temporal', identity),
      });
      try {
        await this.#server.start();
      } catch (error) {
        if (tries >= PORT_TRIES || !messageOf(error).includes('address already in use'))
          throw error;
        log.warn(ports, 'the port was taken at the last moment; trying another');
        continue;
      }
      const address = `${TEMPORAL_HOST}:${ports.port}`;
      await this.#withNamespace({ address }, async (space) => {
        await setRetention(space, retention);
        await registerSearchAttributes(space);
      });
      return { address, uiUrl: `http://${TEMPORAL_HOST}:${ports.uiPort}` };
    }
  }

  async #useServer(address: string): Promise<Server> {
    const { configuration, log, stop } = this.#options;
    const { namespace } = configuration.temporal;
    const access = configuredAccess(configuration);
    log.info({ address, namespace }, 'using a Temporal server that is not ours');
    const limits = [
      AbortSignal.timeout(REACH_SECONDS * 1000),
      ...(stop === undefined ? [] : [stop]),
    ];
    try {
      await untilTemporalServes({
        ...{ access, address, namespace, signal: AbortSignal.any(limits) },
        pause: REACH_PAUSE_MS,
        tell: (why) => {
          const until = `trying again for ${REACH_SECONDS} s`;
          log.warn({}, `Temporal at ${address} does not serve yet: ${why}; ${until}`);
        },
      });
    } catch (error) {
      throw new FabricaError(
        'FABRICA_TEMPORAL_UNREACHABLE',
        `Temporal at ${address}, namespace ${namespace}, does not serve (tried for ${REACH_SECONDS} s): ${clause(messageOf(error))}.`,
        { address, namespace },
        { cause: error, remedy: UNREACHABLE_REMEDY },
      );
    }
    await this.#withNamespace({ address, access }, adoptNamespace);
    return { address, uiUrl: null };
  }

  async #withNamespace(
    server: Omit<TemporalEndpoint, 'namespace'>,
    work: (options: NamespaceOptions) => Promise<void>,
  ): Promise<void> {
    const { configuration, log } = this.#options;
    const connection = await connectionWithoutRetry(server);
    try {
      const { namespace } = configuration.temporal;
      await connection.withDeadline(Date.now() + CALL_MS, async () =>
        work({ connection, namespace, log }),
      );
    } finally {
      await connection.close();
    }
  }

  async #startWorkers(address: Promise<string>): Promise<void> {
    const { configuration } = this.#options;
    const named = (kind: SiteConfiguration['compute']['kind']): string[] =>
      configuration.sites.filter(({ compute }) => compute.kind === kind).map(({ name }) => name);
    // Simulated sites do next to nothing by themselves: one process serves them all.
    const simulated = named('simulated');
    this.#workers = [
      this.#worker('control', ['control'], address),
      ...[...named('local'), ...named('slurm')].map((name) =>
        this.#worker(`site ${name}`, ['site', name], address),
      ),
      ...(simulated.length === 0
        ? []
        : [this.#worker('simulated sites', ['site', ...simulated], address)]),
    ];
    await Promise.all(this.#workers.map(async (worker) => worker.start()));
  }

  #worker(name: string, argv: readonly string[], address: Promise<string>): SupervisedProcess {
    const { catalogFile, childEntry, clock, configuration, env, log } = this.#options;
    const logFile = this.#state.logFile(name.replaceAll(' ', '-'));
    return childProcess({
      ...{ name, argv, env, clock, log, logFile },
      entry: childEntry ?? builtFile('program/process.js'),
      task: address.then((known) => ({
        access: configuredAccess(configuration),
        address: known,
        namespace: configuration.temporal.namespace,
        configuration,
        catalogFile,
        stateDirectory: this.#state.path,
        logFile,
      })),
      onIdentity: (identity) => this.#record(name, identity),
    });
  }

  async #proveFairness(address: string): Promise<FairnessProof> {
    const { configuration, log } = this.#options;
    const { namespace } = configuration.temporal;
    const access = configuredAccess(configuration);
    const proof = await proveFairness({ access, address, namespace });
    const { evidence } = proof;
    if (proof.fair) log.debug({ evidence }, 'the server is fair');
    else if (!proof.watched) {
      log.warn(
        { evidence },
        'whether the Temporal server is fair is not known: ask `fabrica doctor`',
      );
    } else {
      log.error(
        { evidence },
        'THE TEMPORAL SERVER IS NOT FAIR: a big production will starve the others at each site. ' +
          'Set matching.enableFairness on the server',
      );
    }
    return proof;
  }
}

async function choosePorts(
  asked: number | undefined,
  askedUi: number | undefined,
): Promise<{ port: number; uiPort: number }> {
  const host = TEMPORAL_HOST;
  const port = await choosePort({
    ...{ asked, host, preferred: TEMPORAL_PORT },
    purpose: "the Temporal server's port",
  });
  const uiPort = await choosePort({
    ...{ asked: askedUi, host, preferred: UI_PORT, taken: [port] },
    purpose: "the port of Temporal's page",
  });
  return { port, uiPort };
}
