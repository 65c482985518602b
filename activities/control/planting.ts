import { blocksByHome, blocksOf, insertBlock, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertJobs, nextJobNumbers } from '../../catalog/jobs.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { allSites, allStorages, effectiveState, nearStorages } from '../../catalog/resources.js';
import { counted } from '../../domain/counted.js';
import type { JobKind } from '../../domain/states/job.js';
import { chooseHome, type HomeCandidate } from '../../policy/home-storage.js';
import type { BlockPlan } from '../../policy/job-plan.js';
import { giveInputs } from './given-inputs.js';
import { freshSeeds } from './seeds.js';

/** Makes a block with its jobs, their numbers and never-used seeds; null if no storage can be its home now. */
export async function plantBlock(
  db: Db,
  production: ProductionRow,
  block: { plan: BlockPlan; kind: JobKind; now: number },
): Promise<BlockRow | null> {
  const { plan, kind, now } = block;
  const home = chooseHome(await homeCandidates(db, now));
  if (home === null) {
    const why = 'no storage is usable for the outputs';
    const to = production.state;
    await changeProductionState(db, production, { to, why, who: 'fabrica', now });
    return null;
  }
  const { number, index } = await nextJobNumbers(db, production.id, 'events');
  const seed = await freshSeeds(db, production, plan.jobEvents.length);
  const blocks = await blocksOf(db, production.id);
  const planted = await insertBlock(db, {
    production_id: production.id,
    number: (blocks.at(-1)?.number ?? -1) + 1,
    home_storage: home,
    first_job: number,
    jobs: plan.jobEvents.length,
    first_event: plan.firstEvent,
    events: plan.jobEvents.reduce((sum, events) => sum + events, 0),
    last_input: plan.lastInput ?? 0,
    now,
  });
  let event = plan.firstEvent;
  const jobs = plan.jobEvents.map((events, i) => {
    const job = {
      number: number + i,
      seed: seed + i,
      first_event: event,
      events,
      file_index: index + i,
      level: null,
    };
    event += events;
    return job;
  });
  await insertJobs(db, { production: production.id, block: planted.number }, kind, jobs);
  await giveInputs(
    db,
    production,
    jobs.map(({ number: job, seed: drawn }, i) => ({
      ...{ job, seed: drawn },
      files: plan.jobFiles?.[i] ?? [],
    })),
  );
  await recordEvent(db, {
    at: now,
    who: 'fabrica',
    production: production.id,
    block: planted.number,
    what: 'block planned',
    why: `${counted(jobs.length, `${kind} job`)}, home ${home}`,
  });
  return planted;
}

/** Every storage as `chooseHome` sees it now. */
async function homeCandidates(db: Db, now: number): Promise<HomeCandidate[]> {
  const sites = (await allSites(db)).filter((site) => effectiveState(site, now) !== 'Banned');
  const blocks = await blocksByHome(db);
  return (await allStorages(db)).map((storage) => ({
    name: storage.name,
    purpose: storage.purpose,
    usable: effectiveState(storage, now) !== 'Banned',
    nearSlots: sites
      .filter((site) => nearStorages(site).includes(storage.name))
      .reduce((sum, site) => sum + site.slots, 0),
    blocks: blocks.get(storage.name) ?? 0,
  }));
}
