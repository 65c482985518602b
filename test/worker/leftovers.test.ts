import { describe, expect, it } from 'vitest';
import { silentLog } from '../../domain/log.js';
import { endLeftovers } from '../../worker/leftovers.js';
import { identityOf, isAlive } from '../../worker/process-identity.js';
import type { ProcessIdentity } from '../../worker/process-identity.js';
import { RecordingLog } from './recording-log.js';
import { DEAF, exit, message, nodeProcess, testProcess } from './test-process.js';

function identityNow(pid: number): ProcessIdentity {
  const identity = identityOf(pid);
  if (identity === null) throw new Error(`no process ${pid}`);
  return identity;
}

describe('endLeftovers', () => {
  it('ends the recorded processes by SIGTERM', async () => {
    const left = [testProcess('sleep', '60'), testProcess('sleep', '60')];
    const recorded = left.map(({ pid }, i) => ({ name: `p${i}`, ...identityNow(pid) }));
    expect(await endLeftovers(recorded, { log: silentLog })).toEqual([]);
    expect(await Promise.all(left.map(exit))).toEqual(['SIGTERM', 'SIGTERM']);
  });

  it('kills a process that ignores SIGTERM, after the grace', async () => {
    const deaf = nodeProcess(DEAF);
    await message(deaf);
    const recorded = { name: 'deaf', ...identityNow(deaf.pid) };
    const log = new RecordingLog();
    expect(await endLeftovers([recorded], { log, graceMs: 200 })).toEqual([]);
    expect(await exit(deaf)).toBe('SIGKILL');
    expect(log.messages('warn')).toEqual([expect.stringContaining('SIGKILL')]);
  });

  it('leaves a process alone that got the number of a recorded one', async () => {
    const stranger = testProcess('sleep', '60');
    const recorded = { name: 'temporal', pid: stranger.pid, pidStart: 'another start' };
    expect(await endLeftovers([recorded], { log: silentLog })).toEqual([]);
    expect(isAlive(identityNow(stranger.pid))).toBe(true);
    expect(stranger.signalCode).toBeNull();
  });

  it('has nothing to do where a recorded process has ended', async () => {
    const ended = testProcess('sleep', '60');
    const recorded = { name: 'control', ...identityNow(ended.pid) };
    ended.kill('SIGKILL');
    await exit(ended);
    const log = new RecordingLog();
    expect(await endLeftovers([recorded], { log })).toEqual([]);
    expect(log.lines).toEqual([]);
  });
});

describe('identityOf', () => {
  it('is the same for a process as long as it runs, and differs between processes', () => {
    const one = testProcess('sleep', '60');
    expect(identityOf(one.pid)).toEqual(identityOf(one.pid));
    expect(identityOf(one.pid)?.pidStart).not.toBe(identityOf(process.pid)?.pidStart);
  });

  it('is null for numbers that no process has', () => {
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 31 - 1]) expect(identityOf(pid)).toBeNull();
  });
});
