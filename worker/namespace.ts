import type { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { messageOf } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import { SEARCH_ATTRIBUTES } from '../domain/search-attributes.js';
import type { SearchAttribute } from '../domain/search-attributes.js';

export interface NamespaceOptions {
  readonly connection: Connection;
  readonly namespace: string;
  readonly log: Log;
}

/** Below it a month-long production loses the history of its first blocks while it runs. s. */
const SHORTEST_RETENTION = 30 * 86_400;

/** Temporal's `IndexedValueType` on the wire, and what its command line calls it. */
const INDEXED_TYPES = { KEYWORD: 2, INT: 3 } as const;
const TYPE_NAMES = { KEYWORD: 'Keyword', INT: 'Int' } as const;

/**
 * Afterwards finished workflows of the namespace are kept for so many seconds, at least 30 days; restarts of the server keep the
 * setting. Throws what Temporal throws if that is not permitted.
 */
export async function setRetention(options: NamespaceOptions, seconds: number): Promise<void> {
  const { connection, log, namespace } = options;
  const wanted = Math.ceil(Math.max(seconds, SHORTEST_RETENTION));
  if ((await retentionOf(options)) === wanted) return;
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(wanted * 1000) },
  });
  log.debug({ namespace, seconds: wanted }, 'retention of finished workflows set');
}

/** How long the namespace keeps finished workflows, s. */
export async function retentionOf({ connection, namespace }: NamespaceOptions): Promise<number> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
}

/**
 * Looks at a namespace that is not ours to change: warns if it forgets finished workflows too early, and registers the search
 * attributes that it lacks. What is not permitted is a warning that tells the command for whoever may. Never throws.
 */
export async function adoptNamespace(options: NamespaceOptions): Promise<void> {
  const { log, namespace } = options;
  try {
    const seconds = await retentionOf(options);
    if (seconds < SHORTEST_RETENTION) {
      log.warn(
        { namespace, days: seconds / 86_400 },
        `finished workflows are kept for less than 30 days; \`temporal operator namespace update -n ${namespace} --retention 90d\` changes it`,
      );
    }
  } catch (error) {
    log.warn({ namespace, error: messageOf(error) }, 'the retention cannot be read');
  }
  await registerSearchAttributes(options);
}

/** Afterwards the namespace has Fabrica's search attributes, or the log tells which command is to be run by whom it is permitted. */
export async function registerSearchAttributes(options: NamespaceOptions): Promise<void> {
  const { connection, log, namespace } = options;
  let missing: readonly SearchAttribute[] = SEARCH_ATTRIBUTES;
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace,
    });
    missing = missing.filter(({ name }) => customAttributes[name] === undefined);
    for (const { name, type } of SEARCH_ATTRIBUTES) {
      const present = customAttributes[name];
      if (present !== undefined && present !== INDEXED_TYPES[type]) {
        log.warn({ namespace, attribute: name }, `the search attribute is there, but no ${type}`);
      }
    }
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map(({ name, type }) => [name, INDEXED_TYPES[type]]),
      ),
    });
  } catch (error) {
    const commands = missing.map(
      ({ name, type }) =>
        `temporal operator search-attribute create -n ${namespace} --name ${name} --type ${TYPE_NAMES[type]}`,
    );
    log.warn(
      { namespace, error: messageOf(error) },
      'search attributes are missing and cannot be added; workflows will not start until somebody runs: ' +
        commands.join('; '),
    );
  }
}
