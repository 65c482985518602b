import type { Command } from 'commander';
import { FabricaError } from '../../../domain/errors.js';
import { listenForStop } from '../../../worker/stop-signals.js';
import type { RunningSystem } from '../../../worker/up.js';
import { EXIT } from '../exit-code.js';
import { examples, wholeNumber, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import type { Ports } from '../start-system.js';
import { facts } from '../table.js';

/** `fabrica up`: the whole system on this machine, in the foreground. */
export function addUp(program: Command, invocation: Invocation): void {
  program
    .command('up')
    .description('run Fabrica on this machine: Temporal, the control process and the local sites')
    .option(
      '--port <n>',
      'port of Temporal (default: 7233 or the next free one)',
      wholeNumber(0, 65_535),
    )
    .option(
      '--ui-port <n>',
      "port of Temporal's page (default: 8233 or the next free one)",
      wholeNumber(0, 65_535),
    )
    .addHelpText(
      'after',
      `\nRuns until SIGINT or SIGTERM; jobs that run go on without it, and the next \`up\` finds them.` +
        `\n${examples('fabrica up', 'fabrica --state /data/fabrica up --port 7300')}`,
    )
    .action(
      invocation.action<Ports>(async (session, options) => {
        const signals = listenForStop();
        session.defer(async () => signals.release());
        try {
          const { startSystem } = await import('../start-system.js');
          const system = await startSystem(session, options, signals);
          tell(session, system);
          await system.ended;
          return EXIT.ok;
        } catch (error) {
          if (signals.stop.aborted && !(error instanceof FabricaError)) return EXIT.interrupted;
          throw error;
        }
      }),
    );
}

function tell(session: Session, system: RunningSystem): void {
  const { loaded, style } = session;
  const { address, fairness, namespace, uiUrl } = system;
  const sites = loaded.configuration.sites.map(({ name }) => name);
  session.answer(
    {
      address,
      namespace,
      uiUrl,
      fair: fairness.fair,
      stateDirectory: loaded.stateDirectory,
      catalog: loaded.catalogFile,
      configuration: loaded.source,
      sites,
      pid: process.pid,
    },
    [
      style.good('Fabrica is up.'),
      facts(
        [
          ['Temporal', `${address}, namespace ${namespace}`],
          ['its page', uiUrl],
          ['state', loaded.stateDirectory],
          ['configuration', loaded.source],
          ['sites', sites.join(', ')],
          fairness.fair
            ? ['fairness', 'proved']
            : ['fairness', { text: 'NOT PROVED: see `fabrica doctor`', paint: style.bad }],
        ],
        session,
      ),
      '',
      'In another terminal: fabrica new mumu --output mumu.yaml; fabrica submit mumu.yaml; fabrica watch mumu',
      'End it with Ctrl-C.',
    ].join('\n'),
  );
}
