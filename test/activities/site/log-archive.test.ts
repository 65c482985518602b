import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveLogs } from '../../../activities/site/log-archive.js';
import { jobFolder } from '../../../grid/compute/local-job.js';
import { HandClock } from '../control/control-room.js';
import { SiteRoom } from './site-room.js';

const PATH = '/e1aaaaaa/belle/log/prod00000001/block0000/bundle00000001.tar.gz';
const order = (more: object = {}) => ({ path: PATH, storages: ['A', 'B'], largest: 1e6, ...more });

let room: SiteRoom;
beforeEach(async () => {
  room = await SiteRoom.open();
});
afterEach(() => room.close());

const archive = (handle: Awaited<ReturnType<SiteRoom['ran']>>, more: object = {}) =>
  room.run(room.activities.archiveLogs, { ...handle, archive: order(more) });
const onDisk = (storage: string, member: string): Buffer =>
  execFileSync('tar', ['xzOf', room.at(storage, PATH), member], { maxBuffer: 1e8 });

describe('the logs of a bundle', () => {
  it('are put into one archive on the first storage, with what each job has written', async () => {
    const handle = await room.ran(['echo one', 'echo two >&2; exit 3', 'kill -9 $$']);
    const { archived, lost } = await archive(handle);
    expect(lost).toBe('');
    expect(archived).toMatchObject({ storage: 'A', path: PATH, attempts: handle.attempts });
    expect(onDisk('A', '1.1.log').toString()).toContain('one\n');
    expect(onDisk('A', '2.1.log').toString()).toContain('two\n');
    const stored = await room.storages.get('A').stat(PATH, { checksum: true });
    expect(stored).toMatchObject({ size: archived?.size, adler32: archived?.adler32 });
  });

  it('go to the next storage when the first does not take them', async () => {
    const handle = await room.ran(['echo one']);
    renameSync(room.at('A'), room.at('gone'));
    expect((await archive(handle)).archived?.storage).toBe('B');
  });

  it('are the same archive when it is asked for again, also when the site has forgotten them', async () => {
    const handle = await room.ran(['echo one', 'exit 2']);
    const first = await archive(handle);
    expect(await archive(handle)).toEqual(first);
    await room.run(room.activities.forgetJobs, handle);
    expect(await archive(handle)).toEqual(first);
  });

  it('replace what is no whole archive of them', async () => {
    const handle = await room.ran(['echo one']);
    mkdirSync(path.dirname(room.at('A', PATH)), { recursive: true });
    writeFileSync(room.at('A', PATH), 'half of an arch');
    expect((await archive(handle)).archived?.storage).toBe('A');
    expect(onDisk('A', '1.1.log').toString()).toContain('one\n');
  });

  it('are no archive where there are none', async () => {
    const handle = await room.ran(['echo one']);
    await room.run(room.activities.forgetJobs, handle);
    expect(await archive(handle)).toEqual({ archived: null, lost: '' });
    expect(readdirSync(room.at('A'))).toEqual([]);
  });

  it('lose their middle when they are long, and a line tells how much', async () => {
    const handle = await room.ran([
      `echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end`,
    ]);
    await archive(handle);
    const kept = onDisk('A', '1.1.log').toString();
    expect(kept.length).toBeLessThanOrEqual(1e6);
    expect(kept).toContain('begin\n');
    expect(kept).toMatch(/end\n/);
    const left = Number(/\[fabrica: (\d+) bytes are left out here\]/.exec(kept)?.[1]);
    const note = `\n[fabrica: ${left} bytes are left out here]\n`.length;
    const whole = await room.compute.readLog('e1aaaaaa.p.1.1', { head: 0, tail: 0 });
    expect(kept.length - note + left).toBe(whole?.size);
  });

  it('that are binary junk, or 1 GB with holes, are kept as they are, within the bound', async () => {
    const handle = await room.ran(['head -c 5000 /dev/urandom', 'truncate -s 1G log; echo end']);
    const before = process.memoryUsage.rss();
    const { archived } = await archive(handle);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
    expect(archived?.attempts).toEqual(handle.attempts);
    const junk = await room.compute.readLog('e1aaaaaa.p.1.1', { head: 1e6, tail: 0 });
    expect(onDisk('A', '1.1.log').equals(junk?.head ?? Buffer.alloc(0))).toBe(true);
    expect(onDisk('A', '2.1.log').length).toBeLessThanOrEqual(1e6);
    expect(onDisk('A', '2.1.log').toString()).toContain('end\n');
  });

  it('that a payload has replaced by a link or a pipe are not followed', async () => {
    const handle = await room.ran(['true', 'true']);
    const spool = room.at('spool');
    const logOf = (job: number): string =>
      path.join(jobFolder(spool, `e1aaaaaa.p.${job}.1`), 'log');
    execFileSync('ln', ['-sf', '/etc/passwd', logOf(1)]);
    execFileSync('sh', ['-c', `rm -f '${logOf(2)}'; mkfifo '${logOf(2)}'`]);
    expect(await archive(handle)).toEqual({ archived: null, lost: '' });
  });

  it('are given up when no storage takes them in ten minutes', async () => {
    const handle = await room.ran(['echo one']);
    renameSync(room.at('A'), room.at('gone'));
    chmodSync(room.at('B'), 0o000);
    renameSync(room.at('B'), room.at('gone2'));
    const clock = new HandClock();
    const begun = clock.now();
    const { compute, storages } = room;
    const answer = await archiveLogs(
      { ...handle, archive: order() },
      {
        ...{ compute, storages, clock },
        sleep: (milliseconds) => {
          clock.pass(milliseconds / 1000);
          return Promise.resolve();
        },
      },
    );
    expect(answer.archived).toBeNull();
    expect(answer.lost).toMatch(/storage B/);
    expect(clock.now() - begun).toBeGreaterThan(500_000);
    expect(clock.now() - begun).toBeLessThanOrEqual(600_000);
    expect(existsSync(room.at('A'))).toBe(false);
  });

  it('are given up at once where no storage may take them', async () => {
    const handle = await room.ran(['echo one']);
    const { archived, lost } = await archive(handle, { storages: ['NOWHERE'] });
    expect(archived).toBeNull();
    expect(lost).toContain('no storage');
  });
});
