import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestSystem } from './running-system.js';

/** How many jobs of a production have started at the sites, whether anybody has noticed or not. */
export function startedJobs({ folder }: Pick<TestSystem, 'folder'>, production: string): number {
  const sites = path.join(folder, 'sites');
  const start = new RegExp(`\\.${production}\\.[^/]+/wrapper\\.started$`);
  return readdirSync(sites, { recursive: true })
    .filter((file) => start.test(String(file)))
    .filter((file) => /^\d/.test(readFileSync(path.join(sites, String(file)), 'utf8'))).length;
}

/** Until some have: before the first of them ends, others wait at each site. */
export async function untilStarted(
  system: Pick<TestSystem, 'folder'>,
  production: string,
): Promise<void> {
  for (
    const end = Date.now() + 20_000;
    Date.now() < end && startedJobs(system, production) === 0;
  ) {
    await sleep(20);
  }
}
