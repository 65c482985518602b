import path from 'node:path';
import Database from 'better-sqlite3';
import { auditProduction } from '../../client/temporal/audit-run.js';
import { runJanitor } from '../../client/temporal/janitor-run.js';
import { requestOf, type ProductionRequest } from '../../client/temporal/request.js';
import { withdrawFromSite } from '../../client/temporal/site-withdrawal-run.js';
import { standaloneActivities } from '../../client/temporal/standalone-activities.js';
import { sweepStorage } from '../../client/temporal/sweep-run.js';
import { adler32 } from '../../domain/adler32.js';
import type { Configuration } from '../../domain/configuration.js';
import { physicalPath } from '../../domain/lfn.js';
import type * as workflows from '../../workflows/index.js';
import { fabrica } from '../system/program.js';
import { until, type TestSystem } from '../system/running-system.js';
import { fewJobs, simulatedGrid } from './grid.js';

export type WorkflowType = keyof typeof workflows;

/** What happens to a small system, so that its histories show what workflows do in such a case. */
export interface Story {
  readonly name: string;
  /** Workflow types whose histories it leaves; a test tells which of them is not recorded. */
  readonly types: readonly WorkflowType[];
  readonly grid?: (standard: Configuration) => Configuration;
  /** Ends when its workflows have ended, or are about to. The system that runs then is returned. */
  readonly happens: (system: TestSystem, restart: Restart) => Promise<TestSystem>;
}

/** Stops a system, has something done meanwhile, and starts it again on the same folder. */
export type Restart = (meanwhile: (folder: string) => Promise<void>) => Promise<TestSystem>;

/** s. */
const LONG = 120;

const ofProduction = ['production', 'block', 'removal'] as const;

