import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Catalog } from '../catalog/catalog.js';
import { benchProduction, EVENTS, exampleGrid, withSlots } from './example-grid.js';
import { withSystem, type BenchSystem } from './system.js';

/** Of one priority: what its productions had of all weights, and of all job starts. */
export interface PriorityShare {
  readonly priority: number;
  readonly productions: number;
  readonly weight: number;
  readonly starts: number;
}

export interface ShareWindow {
  readonly seconds: number;
  readonly starts: number;
  readonly byPriority: readonly PriorityShare[];
  /** By how much the starts of a production differ from what its weight gives it, share of that: the mean, and of the one that is furthest off. */
  readonly meanDeviation: number;
  readonly worstDeviation: number;
}

export interface SharesBench {
  readonly productions: number;
  readonly slots: number;
  readonly jobSeconds: number;
  readonly before: ShareWindow;
  /** From the last of the new priorities on: each production has got 11 less its priority. */
  readonly after: ShareWindow;
  /** How long it took to reprioritize all. */
  readonly reprioritizeSeconds: number;
}

/** Until shares are looked at, job lengths. */
const SETTLING = 4;

/** Productions of priorities 1 to 10 that have more work than the grid takes: which part of the job starts each has, before and after all priorities are turned round. */
export async function benchShares(given: {
  readonly productions: number;
  readonly slots: number;
  readonly jobSeconds: number;
  /** Of each of the two times that are looked at. */
  readonly seconds: number;
}): Promise<SharesBench> {
  const { jobSeconds, productions, seconds, slots } = given;
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-bench-'));
  try {
    const configuration = withSlots(
      exampleGrid(folder, {
        speed: 1,
        secondsPerEvent: { median: jobSeconds / EVENTS, spread: 0.1 },
        wallOverCpu: { median: 1, spread: 0 },
        queueSeconds: { median: 0.001, spread: 0 },
        failures: {},
      }),
      slots,
    );
    const names = Array.from({ length: productions }, (_, i) => `bench${i}`);
    const priorities = new Map(names.map((name, i) => [name, 1 + (i % 10)]));
    const jobs = Math.ceil((10 * slots * (2 * seconds + 10 * jobSeconds + 60)) / jobSeconds / 10);
    return await withSystem({ folder, configuration }, async (system) => {
      await Promise.all(
        names.map((name) =>
          system.start(
            benchProduction(name, jobs, {
              scouts: { jobs: 0 },
              priority: priorities.get(name) ?? 1,
            }),
            20 * seconds + 3600,
          ),
        ),
      );
      await untilAllRun(system, productions);
      await sleep(1000 * SETTLING * jobSeconds);
      const before = await watched(system, { seconds, priorities, jobSeconds });
      const turned = new Map([...priorities].map(([name, priority]) => [name, 11 - priority]));
      const asked = performance.now();
      await Promise.all(
        [...turned].map(([name, value]) =>
          system.client.workflow
            .getHandle(`production/${name}`)
            .executeUpdate('reprioritize', { args: [{ value, by: 'bench' }] }),
        ),
      );
      const reprioritizeSeconds = (performance.now() - asked) / 1000;
      // A manager is promised that shares follow within ten seconds.
      await sleep(10_000);
      const after = await watched(system, { seconds, priorities: turned, jobSeconds });
      return { productions, slots, jobSeconds, before, after, reprioritizeSeconds };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilAllRun({ catalog }: BenchSystem, productions: number): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const { rows } = await catalog.read((db) =>
      sql<{ n: number }>`
        select count(distinct production_id) as n from bundles where kind = 'fabrication'`.execute(
        db,
      ),
    );
    if (rows[0]?.n === productions) return;
    await sleep(500);
  }
  throw new Error('not all productions have begun within 300 s');
}

async function watched(
  { catalog }: BenchSystem,
  {
    jobSeconds,
    priorities,
    seconds,
  }: { seconds: number; jobSeconds: number; priorities: ReadonlyMap<string, number> },
): Promise<ShareWindow> {
  const from = Date.now();
  await sleep(1000 * seconds);
  const until = Date.now();
  // Starts are told with the ends.
  await sleep(1000 * (2 * jobSeconds + 5));
  return shareWindow(await startsBetween(catalog, from, until), priorities, seconds);
}

async function startsBetween(
  catalog: Catalog,
  from: number,
  until: number,
): Promise<Map<string, number>> {
  const { rows } = await catalog.read((db) =>
    sql<{ name: string; starts: number }>`
      select p.name, count(*) as starts from attempts a join productions p on p.id = a.production_id
      where a.started_at >= ${from} and a.started_at < ${until} group by p.name`.execute(db),
  );
  return new Map(rows.map(({ name, starts }) => [name, starts]));
}

/** What came of the priorities in a time. */
export function shareWindow(
  starts: ReadonlyMap<string, number>,
  priorities: ReadonlyMap<string, number>,
  seconds: number,
): ShareWindow {
  const all = [...starts.values()].reduce((sum, one) => sum + one, 0);
  const weights = [...priorities.values()].reduce((sum, one) => sum + one, 0);
  const deviations = [...priorities].map(([name, priority]) =>
    Math.abs(((starts.get(name) ?? 0) / all) * (weights / priority) - 1),
  );
  const levels = [...new Set(priorities.values())].sort((a, b) => a - b);
  return {
    ...{ seconds, starts: all },
    byPriority: levels.map((level) => {
      const members = [...priorities].filter(([, priority]) => priority === level);
      const started = members.reduce((sum, [name]) => sum + (starts.get(name) ?? 0), 0);
      return {
        priority: level,
        productions: members.length,
        weight: (level * members.length) / weights,
        starts: started / all,
      };
    }),
    meanDeviation: deviations.reduce((sum, one) => sum + one, 0) / deviations.length,
    worstDeviation: Math.max(...deviations),
  };
}
