import type { Definition } from '../../domain/definition.js';
import { planBlock, planScouts } from '../../policy/job-plan.js';
import { planMerges } from '../../policy/merge-plan.js';

/** Events of each job and of each merged file that a definition leads to, block by block. */
export function planOf(definition: Definition): { jobs: number[][]; merged: number[][] } {
  const { events, fabrication, merge, scouts } = definition;
  const { eventsPerJob } = fabrication;
  const targetEvents = merge?.targetEvents;
  if (eventsPerJob === 'auto' || targetEvents === undefined || events === undefined) {
    throw new Error('this plan needs measurements');
  }
  const first = planScouts({ events, jobs: scouts.jobs, eventsPerJob });
  const planned = first?.jobEvents.reduce((sum, one) => sum + one, 0) ?? 0;
  const second = planBlock({ events, planned, eventsPerJob, blockJobs: 200 });
  const jobs = [first, second].flatMap((block) => (block === null ? [] : [[...block.jobEvents]]));
  const merged = jobs.map((block) =>
    planMerges(
      block.map((made, file) => ({ file, size: 1, events: made })),
      { events: targetEvents },
    ).map((group) => group.reduce((sum, one) => sum + one.events, 0)),
  );
  return { jobs, merged };
}