export const STORIES: readonly Story[] = [
  {
    name: 'normal',
    types: [...ofProduction, 'audit', 'janitor', 'sweep'],
    // Failures of several classes: what is tried again is normal.
    grid: (standard) => simulatedGrid(standard, { node: 0.1, 'payload-crash': 0.05, lost: 0.05 }),
    async happens(system) {
      await completes(system, 'normal');
      await auditProduction(system.client, { epoch: system.catalog.epoch, production: 'normal' });
      await sweepStorage(system.client, sweepOf('KMI-DISK'), () => undefined);
      // The sweeps of the other storages are due.
      await runJanitor(system.client);
      return system;
    },
  },
  {
    name: 'failed-scouts',
    types: ofProduction,
    grid: (standard) => simulatedGrid(standard, { 'payload-error': 1 }),
    async happens(system) {
      await ends(system, 'failed-scouts', 'Rejected');
      return system;
    },
  },
  {
    name: 'paused',
    types: ofProduction,
    async happens(system) {
      await running(system, 'paused');
      await ask(system, 'paused', { kind: 'pause' });
      await ask(system, 'paused', { kind: 'reprioritize', value: 9 });
      await untilEnd(system, 'paused', ({ state }) => state === 'Stopped');
      await ask(system, 'paused', { kind: 'resume' });
      await endsAs(system, 'paused', 'Completed');
      return system;
    },
  },
  {
    name: 'cancelled',
    types: ofProduction,
    async happens(system) {
      await running(system, 'cancelled');
      await ask(system, 'cancelled', { kind: 'cancel' });
      await endsAs(system, 'cancelled', 'Cancelled');
      await ask(system, 'cancelled', { kind: 'clean' });
      await endsAs(system, 'cancelled', 'Cleaned');
      return system;
    },
  },
  {
    name: 'banned',
    types: [...ofProduction, 'siteWithdrawal'],
    async happens(system) {
      await running(system, 'banned');
      const word = { site: 'KMI', who: 'me', why: 'CVMFS' };
      const ban = { ...word, state: 'Banned', until: null } as const;
      await standaloneActivities(system.client).control('setSiteOverride', ban);
      await withdrawFromSite(system.client, word);
      await endsAs(system, 'banned', 'Completed');
      return system;
    },
  },
  {
    name: 'steered',
    types: ofProduction,
    async happens(system) {
      const handle = await running(system, 'steered');
      await ask(system, 'steered', { kind: 'extend', select: { events: eventsOf('steered', 6) } });
      await ask(system, 'steered', { kind: 'amend', select: { set: { sites: ['KMI', 'PNNL'] } } });
      await handle.signal('comment', 'by a signal');
      await handle.signal('reprioritize', 'high');
      await handle.signal('paws');
      await untilEnd(system, 'steered', ({ jobs }) => (jobs.Done ?? 0) >= 12);
      await ask(system, 'steered', { kind: 'finish' });
      await endsAs(system, 'steered', 'Completed');
      return system;
    },
  },
  {
    name: 'skim',
    types: [...ofProduction, 'inputList'],
    async happens(system) {
      await completes(system, 'source');
      const skim = fewJobs('skim', 0.3);
      delete skim.events;
      await system.start({
        ...skim,
        input: { list: await storedList(system, 'source'), grouping: { maxFiles: 1 } },
        fabrication: { ...skim.fabrication, eventsPerJob: 'auto' },
        scouts: { jobs: 1 },
        overlay: { dataset: { production: 'source' } },
      });
      await endsAs(system, 'skim', 'Completed');
      return system;
    },
  },
  {
    name: 'site-outage',
    types: [...ofProduction, 'tidying'],
    grid: (standard) => {
      const grid = simulatedGrid(standard);
      return {
        ...grid,
        sites: grid.sites.map((site) =>
          site.name === 'PNNL' && site.compute.kind === 'simulated'
            ? { ...site, lease: 2, compute: { ...site.compute, outages: SILENT } }
            : site,
        ),
      };
    },
    async happens(system) {
      await completes(system, 'site-outage', 2);
      return system;
    },
  },
  {
    name: 'storage-outage',
    types: [...ofProduction, 'janitor', 'payment'],
    async happens(system) {
      await completes(system, 'storage-outage');
      owe(system, 'KMI-DISK');
      await out(system, 'KMI-DISK', 1);
      await runJanitor(system.client);
      await out(system, 'KMI-DISK', 0);
      await runJanitor(system.client);
      return system;
    },
  },
  {
    name: 'recovered',
    types: ofProduction,
    async happens(system) {
      const handle = await running(system, 'recovered');
      // Its blocks go with it; the jobs go on.
      await handle.terminate('by somebody');
      await fabrica(system.folder, 'recover');
      await endsAs(system, 'recovered', 'Completed');
      return system;
    },
  },
  {
    name: 'restored',
    types: [...ofProduction, 'recovery', 'epochSweep'],
    async happens(before, restart) {
      const backup = path.join(before.folder, 'backup.db');
      await running(before, 'restored');
      await fabrica(before.folder, 'backup', backup);
      await untilEnd(before, 'restored', ({ jobs }) => (jobs.Done ?? 0) >= 12);
      const system = await restart(async (folder) => {
        await fabrica(folder, 'restore', backup);
      });
      await fabrica(system.folder, 'recover');
      await endsAs(system, 'restored', 'Completed');
      return system;
    },
  },
  {
    name: 'reprocessed',
    types: ofProduction,
    async happens(system) {
      await running(system, 'reprocessed');
      const jobs = String(await openJob(system, 'reprocessed'));
      await ask(system, 'reprocessed', { kind: 'kill', select: { jobs } });
      await ask(system, 'reprocessed', { kind: 'reprocess', select: { jobs: '3' } });
      await endsAs(system, 'reprocessed', 'Completed');
      await ask(system, 'reprocessed', { kind: 'reprocess', select: { jobs: '4' } });
      await endsAs(system, 'reprocessed', 'Completed');
      return system;
    },
  },
  {
    name: 'lost-files',
    types: [...ofProduction, 'sweep'],
    async happens(system) {
      await completes(system, 'lost-files');
      lose(system, 'merged');
      await sweepStorage(system.client, sweepOf('KMI-DISK', true), () => undefined);
      await endsAs(system, 'lost-files', 'Completed');
      return system;
    },
  },
];

/** Simulated seconds: some of its jobs have begun by then. */
const SILENT = [{ from: 4 * 3600, to: 14 * 3600 }];

/** Events of so many jobs of a production of `running`. */
const eventsOf = (name: string, jobs: number): number => fewJobs(name, 1.5, jobs).events ?? 0;

const sweepOf = (storage: string, repair = false) => ({
  ...{ storage, production: null, checksums: false, believeLost: false },
  ...{ repair, who: 'recorder' },
});

async function completes(system: TestSystem, name: string, seconds = 0.3): Promise<void> {
  await ends(system, name, 'Completed', seconds);
}

async function ends(system: TestSystem, name: string, state: string, seconds = 0.3): Promise<void> {
  await system.start(fewJobs(name, seconds));
  await endsAs(system, name, state);
}

