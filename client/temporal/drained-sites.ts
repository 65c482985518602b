import type { Client } from '@temporalio/client';
import { standaloneActivities } from './standalone-activities.js';
import { withdrawFromSite } from './site-withdrawal-run.js';

/** Whose word it is that closes a site while its worker drains, and after it has left. */
const WORKER = 'its worker';
const WHY = 'the worker drains and leaves';

/** s that nobody waits for. */
const PATIENCE = 600;

/** Sites get no more jobs, and those that wait there go elsewhere; a person's word about a site stays. */
export async function closeSites(client: Client, sites: readonly string[]): Promise<void> {
  for (const site of sites) {
    await setWord(client, site, 'Banned');
    await withdrawFromSite(client, { site, who: WORKER, why: WHY });
  }
}

/** Sites that their workers had closed get jobs again: one serves them. */
export async function openSites(client: Client, sites: readonly string[]): Promise<void> {
  // Without a control process they stay closed, and nobody places anything either.
  await Promise.all(
    sites.map((site) => setWord(client, site, null, PATIENCE).catch(() => undefined)),
  );
}

async function setWord(
  client: Client,
  site: string,
  state: 'Banned' | null,
  patience?: number,
): Promise<void> {
  const word = { site, state, who: WORKER, why: WHY, until: null, insteadOf: WORKER };
  await standaloneActivities(client).control('setSiteOverride', word, patience);
}
