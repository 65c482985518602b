import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestSystem } from './running-system.js';

/** How many jobs of a production have started at the sites, whether anybody has noticed or not. */
export function startedJobs({ folder }: Pick<TestSystem, 'folder'>, production: string): number {
  const start = new RegExp(`\\.${production}\\.[^/]+/wrapper\\.started$`);
  return filesBelow(path.join(folder, 'sites')).filter(
    (file) => start.test(file) && /^\d/.test(unlessGone(() => readFileSync(file, 'utf8'), '')),
  ).length;
}

/** Folders come and go meanwhile. */
function filesBelow(folder: string): string[] {
  const entries = unlessGone(() => readdirSync(folder, { withFileTypes: true }), []);
  return entries.flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

function unlessGone<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw error;
  }
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