async function endsAs({ client }: TestSystem, name: string, state: string): Promise<void> {
  const outcome: unknown = await client.workflow.getHandle(`production/${name}`).result();
  const told = JSON.stringify(outcome);
  if (!told.includes(`"state":"${state}"`))
    throw new Error(`${name} has not ended ${state}: ${told}`);
}

/** A production whose scouts have passed, and some of whose jobs are done. */
async function running(system: TestSystem, name: string) {
  const handle = await system.start(fewJobs(name, 1.5));
  await untilEnd(
    system,
    name,
    ({ state, jobs }) => state === 'Active' && (jobs.Done ?? 0) >= 4 && (jobs.Submitted ?? 0) >= 1,
  );
  return handle;
}

async function untilEnd(
  { client }: TestSystem,
  name: string,
  condition: Parameters<typeof until>[1],
): Promise<void> {
  await until(client.workflow.getHandle(`production/${name}`), condition, LONG);
}

/** The last job of a production that is not done. */
async function openJob({ catalog }: TestSystem, name: string): Promise<number> {
  const { number } = await catalog.read((db) =>
    db
      .selectFrom('jobs as j')
      .innerJoin('productions as p', 'p.id', 'j.production_id')
      .select('j.number')
      .where('p.name', '=', name)
      .where('j.state', 'in', ['Waiting', 'Submitted', 'Running'])
      .orderBy('j.number', 'desc')
      .limit(1)
      .executeTakeFirstOrThrow(),
  );
  return number;
}

async function ask(
  { catalog, client }: TestSystem,
  name: string,
  request: Omit<ProductionRequest, 'who' | 'why'>,
): Promise<void> {
  const deps = { catalog, client, tell: () => undefined };
  await requestOf(name, { ...request, who: 'recorder', why: 'for the record' }, deps);
}

/** Afterwards something is owed on a storage, as if it had not answered when it was to be removed. */
function owe({ catalog, folder }: TestSystem, storage: string): void {
  const database = new Database(path.join(folder, 'catalog.db'));
  database
    .prepare(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since)
       values (1, 1, ?, ?, 'file', 'Debt', 'it did not answer', 1000)`,
    )
    .run(storage, `/${catalog.epoch}/belle/left`);
  database.close();
}

/** A list of the final files of a production, as a file on a storage. */
async function storedList(system: TestSystem, production: string) {
  const files = await system.catalog.read((db) =>
    db
      .selectFrom('files as f')
      .innerJoin('productions as p', 'p.id', 'f.production_id')
      .select('f.lfn')
      .where('p.name', '=', production)
      .where('f.kind', '=', 'merged')
      .where('f.state', '=', 'Valid')
      .execute(),
  );
  const content = Buffer.from(files.map(({ lfn }) => `${lfn}\n`).join(''));
  const list = {
    ...{ name: 'lfns', lfn: '/belle/sandbox/lfns', storage: 'KMI-DISK' },
    ...{ size: content.length, adler32: adler32(content) },
  };
  const database = storageDatabase(system, list.storage);
  database
    .prepare('insert into files values (?, ?, ?, ?)')
    .run(physicalPath(system.catalog.epoch, list.lfn), list.size, list.adler32, content);
  database.close();
  return list;
}

function storageDatabase({ folder }: TestSystem, storage: string): Database.Database {
  return new Database(path.join(folder, 'storages', storage, `${storage}.db`));
}

/** Takes a storage away, or brings it back. */
async function out(system: TestSystem, storage: string, isOut: 0 | 1): Promise<void> {
  const database = storageDatabase(system, storage);
  database.prepare('update trouble set isOut = ?').run(isOut);
  database.close();
  // Whoever uses it looks once in a while.
  await new Promise((resolve) => setTimeout(resolve, 1500));
}

/** Removes one merged file that is on KMI-DISK from all storages. */
function lose(system: TestSystem, kind: string): void {
  const database = new Database(path.join(system.folder, 'catalog.db'), { readonly: true });
  const rows = database
    .prepare<[string], { storage: string; path: string }>(
      `select storage, path from replicas where file_id =
         (select min(f.id) from files f join replicas r on r.file_id = f.id
           where f.kind = ? and r.storage = 'KMI-DISK' and r.state = 'Available')`,
    )
    .all(kind);
  database.close();
  for (const { path: file, storage } of rows) {
    const files = storageDatabase(system, storage);
    files.prepare('delete from files where path = ?').run(file);
    files.close();
  }
}
