import type { Catalog } from '../../../catalog/catalog.js';
import { messageOf } from '../../../domain/errors.js';
import { CONTROL_QUEUE, siteIoQueue, siteQueue, storageQueue } from '../../../domain/names.js';
import type { Configuration } from '../../../domain/configuration.js';
import type { ConnectedClient } from '../../temporal/connection.js';
import { fabricaErrorOf } from '../../temporal/failures.js';
import { standaloneActivities } from '../../temporal/standalone-activities.js';
import type { Session } from '../session.js';
import { checkBans } from './ban-checks.js';
import { checkCatalog } from './catalog-checks.js';
import { checkDebts } from './debt-checks.js';
import { checkSweeps } from './sweep-checks.js';
import { fail, type Finding } from './finding.js';
import { checkProductions } from './production-checks.js';
import { checkSites, checkStorages } from './resource-checks.js';
import {
  checkControlCatalogs,
  checkFairness,
  checkJanitor,
  checkPollers,
  checkSearchAttributes,
  reachable,
} from './temporal-checks.js';
import { checkLiveProductions, checkStuckWorkflows } from './workflow-checks.js';

/** Checks the whole system, each part by itself: one that can not be reached does not hide the others. */
export async function examine(session: Session): Promise<Finding[]> {
  const findings: Finding[] = [];
  const catalog = await opened('catalog', findings, async () => session.catalog());
  if (catalog !== null) {
    findings.push(...(await guarded('catalog', async () => checkCatalog(catalog))));
    findings.push(...(await guarded('bans', async () => checkBans(catalog, session.now))));
    findings.push(...(await guarded('debts', async () => checkDebts(catalog))));
    findings.push(...(await guarded('sweeps', async () => checkSweeps(catalog))));
    findings.push(
      ...(await guarded('productions', async () =>
        checkProductions(catalog, session.terminal.clock),
      )),
    );
  }
  const temporal = await opened('temporal', findings, async () => session.temporal());
  if (temporal === null) return findings;
  findings.push(reachable(temporal.endpoint));
  findings.push(...(await examineServer(temporal)));
  findings.push(...(await examineQueues(temporal, session.configuration, catalog)));
  findings.push(...(await examineWork(temporal, session.configuration, catalog)));
  return findings;
}

async function examineServer({ connection, endpoint }: ConnectedClient): Promise<Finding[]> {
  const { namespace } = endpoint;
  return [
    ...(await guarded('fairness', async () => [await checkFairness(endpoint)])),
    ...(await guarded('search attributes', async () => [
      await checkSearchAttributes(connection, namespace),
    ])),
  ];
}

async function examineQueues(
  { connection, endpoint }: ConnectedClient,
  { sites, storages }: Configuration,
  catalog: Catalog | null,
): Promise<Finding[]> {
  const control = 'Start `fabrica up` or `fabrica worker control`.';
  const queues = [
    { name: CONTROL_QUEUE, type: 'workflows', remedy: control },
    { name: CONTROL_QUEUE, type: 'activities', remedy: control },
    ...sites.flatMap(({ name }) =>
      [siteQueue(name), siteIoQueue(name)].map((queue) => ({
        name: queue,
        type: 'activities' as const,
        remedy: `Start \`fabrica up\` or \`fabrica worker site ${name}\`.`,
      })),
    ),
    ...storages.map(({ name }) => ({
      name: storageQueue(name),
      type: 'activities' as const,
      remedy: 'Start `fabrica up`, or the worker of a site that is near to it.',
    })),
  ] as const;
  const found = await Promise.all(
    queues.map(async (queue) =>
      guarded(`queue ${queue.name}`, async () => [
        await checkPollers(connection, endpoint.namespace, queue),
      ]),
    ),
  );
  return [
    ...found.flat(),
    ...(await guarded('control catalogs', async () =>
      checkControlCatalogs(connection, endpoint.namespace, catalog),
    )),
  ];
}

async function examineWork(
  { client }: ConnectedClient,
  configuration: Configuration,
  catalog: Catalog | null,
): Promise<Finding[]> {
  const activities = standaloneActivities(client);
  return [
    ...(await guarded('sites', async () => checkSites(configuration, activities))),
    ...(await guarded('storages', async () => checkStorages(configuration, activities))),
    ...(await guarded('janitor', async () => [await checkJanitor(client)])),
    ...(await guarded('workflow tasks', async () => checkStuckWorkflows(client))),
    ...(catalog === null
      ? []
      : await guarded('live productions', async () => [
          await checkLiveProductions(catalog, client),
        ])),
  ];
}

async function opened<T>(
  check: string,
  findings: Finding[],
  open: () => Promise<T>,
): Promise<T | null> {
  try {
    return await open();
  } catch (error) {
    const { code } = fabricaErrorOf(error);
    if (code === 'FABRICA_CONFIGURATION_INVALID' || code === 'FABRICA_COMMAND_LINE') throw error;
    findings.push(failed(check, error));
    return null;
  }
}

async function guarded(check: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    return [failed(check, error)];
  }
}

function failed(check: string, error: unknown): Finding {
  const { message, remedy } = fabricaErrorOf(error);
  return fail(check, message || messageOf(error), remedy);
}
