import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Catalog } from '../catalog/catalog.js';
import { catalogBytes } from './catalog-bytes.js';
import { difference } from './difference.js';
import { benchProduction, EVENTS, exampleGrid, withSlots } from './example-grid.js';
import { withSystem } from './system.js';

export interface InFlightBench {
  readonly jobs: number;
  /** From the start of the production until all jobs were at sites. */
  readonly fillSeconds: number;
  /** While nothing ended: */
  readonly steadySeconds: number;
  /** Processor time of Temporal, control and the sites, share of one core. */
  readonly coresBy: Readonly<Record<string, number>>;
  readonly memoryMbBy: Readonly<Record<string, number>>;
  readonly catalogBytesPerJob: number;
  /** Between the end of a job and its record, when they end at random; s. */
  readonly recordedAfter: {
    readonly jobs: number;
    readonly median: number;
    readonly p99: number;
    readonly most: number;
  };
}

/** How much of the length of a job the fill and the steady time may take. */
const FILL = 0.5;
/** After the fill the starts of the last jobs are still being recorded. */
const SETTLING_SECONDS = 30;
const STEADY_SECONDS = 60;
/** Sites have a queue as well: what waits in it begins when the others have ended, and is not waited for. */
const LAST = 0.2;

/**
 * As many jobs at sites at once, in real time: what the processes cost while nothing happens, and how soon ends are recorded. The sites have a slot
 * for each job, though some wait in a queue, and no job fails.
 */
export async function benchInFlight(given: {
  readonly jobs: number;
  /** Length of a job; half of them take longer. */
  readonly seconds: number;
}): Promise<InFlightBench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-bench-'));
  try {
    const configuration = withSlots(
      exampleGrid(folder, {
        speed: 1,
        secondsPerEvent: { median: given.seconds / EVENTS, spread: 0.1 },
        wallOverCpu: { median: 1, spread: 0 },
        queueSeconds: { median: 0.001, spread: 0 },
        failures: {},
      }),
      Math.ceil(1.05 * given.jobs),
    );
    return await withSystem({ folder, configuration }, async (system) => {
      const { catalog } = system;
      const began = performance.now();
      const passed = (): number => (performance.now() - began) / 1000;
      const longest = 4 * given.seconds + 600;
      const limits = { wallTime: 20 * given.seconds };
      const definition = benchProduction('bench', given.jobs, { scouts: { jobs: 0 } });
      const handle = await system.start(
        { ...definition, fabrication: { ...definition.fabrication, limits } },
        longest,
      );
      while ((await atSites(catalog)) < given.jobs) {
        if (passed() > FILL * given.seconds) {
          throw new Error(
            `only ${await atSites(catalog)} jobs are at sites after ${passed().toFixed(0)} s: let them take longer (--seconds)`,
          );
        }
        await sleep(500);
      }
      const fillSeconds = passed();
      await sleep(1000 * SETTLING_SECONDS);
      const before = system.cpuMsBy();
      const steadySince = performance.now();
      await sleep(1000 * STEADY_SECONDS);
      const steadySeconds = (performance.now() - steadySince) / 1000;
      if ((await atSites(catalog)) < given.jobs) {
        throw new Error('jobs have ended meanwhile: let them take longer (--seconds)');
      }
      const coresBy = Object.fromEntries(
        Object.entries(difference(system.cpuMsBy(), before)).map(([name, ms]) => [
          name,
          ms / 1000 / steadySeconds,
        ]),
      );
      const memoryMbBy = system.memoryMbBy('now');
      const catalogBytesPerJob = (await catalogBytes(system.catalog)) / given.jobs;
      while ((await atSites(catalog)) > LAST * given.jobs) {
        if (passed() > longest) throw new Error(`jobs are still at sites after ${longest} s`);
        await sleep(1000);
      }
      await handle.terminate('the bench is over');
      const recordedAfter = await delays(catalog);
      return {
        ...{ jobs: given.jobs, fillSeconds, steadySeconds, coresBy },
        ...{ memoryMbBy, catalogBytesPerJob, recordedAfter },
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function atSites(catalog: Catalog): Promise<number> {
  const { rows } = await catalog.read((db) =>
    sql<{ open: number | null }>`
      select sum(open) as open from bundles where bundles.open > 0 and kind = 'fabrication'`.execute(
      db,
    ),
  );
  return rows[0]?.open ?? 0;
}

async function delays(catalog: Catalog): Promise<InFlightBench['recordedAfter']> {
  const { rows } = await catalog.read((db) =>
    sql<{ delay: number }>`
      select (a.settled_at - a.ended_at) / 1000.0 as delay
      from attempts a join jobs j on j.production_id = a.production_id and j.number = a.job
      where a.state = 'Done' and j.kind = 'fabrication' order by 1`.execute(db),
  );
  const at = (share: number): number =>
    rows[Math.min(rows.length - 1, Math.floor(share * rows.length))]?.delay ?? NaN;
  return { jobs: rows.length, median: at(0.5), p99: at(0.99), most: at(1) };
}
