import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { Catalog } from '../catalog/catalog.js';
import { findProduction } from '../catalog/productions.js';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import type { FailureClass } from '../domain/failure-class.js';
import { catalogBytes } from './catalog-bytes.js';
import { benchProduction, exampleGrid } from './example-grid.js';
import { fabricaRun, type FabricaRun } from './fabrica-run.js';

/** What the simulation did, and what Fabrica has made of it. */
interface Comparison {
  readonly attempts: number;
  readonly failedAttempts: number;
  /** Failures whose class is the one that the simulation injected. */
  readonly agreeing: number;
  /** The others, counted: `injected -> judged`. */
  readonly disagreeing: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
}

export interface SimulatedBench extends FabricaRun, Comparison {
  readonly jobs: number;
  readonly jobsPerSecond: number;
  readonly cpuPerJobMs: number;
  /** How often a person had to release parked merges. */
  readonly releases: number;
  readonly bundles: number;
  /** Of the catalog's file, after completion. */
  readonly catalogBytesPerJob: number;
}

const MOST_RELEASES = 100;

/** All classes that can be drawn, in the proportions of a bad week; scaled to the rate that is asked for. */
const MIX: Readonly<Partial<Record<FailureClass, number>>> = {
  lost: 4,
  node: 3,
  environment: 3,
  'payload-error': 2,
  'payload-crash': 2,
  'stage-out': 4,
  submission: 2,
  'input-missing': 2,
  'input-corrupt': 1,
  'wall-time': 2,
  memory: 2,
  'disk-limit': 1,
  'bad-output': 3,
};

/** Sites that lose every job from some time on, simulated hours. */
const DYING = ['CNAF', 'UVic', 'KMI'];

/**
 * A production on the example grid of 60 sites, with failures of all classes at the given rate; every failure's class is compared with what
 * the simulation injected.
 */
export async function benchSimulated(size: {
  jobs: number;
  failures: number;
  /** Three sites die on the way. */
  dying: boolean;
  /** Of the definition, s. */
  backoff: number;
}): Promise<SimulatedBench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-bench-'));
  try {
    let releases = 0;
    let releasedAt = 0;
    let bundles = 0;
    let bytes = 0;
    let told: Comparison = {
      attempts: 0,
      failedAttempts: 0,
      agreeing: 0,
      disagreeing: {},
      states: {},
    };
    const run = await fabricaRun({
      folder,
      configuration: configurationFor(folder, size),
      definition: definitionFor(size),
      longestSeconds: 600 + size.jobs / 20,
      counts: async (catalog, handle) => {
        const found = await catalog.read((db) => findProduction(db, 'bench'));
        if (found?.state === 'Held' && found.updated_at !== releasedAt) {
          // What a person would do: merges that failed twice by chance are good for another try.
          if (++releases > MOST_RELEASES) throw new Error(`it is held again: ${found.reason}`);
          releasedAt = found.updated_at;
          await handle.signal('release', { reason: 'tried again', by: 'bench' });
        }
        return found?.state === 'Completed';
      },
      after: async (catalog) => {
        told = await comparison(catalog, folder);
        ({ bundles } = await catalog.read((db) =>
          db
            .selectFrom('bundles')
            .select((eb) => eb.fn.countAll<number>().as('bundles'))
            .executeTakeFirstOrThrow(),
        ));
        bytes = await catalogBytes(catalog);
      },
    });
    return {
      ...run,
      ...told,
      ...{ releases, bundles },
      jobs: size.jobs,
      catalogBytesPerJob: bytes / size.jobs,
      jobsPerSecond: size.jobs / run.seconds,
      cpuPerJobMs: run.cpuMs / size.jobs,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function configurationFor(
  folder: string,
  { dying, failures }: { failures: number; dying: boolean },
): Configuration {
  const sum = Object.values(MIX).reduce((all, one) => all + one, 0);
  const rates = Object.fromEntries(
    Object.entries(MIX).map(([name, share]) => [name, (failures * share) / sum]),
  );
  const configuration = exampleGrid(folder, { failures: rates });
  return {
    ...configuration,
    sites: configuration.sites.map((site) =>
      dying && DYING.includes(site.name) && site.compute.kind === 'simulated'
        ? {
            ...site,
            compute: { ...site.compute, diesAt: 24 * 3600 * (1 + DYING.indexOf(site.name)) },
          }
        : site,
    ),
  };
}

function definitionFor({ backoff, jobs }: { jobs: number; backoff: number }): DefinitionInput {
  return benchProduction('bench', jobs, {
    scouts: { jobs: 20, minimumSuccess: 0.5 },
    retries: { attempts: 30, systemAttempts: 100, backoff, maximumBackoff: 4 * backoff },
    // Payloads that fail twice by chance shall be given up, not hold the production.
    tolerance: 0.05,
    holding: { failureRate: 0.8 },
  });
}

/** Compares what the catalog says of each failed attempt with what the simulated sites have noted. */
async function comparison(catalog: Catalog, folder: string): Promise<Comparison> {
  const injected = injectedFailures(folder);
  const failed = await catalog.read((db) =>
    db
      .selectFrom('attempts')
      .innerJoin('productions', 'productions.id', 'attempts.production_id')
      .select(['productions.name', 'job', 'attempt', 'class'])
      .where('class', 'is not', null)
      .execute(),
  );
  let agreeing = 0;
  const disagreeing: Record<string, number> = {};
  for (const one of failed) {
    const truth = injected.get(`${one.name}.${one.job}.${one.attempt}`) ?? 'nothing';
    if (truth === one.class) agreeing++;
    else {
      const key = `${truth} -> ${one.class ?? ''}`;
      disagreeing[key] = (disagreeing[key] ?? 0) + 1;
    }
  }
  const states = await catalog.read((db) =>
    db
      .selectFrom('jobs')
      .select((eb) => ['state', eb.fn.countAll<number>().as('jobs')])
      .groupBy('state')
      .execute(),
  );
  const { attempts } = await catalog.read((db) =>
    db
      .selectFrom('attempts')
      .select((eb) => eb.fn.countAll<number>().as('attempts'))
      .executeTakeFirstOrThrow(),
  );
  return {
    attempts,
    failedAttempts: failed.length,
    agreeing,
    disagreeing,
    states: Object.fromEntries(states.map(({ state, jobs }) => [state, jobs])),
  };
}

/** Failures by `production.job.attempt`. */
function injectedFailures(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of databasesBelow(folder)) {
    const database = new Database(file, { readonly: true });
    try {
      const rows = database
        .prepare<[], { name: string; failure: string }>('select name, failure from injected')
        .all();
      for (const { name, failure } of rows) found.set(name.slice(name.indexOf('.') + 1), failure);
    } finally {
      database.close();
    }
  }
  return found;
}

/** The memories of the simulated sites. */
function databasesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith('sites') && name.endsWith('.db'))
    .map((name) => path.join(folder, name))
    .filter((file) => existsSync(file));
}
