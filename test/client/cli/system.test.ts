import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionTemplate } from '../../../client/definition-template.js';
import { expectDocumented, firstOf } from './documented.js';
import { fabrica, spawnFabrica, type Ended } from './fabrica.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-cli-'));
let up: ReturnType<typeof spawnFabrica>;

const run = (...argv: string[]): Promise<Ended> => fabrica(argv, { cwd: folder });

/** The answer of a command as its JSON document. */
async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { code, err, out } = await run(...argv, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

function write(name: string, change: (text: string) => string): void {
  writeFileSync(path.join(folder, `${name}.yaml`), change(definitionTemplate(name, 'ann')));
}

beforeAll(async () => {
  const ports = 'temporal: {port: 0, uiPort: 0}';
  const storage = (name: string, area: string, purpose: string): string =>
    `{name: ${name}, kind: directory, area: ${area}, root: .fabrica/storages/${name}, purpose: ${purpose}}`;
  writeFileSync(
    path.join(folder, 'fabrica.yaml'),
    `${ports}\nareas: [asia, america]\nsites:\n` +
      `  - {name: KMI, area: asia, slots: 3, storages: [KMI-TMP, KMI-DISK]}\n` +
      `  - {name: UVic, area: america, slots: 3, storages: [UVic-TMP, UVic-DISK]}\n` +
      `storages:\n  - ${storage('KMI-TMP', 'asia', 'temporary')}\n  - ${storage('UVic-TMP', 'america', 'temporary')}\n` +
      `  - ${storage('KMI-DISK', 'asia', 'final')}\n  - ${storage('UVic-DISK', 'america', 'final')}\n`,
  );
  up = spawnFabrica(['up', '--json'], { cwd: folder });
  const answer = await new Promise<string>((resolve, reject) => {
    let out = '';
    let err = '';
    up.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    up.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.endsWith('}\n')) resolve(out);
    });
    up.once('close', (code) => reject(new Error(`up ended with ${code ?? 'a signal'}: ${err}`)));
  });
  expectDocumented('up', JSON.parse(answer) as object);
}, 60_000);

