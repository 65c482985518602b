import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import type { Command } from 'commander';
import { CONTROL_QUEUE, productionWorkflowId } from '../../../domain/names.js';
import type { production } from '../../../workflows/production.js';
import { liveWithWorkflows } from '../../temporal/live-workflows.js';
import { EXIT } from '../exit-code.js';
import { examples, type Invocation } from '../invocation.js';

/** `fabrica recover`: restarts what the catalog calls live and Temporal does not have. */
export function addRecover(program: Command, invocation: Invocation): void {
  program
    .command('recover')
    .description('start the workflows of live productions that Temporal does not have (any more)')
    .addHelpText(
      'after',
      `\nFor a lost Temporal database or terminated workflows. Doing it twice changes nothing.\n${examples('fabrica recover')}`,
    )
    .action(
      invocation.action<object>(async (session) => {
        const catalog = await session.catalog();
        const { client } = await session.temporal();
        const live = await liveWithWorkflows(catalog, client);
        for (const { production: row, runs } of live) {
          if (!runs) await restart(client, row.name, session.terminal.who);
        }
        const restarted = live.filter(({ runs }) => !runs).map(({ production: row }) => row.name);
        const running = live.filter(({ runs }) => runs).map(({ production: row }) => row.name);
        const lines = [
          ...restarted.map((name) => `${session.style.good('started')}  ${name}`),
          ...running.map((name) => `${session.style.dim('runs')}     ${name}`),
        ];
        session.answer(
          { epoch: catalog.epoch, restarted, running },
          lines.length === 0
            ? 'No production is live: there is nothing to recover.'
            : lines.join('\n'),
        );
        return EXIT.ok;
      }),
    );
}

async function restart(client: Client, name: string, by: string): Promise<void> {
  await client.workflow.start<typeof production>('production', {
    taskQueue: CONTROL_QUEUE,
    workflowId: productionWorkflowId(name),
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    args: [{ production: name, by }],
    staticSummary: `production ${name}`,
  });
}
