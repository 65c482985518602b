import type { Command } from 'commander';
import { unrecovered } from '../../../catalog/epochs.js';
import type { ProductionRow } from '../../../catalog/productions.js';
import { viewProduction, type ProductionView } from '../../../catalog/views/production-view.js';
import { listResources, type StorageResource } from '../../../catalog/views/resource-list.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import type { AwaitedStorage } from '../../temporal/audit-waits.js';
import { whyNothingRuns } from '../../temporal/control-presence.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { nothingRuns, notRecovered, obstaclesOf, type Obstacle } from '../pages/obstacles.js';
import { productionPage } from '../pages/production-page.js';
import { waitsFor } from '../pages/waits-for.js';
import type { Session } from '../session.js';

const BLOCKS = 12;

/** `fabrica show`: everything about one production. */
export function addShow(program: Command, invocation: Invocation): void {
  program
    .command('show')
    .description('show a production: progress, jobs, failures, what it waits for, its log')
    .argument('<name>', 'name of the production')
    .addOption(limitOption(10, 'show at most so many entries of the log'))
    .addHelpText('after', examples('fabrica show mumu', 'fabrica show mumu --json'))
    .action(
      invocation.action<{ limit: number }>(async (session, { limit }, args) => {
        const production = await session.production(textArgument(args, 0));
        const catalog = await session.catalog();
        const { now } = session;
        const view = await catalog.read((db) =>
          viewProduction(db, production, { now, blocks: BLOCKS, events: limit }),
        );
        const stopped = await processes(session, view);
        const known = await catalog.read((db) => listResources(db, now));
        // The catalog's figures are those of the last distribution; what is stuck is asked about now.
        const asked = stopped.length === 0 && isStuck(view);
        const storages = asked ? await withRoom(session, known.storages) : known.storages;
        const obstacles = [...stopped, ...obstaclesOf(view, { sites: known.sites, storages })];
        const awaited = stopped.length === 0 ? await auditAwaits(session, production) : [];
        const waits = waitsFor(view, now, obstacles, awaited);
        session.answer(
          { ...view, waitsFor: waits, obstacles },
          productionPage(view, waits, session),
        );
        return EXIT.ok;
      }),
    );
}

/** That no process works on a production, or none may, which has something left to do. */
async function processes(session: Session, { progress }: ProductionView): Promise<Obstacle[]> {
  if (!LIVE_PRODUCTION_STATES.includes(progress.state)) return [];
  const why = await whyNothingRuns(session.loaded, session.terminal.clock);
  const held = await (await session.catalog()).read(unrecovered);
  return [
    ...(why === null ? [] : [nothingRuns(why)]),
    ...(held === null ? [] : [notRecovered(held.why)]),
  ];
}

/** The storages that the audit of a production waits for, if it is being audited. */
export async function auditAwaits(
  session: Session,
  { name, state }: Pick<ProductionRow, 'name' | 'state'>,
): Promise<AwaitedStorage[]> {
  if (state !== 'Completing') return [];
  const { client } = await session.temporal();
  const { storagesAwaited } = await import('../../temporal/audit-waits.js');
  return storagesAwaited(client, name);
}

/** Something waits, and nothing is at a site that may change that. */
function isStuck({ openBySite, progress: { jobs, merges, state } }: ProductionView): boolean {
  const waiting = (jobs.Waiting ?? 0) + (merges.Waiting ?? 0);
  return Object.keys(openBySite).length === 0 && (waiting > 0 || state === 'Held');
}

/** The storages with the room that they have now. */
async function withRoom(
  session: Session,
  storages: readonly StorageResource[],
): Promise<StorageResource[]> {
  const { client } = await session.temporal();
  const { storageRoom } = await import('../../temporal/storage-room.js');
  const room = await storageRoom(
    client,
    storages.map(({ name }) => name),
  );
  return storages.map((one) => ({ ...one, free: room.get(one.name) ?? one.free }));
}
