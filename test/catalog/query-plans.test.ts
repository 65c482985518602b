import path from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, type CompiledQuery } from 'kysely';
import { describe, expect, it } from 'vitest';
import { pack } from '../../activities/packed.js';
import type { ListedFile } from '../../activities/storage/index.js';
import { Catalog } from '../../catalog/catalog.js';
import { CatalogSqliteDialect } from '../../catalog/dialect.js';
import { openCatalog } from '../../catalog/open.js';
import { condemnLogs, expiredLogs, logsOfProduction } from '../../catalog/logs.js';
import { attemptRanges, jobsOf } from '../../domain/bundle.js';
import { getProduction } from '../../catalog/productions.js';
import type { Tables } from '../../catalog/tables.js';
import { listFailures } from '../../catalog/views/failure-list.js';
import {
  failureCells,
  failuresByBlock,
  failuresByClass,
  failuresByHour,
  failuresByProduction,
} from '../../catalog/views/failure-table.js';
import { findFile } from '../../catalog/views/file-list.js';
import { listCampaigns } from '../../catalog/views/campaign-list.js';
import { viewCampaign } from '../../catalog/views/campaign-view.js';
import { listProductions } from '../../catalog/views/production-list.js';
import { viewJob } from '../../catalog/views/job-view.js';
import { lineageOf } from '../../catalog/views/lineage.js';
import {
  ControlRoom,
  definition,
  failing,
  good,
  type Outcome,
} from '../activities/control/control-room.js';

/** Tables that grow with the jobs of all productions. */
const LARGE = [
  'jobs',
  'attempts',
  'files',
  'replicas',
  'job_inputs',
  'file_parents',
  'production_inputs',
  'listed_inputs',
  'transfers',
  'remnants',
  'findings',
  'bundles',
];

/** What an alias in a statement stands for. */
function tableOf(statement: string, alias: string): string {
  const name = new RegExp(`\\b"?(\\w+)"?\\s+(?:as\\s+)?"?${alias}"?(?![\\w".])`, 'gi');
  const found = [...statement.matchAll(name)].map((match) => match[1] ?? '');
  return found.find((one) => LARGE.includes(one)) ?? alias;
}

interface Step {
  readonly parent: number;
  readonly detail: string;
}

function planOf(database: Database.Database, query: CompiledQuery): Step[] {
  // Of a statement for each of many rows (`eachRow`), the parameters are those rows.
  const [first] = query.parameters;
  const values = Array.isArray(first) ? (first as unknown[]) : query.parameters;
  return database.prepare(`explain query plan ${query.sql}`).all(...values) as Step[];
}

/** Large tables that a statement reads from end to end. An index of condemned replicas, or of bundles at sites, is as small as they are few. */
function scans(database: Database.Database, query: CompiledQuery): string[] {
  return planOf(database, query)
    .filter(({ detail }) => !/bundles_open|replicas_removing/.test(detail))
    .flatMap(({ detail }) => /^SCAN (\w+)/.exec(detail)?.[1] ?? [])
    .filter((alias) => LARGE.includes(tableOf(query.sql, alias)));
}

