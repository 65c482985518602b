import type { ProductionView } from '../../../catalog/views/production-view.js';
import { formatDuration } from '../../../domain/quantity.js';
import { counted, firstOf } from '../text.js';
import type { AwaitedStorage } from '../../temporal/audit-waits.js';
import { auditWaits } from './audit-waits.js';
import { obstacleText, type Obstacle } from './obstacles.js';

/** In a sentence or two, with the storages that its audit waits for: what must happen before the production goes on, or why nothing must. */
export function waitsFor(
  view: ProductionView,
  now: number,
  obstacles: readonly Obstacle[] = [],
  awaited: readonly AwaitedStorage[] = [],
): string {
  const stopped = obstacles.filter(stopsAll).map(obstacleText);
  return [...stopped, inItsState(view, now, obstacles), auditWaits(awaited)]
    .filter((part) => part !== '')
    .join(' ');
}

/** Told first, whatever the state. */
function stopsAll({ kind }: Obstacle): boolean {
  return kind === 'processes' || kind === 'epoch';
}

function inItsState(view: ProductionView, now: number, obstacles: readonly Obstacle[]): string {
  const { name, progress } = view;
  switch (progress.state) {
    case 'New':
      return 'It waits for its workflow to begin; if that takes long, `fabrica doctor` tells why.';
    case 'AwaitingApproval':
      return `The scouts are good; it waits for a person: \`fabrica resume ${name}\` or \`fabrica cancel ${name}\`.`;
    case 'Stopped':
      return `It is paused; \`fabrica resume ${name}\` goes on.`;
    case 'Held':
      if (view.heldFor === 'sites') {
        const what =
          obstacles.length === 0 ? 'No site takes its jobs.' : running(view, now, obstacles);
        return `${what} It goes on by itself when a site takes jobs.`;
      }
      return `It waits for a person: \`fabrica release ${name}\` tries the parked jobs again${waivable(view)}; \`fabrica failures ${name}\` tells why they failed.${placeless(obstacles)}`;
    case 'Rejected':
      return `Its scouts failed and nothing of it is left; \`fabrica failures ${name}\` tells why. Correct the definition and submit it again.`;
    case 'Completing':
      return 'It waits for the audit.';
    case 'Cancelling':
      return 'It ends its jobs and removes what they left.';
    case 'Cleaning':
      return 'It removes its outputs.';
    case 'Scouting':
    case 'Active':
      return running(view, now, obstacles);
    case 'Completed':
    case 'Cancelled':
    case 'Cleaned':
    case 'Archived':
      return 'Nothing: it has ended.';
  }
}

/** Sites that a sentence names, those with most jobs first. */
const MOST_SITES = 8;

function running(view: ProductionView, now: number, obstacles: readonly Obstacle[]): string {
  const { jobs, merges } = view.progress;
  const waiting = (jobs.Waiting ?? 0) + (merges.Waiting ?? 0);
  const parked = (jobs.Parked ?? 0) + (merges.Parked ?? 0);
  const sites = Object.entries(view.openBySite);
  const open = sites.reduce((sum, [, count]) => sum + count, 0);
  if (open > 0) {
    const most = [...sites].sort(([, a], [, b]) => b - a);
    const where = firstOf(
      most.map(([site, count]) => `${count} at ${site}`),
      MOST_SITES,
    );
    const atSites = `For ${counted(open, 'job')} (${where})`;
    if (waiting === 0) return `${atSites}.`;
    if (obstacles.length > 0) {
      return `${atSites}; ${counted(waiting, 'more waits', 'more wait')}.${placeless(obstacles)}`;
    }
    return `${atSites}; ${counted(waiting, 'more waits', 'more wait')} for room.`;
  }
  if (obstacles.length > 0) {
    const what = waiting > 0 ? counted(waiting, 'job waits', 'jobs wait') : 'It waits';
    return `${what}.${placeless(obstacles)}`;
  }
  if (waiting > 0) {
    const wait = view.nextPlacementAt === null ? 0 : view.nextPlacementAt - now;
    return wait > 0
      ? `Every waiting job is in its back-off; the next may start in ${formatDuration(wait / 1000)}.`
      : `${counted(waiting, 'job waits', 'jobs wait')} for room at a site.`;
  }
  if (parked > 0) {
    const { name } = view;
    return `${counted(parked, 'job is', 'jobs are')} parked: \`fabrica failures ${name}\` tells why, \`fabrica release ${name}\` tries again${waivable(view)}.`;
  }
  const stages = view.blocks
    .filter((block) => block.state !== 'Finished' && block.state !== 'Discarded')
    .map((block) => `block ${block.block} is ${block.state}`);
  if (stages.length === 0) return 'For its next block.';
  return `For its ${stages.length === 1 ? 'block' : 'blocks'}: ${stages.join(', ')}.`;
}

/** The obstacles of sites and storages, each a sentence with a blank before it. */
function placeless(obstacles: readonly Obstacle[]): string {
  return obstacles
    .filter((one) => !stopsAll(one))
    .map((obstacle) => ` ${obstacleText(obstacle)}`)
    .join('');
}

/** Parked merges can not be given up: their inputs are good. */
function waivable({ name, progress }: ProductionView): string {
  return (progress.jobs.Parked ?? 0) > 0 ? `, \`fabrica waive ${name}\` gives them up` : '';
}
