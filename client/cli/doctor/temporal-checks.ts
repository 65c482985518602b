import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../../domain/search-attributes.js';
import { proveFairness } from '../../../worker/fairness.js';
import type { TemporalEndpoint } from '../../../worker/temporal-connection.js';
import { fail, ok, warn, type Finding } from './finding.js';

/** The server orders waiting tasks fairly: a canary queue proves it, because no API tells. */
export async function checkFairness(endpoint: TemporalEndpoint): Promise<Finding> {
  const { evidence, fair, watched } = await proveFairness(endpoint);
  if (fair) return ok('fairness', evidence);
  if (!watched) return warn('fairness', evidence, 'The machine may be very busy: ask again.');
  return fail(
    'fairness',
    evidence,
    'Set matching.enableFairness on the server; else a big production starves the others.',
  );
}

/** The namespace has the search attributes that workflows set; without them they do not start. */
export async function checkSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<Finding> {
  const check = 'search attributes';
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter(({ name }) => customAttributes[name] === undefined);
  if (missing.length === 0) return ok(check, SEARCH_ATTRIBUTES.map(({ name }) => name).join(', '));
  return fail(
    check,
    `${missing.map(({ name }) => name).join(', ')} are not registered`,
    missing
      .map(
        ({ name, type }) =>
          `temporal operator search-attribute create -n ${namespace} --name ${name} --type ${type === 'INT' ? 'Int' : 'Keyword'}`,
      )
      .join('; '),
  );
}

/** Temporal's `TaskQueueType` on the wire. */
const QUEUE_TYPES = { workflows: 1, activities: 2 } as const;

/** Somebody polls the queue. */
export async function checkPollers(
  connection: Connection,
  namespace: string,
  queue: {
    readonly name: string;
    readonly type: keyof typeof QUEUE_TYPES;
    readonly remedy: string;
  },
): Promise<Finding> {
  const check = `queue ${queue.name} (${queue.type})`;
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue.name },
    taskQueueType: QUEUE_TYPES[queue.type],
  });
  const identities = pollers.map(({ identity }) => identity ?? '');
  if (identities.length === 0) return fail(check, 'nobody polls it', queue.remedy);
  return ok(check, `polled by ${[...new Set(identities)].join(', ')}`);
}

/** A server that answers. */
export function reachable(endpoint: TemporalEndpoint): Finding {
  return ok('temporal', `${endpoint.address}, namespace ${endpoint.namespace}`);
}
