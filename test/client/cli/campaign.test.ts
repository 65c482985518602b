import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDocumented, firstOf } from './documented.js';
import { fabrica, spawnFabrica, type Ended } from './fabrica.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-campaign-'));
let up: ReturnType<typeof spawnFabrica>;

const run = (...argv: string[]): Promise<Ended> => fabrica(argv, { cwd: folder });

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, err, out } = await run(...argv, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

/** Two event types with so many runs each; jobs of 10 events. */
function writeCampaign(name: string, runs: number, change: object = {}): string {
  const file = `${name}.yaml`;
  const campaign = {
    campaign: name,
    definition: {
      dataset: { release: 'r8', globalTag: 'DB1', experiment: 3 },
      events: 60,
      fabrication: {
        command: ['sh', 'gen.sh', '{dataset.eventType}', '{seed}', '{output}'],
        payload: ['gen.sh'],
        outputs: [{ file: 'out.root' }],
        eventsPerJob: 10,
      },
      scouts: { jobs: 2 },
      merge: { command: ['merge', '{output}', '{inputs}'], targetEvents: 30 },
      distribution: { copies: 2 },
    },
    productions: [
      {
        matrix: { 'dataset.eventType': ['mixed', 'uds'], 'dataset.run': `1-${runs}` },
        overrides: [{ where: { 'dataset.eventType': 'uds' }, set: { priority: 3, ...change } }],
      },
    ],
  };
  writeFileSync(path.join(folder, file), JSON.stringify(campaign, null, 2));
  return file;
}

function rows<T>(statement: string): T[] {
  const catalog = new Database(path.join(folder, '.fabrica', 'catalog.db'), { readonly: true });
  try {
    return catalog.prepare<[], T>(statement).all();
  } finally {
    catalog.close();
  }
}

/** Waits until a campaign's productions are in these states: as the catalog has them, then as the command tells them. */
async function untilStates(name: string, states: object, seconds: number): Promise<void> {
  const of = `from productions where campaign = '${name}' group by state`;
  const last = (): object =>
    Object.fromEntries(
      rows<{ state: string; productions: number }>(
        `select state, count(*) as productions ${of}`,
      ).map(({ productions, state }) => [state, productions]),
    );
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; await sleep(200)) {
    if (JSON.stringify(last()) === JSON.stringify(states)) break;
  }
  expect((await json('campaign', 'show', name)).states).toEqual(states);
}

beforeAll(async () => {
  const storage = (name: string, area: string, purpose: string): string =>
    `  - {name: ${name}, kind: simulated, root: storages/${name}, area: ${area}, purpose: ${purpose}}\n`;
  const site = (name: string, area: string): string =>
    `  - {name: ${name}, area: ${area}, slots: 6, storages: [${name}-TMP, ${name}-DISK], compute: {kind: simulated}}\n`;
  writeFileSync(
    path.join(folder, 'fabrica.yaml'),
    `temporal: {port: 0, uiPort: 0}\nareas: [asia, america]\n` +
      // A job takes three seconds: none of the productions has ended when they are paused, however slow this machine is.
      `simulation: {speed: 3600, secondsPerEvent: {median: 1080}, queueSeconds: {median: 60}}\n` +
      `sites:\n${site('KMI', 'asia')}${site('UVic', 'america')}storages:\n` +
      storage('KMI-TMP', 'asia', 'temporary') +
      storage('UVic-TMP', 'america', 'temporary') +
      storage('KMI-DISK', 'asia', 'final') +
      storage('UVic-DISK', 'america', 'final'),
  );
  writeFileSync(path.join(folder, 'gen.sh'), 'exit 0\n');
  up = spawnFabrica(['up', '--json'], { cwd: folder });
  await new Promise<void>((resolve, reject) => {
    let out = '';
    let err = '';
    up.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    up.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.endsWith('}\n')) resolve();
    });
    up.once('close', (code) => reject(new Error(`up ended with ${code ?? 'a signal'}: ${err}`)));
  });
}, 60_000);