/** Large tables of which a statement reads all that belongs to a production. */
function wholeProductions(database: Database.Database, query: CompiledQuery): string[] {
  // The last of a list, and what refers to a production when one is added.
  if (/^insert into "productions"|max\(|desc limit|"production_id" is null/.test(query.sql))
    return [];
  return (
    planOf(database, query)
      // The few that a person has given up, and those that are at sites or have just been there.
      .filter(({ detail }) => !/jobs_killed|bundles_(open|uncleared)/.test(detail))
      .flatMap(
        ({ detail }) => /^SEARCH (\w+) USING .*\(production_id=\?\)$/.exec(detail)?.[1] ?? [],
      )
      .filter((alias) => LARGE.includes(tableOf(query.sql, alias)))
  );
}

/** Whether a list of rows that came as a parameter is read again for each row of a table, instead of the other way round. */
function readsListAgain(database: Database.Database, query: CompiledQuery): boolean {
  const plan = planOf(database, query);
  return plan.some(
    ({ parent, detail }, place) =>
      detail.startsWith('SCAN json_each') &&
      plan
        .slice(0, place)
        .some((step) => step.parent === parent && /^(SEARCH|SCAN) /.test(step.detail)),
  );
}

/** How a statement about the productions of one campaign finds them. */
function campaignAccess(database: Database.Database, query: CompiledQuery): string[] {
  if (!query.sql.includes('"campaign" = ?')) return [];
  return planOf(database, query).map(({ detail }) => detail);
}

/** What is read when a person asks for jobs by the time of their end, whose files a production reads when it is registered, its logs when it goes. */
const ONCE = [
  ...['"a"."ended_at" >= ?', 'insert into production_sources'],
  'on "files"."id" = "bundles"."log_file"',
];

/** A production that reads what another has made, one copy of which goes bad; and everything that tells of it. */
async function readInputs(room: ControlRoom): Promise<void> {
  const made = await room.register(definition({ name: 'source', events: 60 }));
  await room.complete(made);
  await room.change(`update productions set state = 'Completed' where name = 'source'`);
  // Not by the catalog, whose statements are looked at.
  const database = new Database(room.catalog.file, { readonly: true });
  const files = database
    .prepare<[], { lfn: string; storage: string; path: string }>(
      `select f.lfn, r.storage, r.path
       from files f join replicas r on r.file_id = f.id join productions p on p.id = f.production_id
       where p.name = 'source' and f.kind = 'merged' and r.state = 'Available'`,
    )
    .all();
  database.close();
  const list = {
    ...{ name: 'lfns', lfn: '/belle/sandbox/lfns', storage: 'KMI-DISK' },
    ...{ size: 1, adler32: '00000001' },
  };
  const names = [...new Set(files.map(({ lfn }) => lfn))];
  await room.do.stageList({
    ...{ production: 'skim', lfn: list.lfn, first: true },
    files: pack(names.map((lfn, i) => ({ line: i + 1, lfn }))),
  });
  const skim = definition({
    ...{ name: 'skim', merge: null, scouts: { jobs: 1 } },
    input: { list, grouping: { maxFiles: 1 } },
    overlay: { dataset: { production: 'source' } },
    fabrication: { eventsPerJob: 'auto' },
  });
  delete skim.events;
  const ref = await room.register(skim);
  const failsOnce: Outcome = (job, order) =>
    job.attempt === 1
      ? failing({ step: 'stage-in', exitCode: null, reason: 'input-corrupt: bad' })(job, order)
      : good(job, order);
  await room.scout(ref);
  const { step } = await room.step(ref);
  const block = { ...ref, block: await room.lastBlock(ref) };
  await room.do.openBlock(block);
  const { bundles } = await room.place(ref, block.block);
  expect(step.do).toBe('run');
  for (const order of bundles) await room.settle(order, room.report(order, failsOnce));
  await room.do.inputsToVerify({ ...block, after: 0 });
  const [bad] = files;
  const replicas = files.filter(({ lfn }) => lfn === bad?.lfn);
  const problems = replicas.map(({ path: at }) => ({
    ...{ path: at, problem: 'missing' as const, text: '' },
  }));
  await room.do.recordBadInputs({ ...block, storage: bad?.storage ?? '', problems });
  await room.do.repairInputs({ ...block, owner: 'source', replicas, why: 'bad' });
  await room.runJobs(ref, block.block, 'events').catch(() => undefined);
  await room.complete(made);
  await room.runJobs(ref, block.block, 'events');
  const asking = { kind: 'clean' as const, who: 'me', why: '' };
  await room.do.command({ ...made, command: asking });
  const { db } = room.catalog;
  for (const { lfn } of files) await findFile(db, lfn);
  const now = room.clock.now();
  for (const { production } of [made, ref]) {
    const row = await getProduction(db, production);
    await lineageOf(db, row);
    await viewJob(db, row, 1, now);
  }
}

/** A production whose jobs wait at a site for days, until another one has room. */
async function leaveWaiting(room: ControlRoom): Promise<void> {
  const ref = await room.register(
    definition({ name: 'waiting', events: 1000, scouts: { jobs: 0 } }),
  );
  const { step } = await room.step(ref);
  const block = step.do === 'run' ? (step.blocks[0] ?? 0) : 0;
  await room.do.openBlock({ ...ref, block });
  const { bundles } = await room.place(ref, block);
  const [first, other] = bundles;
  if (first === undefined || other === undefined) throw new Error('too few sites');
  await room.settle(other, room.report(other));
  await room.do.explainPlacement(ref);
  const { withdraw } = await room.do.judgeQueue({
    ...{ ...ref, block, bundle: first.bundle, site: first.site, queuedSince: 0 },
    attempts: attemptRanges([...jobsOf(first.ranges)]),
  });
  expect(withdraw).not.toEqual([]);
}

describe('the statements of a production’s whole life', () => {
  it('never read a table of jobs, attempts, files or replicas from end to end, nor a list of rows more than once', async () => {
    const seen = new Map<string, CompiledQuery>();
    const room = await ControlRoom.open(async ({ folder, clock }) => {
      const file = path.join(folder, 'catalog.db');
      const { epoch, ...opened } = await openCatalog({ file, clock });
      await opened.db.destroy();
      const database = new Database(file);
      database.pragma('foreign_keys = ON');
      const db = new Kysely<Tables>({
        dialect: new CatalogSqliteDialect(database),
        log: ({ query }) => void seen.set(query.sql, query),
      });
      return new Catalog(db, file, clock, epoch);
    });
    const ref = await room.register(definition({ events: 200 }));
    // Each third job fails once, so that retries and remnants are part of it.
    await room.complete(ref, (job, order) =>
      job.job % 3 === 0 && job.attempt === 1 ? failing()(job, order) : good(job, order),
    );
    const page = { ...ref, after: 0 };
    await room.do.filesToVerify({ ...page, block: 1, stage: 'events' });
    await room.do.filesToVerify({ ...page, block: 1, stage: 'merge' });
    await room.handles(ref, null);
    await room.do.unknownPaths({ ...ref, storage: 'KMI-DISK', paths: ['/a'] });
    await room.do.explainPlacement(ref);
    await room.do.queuedAt({ site: 'KMI' });
    await leaveWaiting(room);
    const [copy] = await room.rows<{ storage: string; path: string }>(
      'select * from replicas where file_id > 0 limit 1',
    );
    const problem = { path: copy?.path ?? '', problem: 'missing' as const, text: '' };
    await room.do.recordProblems({
      ...ref,
      block: 0,
      storage: copy?.storage ?? '',
      problems: [problem],
    });

    const begun = await room.do.beginSweep({
      ...{ storage: 'KMI-DISK', production: null, who: 'me' },
      ...{ checksums: true, repair: true, believeLost: false },
    });
    const swept = { epoch: ref.epoch, storage: 'KMI-DISK', sweep: begun.sweep, after: '' };
    const dark = `/${ref.epoch}/belle/dark`;
    const listing = pack<ListedFile>([[dark, 1, 0]]);
    await room.do.comparePage({ ...swept, last: `/${ref.epoch}0`, listing });
    await room.do.suspects(swept);
    await room.do.confirmSuspects({ ...swept, next: null, dark: [dark], problems: [] });
    await room.do.repairObstacle(swept);
    await room.do.repairSources(swept);
    await room.do.planRepairs({ ...swept, doubtful: [] });
    await room.do.sweepsDue();
    await room.do.debtorsDue({ all: false });
    await room.do.planPayment({ epoch: ref.epoch, storage: 'KMI-DISK', after: 0 });
    const refused = [{ path: '/b', reason: '' }];
    const payment = { epoch: ref.epoch, storage: 'KMI-DISK', gone: ['/a'], refused };
    await room.do.recordPayment(payment);
    await room.do.closePayment({ ...payment, paid: 1, failure: 'silent' });

    const { db } = room.catalog;
    const hour = { since: room.clock.now() - 3_600_000 };
    for (const filter of [{}, hour, { class: 'node', site: 'KMI' } as const]) {
      for (const one of [filter, { ...filter, production: 1 }]) {
        await failuresByClass(db, one);
        await failureCells(db, one);
        await failuresByBlock(db, { ...one, production: 1 });
        await failuresByProduction(db, one);
        await failuresByHour(db, one);
        await listFailures(db, one, 10);
      }
    }
    const now = room.clock.now();
    await listProductions(db, { campaign: 'MC16', limit: 10, now });
    await listCampaigns(db, now);
    await viewCampaign(db, 'MC16', { now, trouble: 10 });
    await viewJob(db, await getProduction(db, ref.production), 1, 0);
    await condemnLogs(db, await expiredLogs(db, room.clock.now(), 0, 10));
    await logsOfProduction(db, 1);

    const ask = (kind: 'reprocess' | 'release' | 'kill', select: unknown) =>
      room.do.command({ ...ref, command: { kind, select, who: 'me', why: '' } });
    const [file] = await room.rows<{ lfn: string }>('select lfn from files where id > 0 limit 1');
    await ask('reprocess', { jobs: '5', site: 'KMI' });
    await ask('reprocess', { files: [file?.lfn ?? ''], since: 0 });
    await ask('reprocess', { files: [path.posix.dirname(file?.lfn ?? '')] });
    await ask('reprocess', { lost: [copy] });
    await ask('release', { jobs: '1-5', class: 'lost', site: 'KMI' });
    await ask('kill', { jobs: '1-5', class: 'lost' });
    await room.do.recordKilled({
      ...{ ...ref, block: 0, bundle: 1, site: 'KMI' },
      attempts: [{ job: 1, count: 1, attempt: 1 }],
    });

    await readInputs(room);

    const database = new Database(room.catalog.file, { readonly: true });
    const statements = [...seen.values()].filter((query) =>
      /^\s*(select|insert|update|delete|with)/i.test(query.sql),
    );
    expect(statements.length).toBeGreaterThan(60);
    const found = statements.flatMap((query) =>
      scans(database, query).map((alias) => `${alias}: ${query.sql}`),
    );
    const again = statements.filter((query) => readsListAgain(database, query));
    const whole = statements.flatMap((query) =>
      wholeProductions(database, query).map((alias) => `${alias}: ${query.sql}`),
    );
    const campaigns = statements.flatMap((query) => campaignAccess(database, query));
    database.close();
    await room.close();
    expect(new Set(campaigns)).toEqual(
      new Set(['SEARCH productions USING INDEX productions_by_campaign (campaign=?)']),
    );
    expect(found).toEqual([]);
    expect(again.map(({ sql }) => sql)).toEqual([]);
    expect(whole.filter((one) => !ONCE.some((part) => one.includes(part)))).toEqual([]);
  });

  it('would be found out if one did', () => {
    const database = new Database(':memory:');
    database.exec('create table jobs (number integer, state text)');
    const query = (sql: string) => ({ sql, parameters: [] }) as unknown as CompiledQuery;
    expect(scans(database, query(`select * from "jobs" as "j" where j.state = 'Done'`))).toEqual([
      'j',
    ]);
    expect(scans(database, query('select number from jobs'))).toEqual(['jobs']);
    database.exec('create unique index jobs_key on jobs (state, number)');
    const update = (where: string): CompiledQuery =>
      query(`update jobs set state = 'Done' from (
               select json_extract(value, '$.number') as number, json_extract(value, '$.state') as state
               from json_each('[]')) as r where jobs.number = r.number and jobs.state = ${where}`);
    expect(readsListAgain(database, update(`'Failed'`))).toBe(true);
    expect(readsListAgain(database, update('r.state'))).toBe(false);
    database.close();
  });
});