afterAll(async () => {
  const ended = new Promise((resolve) => up.once('close', resolve));
  up.kill('SIGTERM');
  expect(await ended).toBe(0);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe('a production by the command line', () => {
  it('is submitted, watched to its end, shown and audited', async () => {
    write('mumu', (text) => text);
    const submitted = await json('submit', 'mumu.yaml');
    expect(submitted).toMatchObject({ production: 'mumu', outcome: 'registered' });
    expectDocumented('submit', submitted);
    expect(await json('submit', 'mumu.yaml')).toMatchObject({ outcome: 'exists' });

    const watched = await json('watch', 'mumu');
    expect(watched).toMatchObject({ state: 'Completed', events: { asked: 1000, made: 1000 } });
    expectDocumented('watch', watched);

    const shown = await json('show', 'mumu');
    expectDocumented('show', shown);
    for (const part of ['blocks', 'log']) expectDocumented('show', firstOf(shown[part]));
    const explained = await json('explain', 'mumu');
    expect(explained.because).toEqual([expect.stringContaining('It has ended, it is Completed')]);
    expectDocumented('explain', explained);
    expectDocumented('explain', explained.counts as object);
    const list = await json('list');
    expectDocumented('list', firstOf(list.productions));
    const jobs = await json('jobs', 'mumu', '--state', 'Done', '--limit', '3');
    expect(jobs).toMatchObject({ more: true });
    expectDocumented('jobs', firstOf(jobs.jobs));
    const job = await json('job', 'mumu', '1');
    expectDocumented('job', job);
    for (const part of ['attempts', 'outputs']) expectDocumented('job', firstOf(job[part]));
    const replicas = await json('replicas', 'mumu');
    expectDocumented('files', firstOf(replicas.files));
    const audit = await json('audit', 'mumu');
    expect(audit).toMatchObject({ passed: true, discrepancies: [] });
    expectDocumented('audit', audit);
  }, 90_000);

  it('that reads a list with mistakes is refused with all of them, before anything is uploaded', async () => {
    const replicas = await json('replicas', 'mumu');
    const { lfn } = firstOf(replicas.files) as { lfn?: string };
    writeFileSync(
      path.join(folder, 'files.txt'),
      `\ufeff# files\r\n${lfn ?? ''}\r\n\r\nno lfn\r\n/belle/none\r\n${lfn ?? ''}\r\n`,
    );
    write('skim', (text) =>
      text
        .replace(/^events: .*$/m, 'input: {list: files.txt}')
        .replace(/^ +eventsPerJob: .*$/m, ''),
    );
    for (const dry of [['--dry-run'], []]) {
      const { code, err } = await run('submit', 'skim.yaml', ...dry);
      expect(code).toBe(2);
      expect(err).toContain(
        `files.txt has 3 lines that can not be used:
    line 4: "no lfn" is no LFN
    line 5: /belle/none is not in the catalog
    line 6: ${lfn ?? ''} is in line 2 already
`,
      );
    }
    expect((await run('show', 'skim')).err).toContain('FABRICA_PRODUCTION_UNKNOWN');
  }, 60_000);

  it('that has ended takes no requests', async () => {
    const { code, err } = await run('pause', 'mumu');
    expect(code).toBe(1);
    expect(err).toContain('Production mumu is Completed: it has ended and takes no pause.');
    const amended = await run('amend', 'mumu', '--set', 'tolerance=0.1');
    expect(amended.err).toContain('`fabrica extend mumu` or `fabrica reprocess mumu`');
  });

  it('with another content under a known name is refused with the difference', async () => {
    write('mumu', (text) => text.replace('events: 1000', 'events: 2000'));
    const { code, err } = await run('submit', 'mumu.yaml');
    expect(code).toBe(2);
    expect(err).toContain('events: 1000 -> 2000');
  }, 30_000);

  it('obeys requests, which end up in its log with who and why', async () => {
    const slow = (text: string): string =>
      text.replace('for event in', 'echo hello; sleep 30; for event in');
    write('slow', slow);
    await json('submit', 'slow.yaml');
    expectDocumented('explain', firstOf((await json('explain', 'slow')).sites));
    const paused = await json('pause', 'slow', '--why', 'lunch');
    expect(paused).toMatchObject({ state: 'Stopped', outcome: 'done', reason: 'lunch' });
    expect(await json('pause', 'slow')).toMatchObject({ state: 'Stopped', outcome: 'already' });
    expect(await json('reprioritize', 'slow', '9')).toMatchObject({ priority: 9 });
    const same = { standing: 'same', changed: [] };
    write('slow', (text) => slow(text).replace('priority: 5', 'priority: 9'));
    expect(await json('submit', 'slow.yaml')).toMatchObject({ outcome: 'exists', changed: [] });
    expect(await json('submit', 'slow.yaml', '--dry-run')).toMatchObject(same);
    write('slow', slow);
    await json('amend', 'slow', '--set', 'tolerance=0.1');
    const again = await json('submit', 'slow.yaml');
    expect(again).toMatchObject({ outcome: 'exists', changed: [{}, { command: 'amend' }] });
    expectDocumented('submit', again);
    expect((await run('submit', 'slow.yaml')).out).toContain(
      'it is Stopped. Changed since: priority: 5 -> 9 (reprioritize); tolerance: 0 -> 0.1 (amend).',
    );
    const dry = await json('submit', 'slow.yaml', '--dry-run');
    expect(dry).toMatchObject({ standing: 'same', changed: again.changed });
    expect((await run('submit', 'slow.yaml', '--dry-run')).out).toMatch(
      /changed since +priority: 5 -> 9 \(reprioritize\); tolerance: 0 -> 0\.1 \(amend\)/,
    );
    const { code, err } = await run('release', 'slow');
    expect(code).toBe(1);
    expect(err).toContain(
      'release of slow is refused: Stopped productions have no jobs to release',
    );
    expect((await json('show', 'slow')).waitsFor).toContain('fabrica resume slow');
    const explained = await json('explain', 'slow');
    expect(explained.because).toEqual([
      expect.stringMatching(/^It is paused by .*@.*: lunch\. `fabrica resume slow` goes on\.$/),
      ...(explained.because as string[]).slice(1),
    ]);
    // The scouts may have ended meanwhile.
    expect((await json('resume', 'slow')).state).toMatch(/^(Scouting|Active)$/);
    const { log } = await json('show', 'slow');
    expect(log).toContainEqual(
      expect.objectContaining({ why: 'lunch', who: expect.stringMatching(/.@./) as string }),
    );
    expect(await json('cancel', 'slow', '--why', 'enough')).toMatchObject({ outcome: 'done' });
    const { code: watched } = await run('watch', 'slow');
    expect(watched).toBe(1);
  }, 90_000);

  it('is registered once the catalog is no longer locked, and it is told what it waits for', async () => {
    write('patient', (text) => text.replace('for event in', 'sleep 3; for event in'));
    const lock = new Database(path.join(folder, '.fabrica', 'catalog.db'));
    lock.exec('begin immediate');
    const submitted = run('submit', 'patient.yaml');
    await sleep(12_000);
    lock.close();
    const { code, err } = await submitted;
    expect(err).toContain('waiting until it is registered, for at most 60 s');
    expect(err).toMatch(/control process can not go on: .*locked by another process/);
    expect(code).toBe(0);
    await json('cancel', 'patient');
  }, 90_000);

  it('that can not be changed while the catalog is locked tells so, and obeys afterwards', async () => {
    write('late', (text) => text.replace('for event in', 'sleep 3; for event in'));
    await json('submit', 'late.yaml');
    const lock = new Database(path.join(folder, '.fabrica', 'catalog.db'));
    lock.exec('begin immediate');
    const { code, err } = await run('pause', 'late').finally(() => lock.close());
    expect(code).toBe(3);
    expect(err).toContain('waiting for the control process, for at most 20 s');
    expect(err).toMatch(/pause was sent to late, but .*catalog\.db is locked by another process/);
    expect(err).toContain('(FABRICA_CATALOG_LOCKED)');
    const paused = async () => (await json('pause', 'late')) as { state: string };
    await expect.poll(paused, { timeout: 20_000 }).toMatchObject({ state: 'Stopped' });
    await json('cancel', 'late');
  }, 90_000);

  it('whose watch is interrupted goes on', async () => {
    write('calm', (text) => text.replace('for event in', 'sleep 3; for event in'));
    await json('submit', 'calm.yaml');
    const watch = spawnFabrica(['watch', 'calm'], { cwd: folder });
    await new Promise((resolve) => watch.stdout.once('data', resolve));
    const ended = new Promise((resolve) => watch.once('close', resolve));
    watch.kill('SIGINT');
    expect(await ended).toBe(130);
    const { progress } = await json('show', 'calm');
    expect(progress).toMatchObject({
      state: expect.stringMatching(/^(Scouting|Active)$/) as string,
    });
    await json('cancel', 'calm');
  }, 60_000);
});

describe('the system by the command line', () => {
  it('is healthy', async () => {
    const healthy = await json('doctor');
    expect(healthy).toMatchObject({ healthy: true });
    expectDocumented('doctor', firstOf(healthy.findings));
  }, 30_000);

  it('bans a site and takes it back', async () => {
    const banned = await json('site', 'ban', 'KMI', '--why', 'CVMFS', '--until', '2h');
    expect(banned).toMatchObject({ site: { state: 'Banned', override: { reason: 'CVMFS' } } });
    expectDocumented('site list', banned.site as object);
    const again = await run('site', 'ban', 'KMI', '--why', 'a new disk');
    expect(again.out).toMatch(
      /It was Banned by \S+ since .* until .*: CVMFS; in its place is now that of \S+: a new disk\./,
    );
    const same = await run('site', 'ban', 'KMI');
    expect(same.out).toMatch(
      /Nothing had to be changed: it was Banned by \S+ since .*: a new disk\./,
    );
    expect(await json('site', 'unban', 'KMI')).toEqual({
      site: expect.objectContaining({ state: 'Active' }) as object,
      withdrawn: 0,
      silent: false,
      outcome: 'done',
      before: expect.objectContaining({ reason: 'a new disk', untilAt: null }) as object,
    });
    const unbanned = await run('site', 'unban', 'KMI');
    expect(unbanned.out).toBe(
      "Nothing had to be changed: nobody's word is on KMI, it is Active.\n",
    );
    const { code, err } = await run('site', 'ban', 'KMJ');
    expect(code).toBe(2);
    expect(err).toContain('Did you mean KMI?');
  }, 30_000);

  it('tells bad input of a request from what the state of its production does not allow', async () => {
    const comment = await run('comment', 'mumu', ' ');
    expect({ code: comment.code, err: comment.err }).toMatchObject({
      code: 2,
      err: expect.stringContaining('FABRICA_COMMAND_INVALID') as string,
    });
    const refused = await run('rescout', 'mumu');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('FABRICA_COMMAND_REFUSED');
    expect(refused.err).toContain('what to do: ');
  }, 30_000);

  it('has nothing to recover while all is well', async () => {
    expect(await json('recover')).toMatchObject({ restarted: [] });
  }, 30_000);

  it('is not started twice', async () => {
    const { code, err } = await run('up');
    expect(code).toBe(1);
    expect(err).toContain(`pid ${up.pid ?? ''}`);
  }, 30_000);
});