afterAll(async () => {
  const ended = new Promise((resolve) => up.once('close', resolve));
  up.kill('SIGTERM');
  expect(await ended).toBe(0);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('a campaign by the command line', () => {
  it('is refused as a whole for one bad entry, and nothing of it is there', async () => {
    const file = writeCampaign('MCbad', 3, { sites: ['KIM'] });
    const { code, err } = await run('campaign', 'submit', file);
    expect(code).toBe(2);
    expect(err).toMatch(
      /MCbad\.yaml:\d+: productions\[0\]\.overrides\[0\]\.set\.sites\[0\]: names no configured site: KIM, in production MCbad-uds-e3-r1; did you mean KMI\?/,
    );
    expect(await json('list')).toMatchObject({ productions: [] });
    const unknown = await run('campaign', 'show', 'MCbad');
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('"MCbad"')]);
  });

  it('is refused as a whole for files that a production can not read', async () => {
    writeFileSync(path.join(folder, 'files.txt'), '/belle/nowhere.root\n');
    const campaign = {
      campaign: 'MCread',
      definition: {
        dataset: { release: 'r8', globalTag: 'DB1', experiment: 3, run: 1 },
        fabrication: { command: ['skim', '{output}'], outputs: [{ file: 'out.root' }] },
      },
      productions: [
        { set: { 'dataset.eventType': 'mixed', events: 60 } },
        { set: { 'dataset.eventType': 'skim', input: { list: 'files.txt' } } },
      ],
    };
    writeFileSync(path.join(folder, 'MCread.json'), JSON.stringify(campaign, null, 2));
    for (const dry of [['--dry-run'], []]) {
      const { code, err } = await run('campaign', 'submit', 'MCread.json', ...dry);
      expect(code, err).toBe(2);
      expect(err).toMatch(
        /MCread\.json:\d+: productions\[1\]\.set\.input\.list: the list .*files\.txt has 1 line that can not be used: line 1: \/belle\/nowhere\.root is not in the catalog, in production MCread-skim-e3-r1;/,
      );
    }
    expect(await json('list')).toMatchObject({ productions: [] });
  }, 30_000);

  it('tells what it would make, and starts nothing', async () => {
    const dry = await json('campaign', 'submit', writeCampaign('MC1', 3), '--dry-run');
    expect(dry).toMatchObject({
      ...{ campaign: 'MC1', events: 360, scoutJobs: 12, fabricationJobs: 24, payloadFiles: 1 },
      productions: Array.from({ length: 6 }, () => ({ standing: 'missing' })),
    });
    expectDocumented('campaign submit', dry);
    expectDocumented('campaign submit', firstOf(dry.productions));
    expect(await json('list')).toMatchObject({ productions: [] });
  });

  it('is submitted once however often, with its payload stored once', async () => {
    const submit = () => json('campaign', 'submit', 'MC1.yaml');
    const [submitted, atOnce] = await Promise.all([submit(), submit()]);
    const made = Number(submitted.registered);
    expect(submitted).toMatchObject({ registered: made, exists: 6 - made, failed: 0, left: 0 });
    expect(atOnce).toMatchObject({ registered: 6 - made, exists: made, failed: 0, left: 0 });
    expectDocumented('campaign submit', submitted);
    expectDocumented('campaign submit', firstOf(submitted.productions));
    expect(await submit()).toMatchObject({ registered: 0, exists: 6 });
    expect(rows(`select name from productions where campaign = 'MC1'`)).toHaveLength(6);
    expect(rows(`select id from files where kind = 'sandbox'`)).toHaveLength(1);
    expect(
      rows(`select 1 from productions where priority = 3 and name like 'MC1-uds-%'`),
    ).toHaveLength(3);
  }, 60_000);

  it('is paused, reprioritized and resumed, each production answering', async () => {
    const paused = await json('campaign', 'pause', 'MC1', '--why', 'storage full');
    expect(paused).toMatchObject({ changed: 6, unchanged: 0, refused: 0, unconcerned: 0 });
    expectDocumented('campaign pause', paused);
    expectDocumented('campaign pause', firstOf(paused.productions));
    await untilStates('MC1', { Stopped: 6 }, 10);
    expect(await json('campaign', 'pause', 'MC1')).toMatchObject({ changed: 0, unchanged: 6 });
    expect(await json('campaign', 'reprioritize', 'MC1', '9')).toMatchObject({ changed: 6 });
    expect(rows(`select 1 from productions where campaign = 'MC1' and priority = 9`)).toHaveLength(
      6,
    );
    expect(await json('campaign', 'submit', 'MC1.yaml', '--dry-run')).toMatchObject({
      productions: Array.from({ length: 6 }, () => ({ standing: 'same', priority: 9 })),
    });
    const again = await json('campaign', 'submit', 'MC1.yaml');
    expect(again).toMatchObject({ exists: 6 });
    const changed = (from: number) => ({
      changed: [{ command: 'reprioritize', change: `priority: ${from} -> 9` }],
    });
    expect(again.productions).toEqual(
      [5, 5, 5, 3, 3, 3].map((from) => expect.objectContaining(changed(from)) as object),
    );
    for (const options of [[], ['--dry-run']]) {
      expect((await run('campaign', 'submit', 'MC1.yaml', ...options)).out).toContain(
        'Changed since they were submitted: MC1-mixed-e3-r1 (priority: 5 -> 9 (reprioritize)), ',
      );
    }
    expect(await json('campaign', 'release', 'MC1')).toMatchObject({ unconcerned: 6 });
    expect(await json('campaign', 'resume', 'MC1')).toMatchObject({ changed: 6 });
  }, 120_000);

  it('is refused with the difference when a production would become another one', async () => {
    const { code, err } = await run(
      ...['campaign', 'submit', writeCampaign('MC1', 4, { events: 50 })],
    );
    expect(code).toBe(2);
    expect(err).toContain('3 of 8 productions are registered with another definition');
    expect(err).toContain('events: 60 -> 50');
    expect(err).toContain('Of MC1-uds-e3-r1: Write what is registered (`events: 60`). Give');
    expect(err).not.toMatch(/extend|amend/);
    expect(rows(`select 1 from productions where campaign = 'MC1'`)).toHaveLength(6);
  }, 30_000);

  it('completes, and its figures are those of its productions', async () => {
    await untilStates('MC1', { Completed: 6 }, 90);
    const view = await json('campaign', 'show', 'MC1');
    expect(view).toMatchObject({
      productions: 6,
      troubled: 0,
      events: { asked: 360, wanted: 360, made: 360, merged: 360, distributed: 360, waived: 0 },
      jobs: { Done: 36 },
      expectedEndAt: null,
    });
    const merged = `from files where kind = 'merged' and state = 'Valid'`;
    expect([{ files: view.files, bytes: view.bytes }]).toEqual(
      rows(`select count(*) as files, sum(size) as bytes ${merged}`),
    );
    expectDocumented('campaign list', firstOf((await json('campaign', 'list')).campaigns));
    const list = await json('list', '--campaign', 'MC1');
    expect(list.productions).toHaveLength(6);
    expect(await json('campaign', 'pause', 'MC1')).toMatchObject({ changed: 0, unconcerned: 6 });
  }, 120_000);

  it('is extended to a total, once however often', async () => {
    const extend = (total: string) => json('campaign', 'extend', 'MC1', '--total', total);
    expect(await extend('60')).toMatchObject({ changed: 0, unchanged: 6 });
    expect(await extend('70')).toMatchObject({ changed: 6, refused: 0 });
    expect(await extend('70')).toMatchObject({ changed: 0, unchanged: 6 });
    expect(rows(`select 1 from productions where events = 70`)).toHaveLength(6);
  }, 60_000);

  it('is extended but for productions that read files', async () => {
    const [file] = rows<{ lfn: string }>(
      `select lfn from files where kind = 'merged' and state = 'Valid' limit 1`,
    );
    writeFileSync(path.join(folder, 'one.txt'), `${file?.lfn ?? ''}\n`);
    const campaign = {
      campaign: 'MC3',
      definition: {
        dataset: { release: 'r8', globalTag: 'DB1', experiment: 3, run: 1 },
        fabrication: { command: ['skim', '{output}'], outputs: [{ file: 'out.root' }] },
        scouts: { jobs: 1, approval: true },
      },
      productions: [
        { set: { 'dataset.eventType': 'mixed', events: 60 } },
        { set: { 'dataset.eventType': 'skim', input: { list: 'one.txt' } } },
      ],
    };
    writeFileSync(path.join(folder, 'MC3.json'), JSON.stringify(campaign, null, 2));
    expect(await json('campaign', 'submit', 'MC3.json')).toMatchObject({ registered: 2 });
    const extended = await json('campaign', 'extend', 'MC3', '--events', '10');
    expect(extended).toMatchObject({ changed: 1, refused: 0, unconcerned: 1 });
    expect(extended.productions).toMatchObject([
      { outcome: 'changed' },
      {
        ...{ outcome: 'unconcerned', state: expect.any(String) as string, priority: 5 },
        reason: 'its events are those of the files that it reads',
      },
    ]);
    expectDocumented('campaign pause', firstOf(extended.productions));
  }, 60_000);

  it('that was interrupted is finished by submitting it again, then cancelled', async () => {
    const file = writeCampaign('MC2', 20);
    const first = spawnFabrica(['campaign', 'submit', file], { cwd: folder });
    const gone = new Promise((resolve) => first.once('close', resolve));
    const registered = (): number =>
      rows(`select 1 from productions where campaign = 'MC2'`).length;
    for (let look = 0; registered() === 0 && look < 600; look++) await sleep(10);
    first.kill('SIGKILL');
    await gone;
    const { err, out } = await run('campaign', 'submit', file);
    expect(out, err).toContain('Campaign MC2: 40 productions: ');
    expect(await json('campaign', 'submit', file)).toMatchObject({ registered: 0, exists: 40 });
    expect(registered()).toBe(40);

    const unasked = await run('campaign', 'cancel', 'MC2');
    expect([unasked.code, unasked.err]).toEqual([
      2,
      expect.stringContaining('cancel 40 productions of campaign MC2'),
    ]);
    expect(await json('campaign', 'cancel', 'MC2', '--yes')).toMatchObject({ refused: 0 });
    await untilStates('MC2', { Cancelled: 40 }, 60);
    expect(await json('campaign', 'cancel', 'MC2', '--yes')).toMatchObject({ unconcerned: 40 });
  }, 150_000);
});
