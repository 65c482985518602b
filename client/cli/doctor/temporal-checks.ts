import { ScheduleNotFoundError, type Client, type Connection } from '@temporalio/client';
import type { Catalog } from '../../../catalog/catalog.js';
import { CONTROL_QUEUE, JANITOR_SCHEDULE_ID } from '../../../domain/names.js';
import { SEARCH_ATTRIBUTES } from '../../../domain/search-attributes.js';
import { proveFairness } from '../../../worker/fairness.js';
import type { TemporalEndpoint } from '../../../worker/temporal-connection.js';
import { pollersOf, type QueueType } from '../../temporal/pollers.js';
import { timeText } from '../text.js';
import { fail, ok, warn, type Finding } from './finding.js';

/** How a control process names itself: with the tag of its catalog. */
const CONTROL_IDENTITY = /^fabrica control (\S+\.\S+) /;

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

/** Somebody polls the queue. */
export async function checkPollers(
  connection: Connection,
  namespace: string,
  queue: { readonly name: string; readonly type: QueueType; readonly remedy: string },
): Promise<Finding> {
  const check = `queue ${queue.name} (${queue.type})`;
  const pollers = await pollersOf(connection, { namespace, ...queue });
  if (pollers.length === 0) return fail(check, 'nobody polls it', queue.remedy);
  const identities = new Set(pollers.map(({ identity }) => identity));
  return ok(check, `polled by ${[...identities].join(', ')}`);
}

/** All control processes that poll work on one catalog, and it is the one that is looked at here. */
export async function checkControlCatalogs(
  connection: Connection,
  namespace: string,
  catalog: Catalog | null,
): Promise<Finding[]> {
  const check = 'control catalogs';
  const queue = { namespace, name: CONTROL_QUEUE, type: 'workflows' } as const;
  const controls = (await pollersOf(connection, queue)).flatMap(({ identity }) => {
    const tag = CONTROL_IDENTITY.exec(identity)?.[1];
    return tag === undefined ? [] : [{ identity, tag }];
  });
  const tags = new Set(controls.map(({ tag }) => tag));
  const told = controls.map(({ identity }) => identity).join(', ');
  if (tags.size > 1) {
    return [
      warn(
        check,
        `processes with ${tags.size} different catalogs take work from the same queue: ${told}`,
        'End all but those of one catalog, or give each system its own namespace (temporal.namespace in fabrica.yaml); then run `fabrica recover`. One that has ended is told for two minutes more.',
      ),
    ];
  }
  const [first] = controls;
  if (first === undefined || catalog === null) return [];
  // The place may be another one where it is mounted elsewhere; the epoch is not.
  const here = catalog.epoch;
  return [
    first.tag.startsWith(`${here}.`)
      ? ok(check, `one, of epoch ${here}`)
      : warn(
          check,
          `${told} works on another catalog than ${catalog.file} (epoch ${here})`,
          'Give this command the --state or --config of that process, or end the process.',
        ),
  ];
}

/** A server that answers. */
export function reachable(endpoint: TemporalEndpoint): Finding {
  return ok('temporal', `${endpoint.address}, namespace ${endpoint.namespace}`);
}

/** The janitor is started by itself. */
export async function checkJanitor(client: Client): Promise<Finding> {
  const check = 'janitor';
  const remedy = 'Start a control process again: it makes the schedule.';
  try {
    const { info, state } = await client.schedule.getHandle(JANITOR_SCHEDULE_ID).describe();
    const next = info.nextActionTimes[0];
    if (state.paused) {
      return warn(
        check,
        `its schedule is paused${state.note === undefined ? '' : `: ${state.note}`}`,
        `\`temporal schedule toggle --unpause -s ${JANITOR_SCHEDULE_ID}\``,
      );
    }
    return ok(check, `runs next at ${timeText(next?.getTime() ?? null)}`);
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return warn(check, 'it has no schedule', remedy);
    throw error;
  }
}
