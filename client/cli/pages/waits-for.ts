import type { ProductionView } from '../../../catalog/views/production-view.js';
import { formatDuration } from '../../../domain/quantity.js';
import { counted } from '../text.js';

/** One sentence: what must happen before the production goes on, or why nothing must. */
export function waitsFor(view: ProductionView, now: number): string {
  const { name, progress } = view;
  switch (progress.state) {
    case 'New':
      return 'It waits for its workflow to begin; if that takes long, `fabrica doctor` tells why.';
    case 'AwaitingApproval':
      return `The scouts are good; it waits for a person: \`fabrica resume ${name}\` or \`fabrica cancel ${name}\`.`;
    case 'Stopped':
      return `It is paused; \`fabrica resume ${name}\` goes on.`;
    case 'Held':
      return `It waits for a person: \`fabrica release ${name}\` tries the parked jobs again, \`fabrica waive ${name}\` gives them up; \`fabrica failures ${name}\` tells why they failed.`;
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
      return running(view, now);
    case 'Completed':
    case 'Cancelled':
    case 'Cleaned':
    case 'Archived':
      return 'Nothing: it has ended.';
  }
}

function running(view: ProductionView, now: number): string {
  const { jobs, merges } = view.progress;
  const waiting = (jobs.Waiting ?? 0) + (merges.Waiting ?? 0);
  const sites = Object.entries(view.openBySite);
  const open = sites.reduce((sum, [, count]) => sum + count, 0);
  if (open > 0) {
    const where = sites.map(([site, count]) => `${count} at ${site}`).join(', ');
    const rest = waiting > 0 ? `; ${counted(waiting, 'more', 'more')} wait for room` : '';
    return `For ${counted(open, 'job')} (${where})${rest}.`;
  }
  if (waiting > 0) {
    const wait = view.nextPlacementAt === null ? 0 : view.nextPlacementAt - now;
    return wait > 0
      ? `Every waiting job is in its back-off; the next may start in ${formatDuration(wait / 1000)}.`
      : `${counted(waiting, 'job')} wait for room at a site.`;
  }
  const stages = view.blocks
    .filter((block) => block.state !== 'Finished' && block.state !== 'Discarded')
    .map((block) => `block ${block.block} is ${block.state}`);
  return stages.length === 0 ? 'For its next block.' : `For its blocks: ${stages.join(', ')}.`;
}
