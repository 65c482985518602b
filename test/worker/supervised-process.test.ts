import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import { silentLog } from '../../domain/log.js';
import { identityOf, isAlive } from '../../worker/process-identity.js';
import type { ProcessIdentity } from '../../worker/process-identity.js';
import { SupervisedProcess } from '../../worker/supervised-process.js';
import { RecordingLog } from './recording-log.js';
import { DEAF, message, nodeProcess } from './test-process.js';

const started: SupervisedProcess[] = [];

afterEach(() => {
  for (const one of started.splice(0)) one.kill();
});

function supervised(script: string, ready: () => Promise<void> = async () => Promise.resolve()) {
  const identities: (ProcessIdentity | null)[] = [];
  const log = new RecordingLog();
  const one = new SupervisedProcess({
    name: 'test',
    spawn: () => spawn('sh', ['-c', script], { stdio: 'ignore' }),
    ready,
    onIdentity: (identity) => identities.push(identity),
    clock: systemClock,
    log,
    backoff: { firstMs: 20, maxMs: 100 },
  });
  started.push(one);
  return { one, identities, log };
}

describe('a supervised process', () => {
  it('is started again after a crash, later each time', async () => {
    const { one, log } = supervised('exit 3');
    await one.start();
    await expect.poll(() => log.messages('error').length, { timeout: 5000 }).toBeGreaterThan(4);
    await one.stop(1000);
    const delays = log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields);
    expect(delays.slice(0, 4)).toEqual(
      [20, 40, 80, 100].map((restartInMs) => ({
        process: 'test',
        how: 'exit code 3',
        restartInMs,
      })),
    );
  });

  it('is not started again when it was stopped', async () => {
    const { one, identities, log } = supervised('exec sleep 60');
    await one.start();
    const { pid } = one;
    await one.stop(1000);
    expect(identityOf(pid ?? 0)).toBeNull();
    expect(identities.map((identity) => identity?.pid)).toEqual([pid, undefined]);
    expect(log.messages('error')).toEqual([]);
  });

  it('is killed when it does not stop within its grace', async () => {
    const one = new SupervisedProcess({
      name: 'deaf',
      spawn: () => nodeProcess(DEAF),
      ready: async (child) => {
        await message(child);
      },
      clock: systemClock,
      log: silentLog,
    });
    await one.start();
    const { pid } = one;
    await one.stop(200);
    expect(identityOf(pid ?? 0)).toBeNull();
  });

  it('that does not become ready is ended, and the reason thrown', async () => {
    const { one, identities } = supervised('exec sleep 60', async () =>
      Promise.reject(new Error('not ready')),
    );
    await expect(one.start()).rejects.toThrow('not ready');
    const [first] = identities;
    expect(first !== undefined && first !== null && isAlive(first)).toBe(false);
  });
});
