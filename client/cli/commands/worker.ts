import type { Command } from 'commander';
import type { Log } from '../../../domain/log.js';
import { terminalLog } from '../../../worker/log.js';
import { adoptNamespace } from '../../../worker/namespace.js';
import { prepareStorages } from '../../../worker/prepare-storages.js';
import type { SiteWorkerOptions } from '../../../worker/site-worker.js';
import { prepareState, StateLayout } from '../../../worker/state-directory.js';
import { listenForStop, type StopSignals } from '../../../worker/stop-signals.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { duration, examples, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';

/** `fabrica worker`: the parts of `up` alone, against any Temporal server. */
export function addWorker(program: Command, invocation: Invocation): void {
  const worker = program
    .command('worker')
    .description('run one part of the system against a Temporal server')
    .addHelpText('after', examples('fabrica worker control', 'fabrica worker site KMI PNNL'));
  worker
    .command('control')
    .description('run workflows and everything that changes the catalog')
    .addHelpText('after', examples('fabrica --address temporal.kek.jp:7233 worker control'))
    .action(
      invocation.action<object>(async (session) =>
        serve(session, 'control', async ({ signals, ...shared }) => {
          const { runControlWorker } = await import('../../../worker/control-worker.js');
          const { catalogFile } = session.loaded;
          await runControlWorker({ ...shared, signal: signals.stop, catalogFile });
        }),
      ),
    );
  worker
    .command('site')
    .description('serve sites and the storages near to them')
    .argument('<name...>', 'names of sites in fabrica.yaml')
    .option(
      '--drain <duration>',
      'at the first signal give the sites no more jobs, and end when none is left there, after so long at the latest',
      duration,
    )
    .addHelpText(
      'after',
      examples(
        'fabrica --config fabrica.yaml worker site KMI',
        'fabrica worker site CLOUD --drain 12h',
      ),
    )
    .action(
      invocation.action<{ drain?: number }>(async (session, { drain: seconds }, args) => {
        const sites = Array.isArray(args[0]) ? args[0].map(String) : [];
        const { stateDirectory } = session.loaded;
        return serve(session, `site ${sites.join(' ')}`, async ({ signals, ...shared }) => {
          const { runSiteWorker } = await import('../../../worker/site-worker.js');
          const { closeSites, openSites } = await import('../../temporal/drained-sites.js');
          const { client } = await session.temporal();
          void openSites(client, sites);
          const drain = { asked: signals.stop, announce: () => closeSites(client, sites) };
          await runSiteWorker({
            ...{ ...shared, sites, stateDirectory },
            ...(seconds === undefined ? {} : { drain: { ...drain, seconds } }),
            signal: seconds === undefined ? signals.stop : signals.force,
          });
        });
      }),
    );
}

/** For looking at the namespace, ms. */
const CALL_MS = 10_000;

type Shared = Pick<
  SiteWorkerOptions,
  'access' | 'address' | 'namespace' | 'configuration' | 'clock' | 'log' | 'onReady'
> & { readonly signals: StopSignals };

/** Runs a worker until SIGINT or SIGTERM; that is its ordinary end. */
async function serve(
  session: Session,
  name: string,
  work: (shared: Shared) => Promise<void>,
): Promise<ExitCode> {
  const { clock, err } = session.terminal;
  const log: Log = terminalLog({ name, clock, stream: err });
  const { connection, endpoint } = await session.temporal();
  const { access, address, namespace } = endpoint;
  const { configuration, stateDirectory } = session.loaded;
  prepareState(new StateLayout(stateDirectory));
  await connection.withDeadline(clock.now() + CALL_MS, () =>
    adoptNamespace({ connection, namespace, log }),
  );
  await prepareStorages({ configuration, stateDirectory, log });
  const signals = listenForStop();
  session.defer(async () => signals.release());
  await work({
    ...{ access, address, namespace, clock, log, signals },
    configuration: session.configuration,
    onReady: () => {
      session.answer(
        { role: name, address, namespace, pid: process.pid },
        `The worker ${name} polls ${address}. End it with Ctrl-C.`,
      );
    },
  });
  return EXIT.ok;
}
