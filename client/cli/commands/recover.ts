import type { Command } from 'commander';
import { unrecovered } from '../../../catalog/epochs.js';
import { unasked } from '../../../catalog/recovery.js';
import { FabricaError } from '../../../domain/errors.js';
import type { RecoveryOutcome } from '../../../workflows/recovery.js';
import { whyNoControl } from '../../temporal/control-presence.js';
import type { ConnectedClient } from '../../temporal/connection.js';
import { EXIT } from '../exit-code.js';
import { examples, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { counted, safe } from '../text.js';
import { clause } from '../../../domain/clause.js';

/** `fabrica recover`: brings everything into the catalog's epoch, and restarts what the catalog calls live and Temporal does not have. */
export function addRecover(program: Command, invocation: Invocation): void {
  program
    .command('recover')
    .description(
      'after a restore or a loss: end what is left of before, and start live productions',
    )
    .addHelpText(
      'after',
      '\nFor a restored catalog, a restored or lost Temporal database, or terminated workflows. Doing it twice changes nothing.' +
        ` Exit code 1 if a site or storage did not answer: then do it again later.\n${examples('fabrica recover')}`,
    )
    .action(
      invocation.action<object>(async (session) => {
        const catalog = await session.catalog();
        const connected = await session.temporal();
        const recovered = await recoverEpoch(session, connected);
        const { restartLost } = await import('../../temporal/live-workflows.js');
        const { who } = session.terminal;
        const { restarted, running } = await restartLost(catalog, connected.client, who);
        const lines = [
          ...epochLines(recovered, session),
          ...restarted.map((name) => `${session.style.good('started')}  ${name}`),
          ...running.map((name) => `${session.style.dim('runs')}     ${name}`),
        ];
        session.answer(
          { epoch: catalog.epoch, recovered, restarted, running },
          lines.length === 0
            ? 'No production is live: there is nothing to recover.'
            : lines.join('\n'),
        );
        return (recovered?.silent.length ?? 0) === 0 ? EXIT.ok : EXIT.negative;
      }),
    );
}

type Recovered = RecoveryOutcome & { readonly terminated: number };

/** Null if everything is in the present epoch already. */
async function recoverEpoch(
  session: Session,
  connected: ConnectedClient,
): Promise<Recovered | null> {
  const catalog = await session.catalog();
  const held = await catalog.read(unrecovered);
  const open = await catalog.read((db) => unasked(db, catalog.epoch));
  const { terminateEarlier } = await import('../../temporal/earlier-workflows.js');
  const terminated = await terminateEarlier(connected.client, catalog.epoch, held !== null);
  if (held === null && open.sites.length + open.storages.length === 0) return null;
  const absent = await whyNoControl(connected);
  if (absent !== null) {
    throw new FabricaError('FABRICA_WORKER_ABSENT', `Nothing can be recovered: ${absent}.`);
  }
  if (held !== null) session.remark(`Recovering: ${clause(held.why)}.`);
  const { runRecovery } = await import('../../temporal/recovery-run.js');
  return { ...(await runRecovery(connected.client, session.terminal.who)), terminated };
}

function epochLines(recovered: Recovered | null, { style }: Session): string[] {
  if (recovered === null) return [];
  const { attempts, epoch, files, jobs, silent, terminated } = recovered;
  return [
    `${style.good('recovered')} into epoch ${epoch}: ${counted(terminated, 'workflow')} and ${counted(jobs, 'job')} of earlier epochs ended, ${counted(attempts, 'attempt')} given up, ${counted(files, 'unknown file')} removed`,
    ...silent.map(
      ({ name, why }) =>
        `${style.bad('silent')}   ${name}: ${clause(safe(why))}. Run \`fabrica recover\` again when it is back; a silent site gets no jobs until then.`,
    ),
  ];
}
