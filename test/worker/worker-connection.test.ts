import { describe, expect, it, test } from 'vitest';
import { systemClock } from '../../domain/clock.js';
import { connectToTemporal, isOnThisMachine } from '../../worker/worker-connection.js';
import { RecordingLog } from './recording-log.js';

const NOWHERE = { address: '127.0.0.1:1', namespace: 'default', clock: systemClock };

describe('connectToTemporal', () => {
  it('tries for the given time, with a warning, and tells what does not answer', async () => {
    const log = new RecordingLog();
    await expect(
      connectToTemporal({ ...NOWHERE, log, unreachableSeconds: 1 }),
    ).rejects.toMatchObject({
      code: 'FABRICA_TEMPORAL_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1') as string,
    });
    expect(log.messages('warn')).toEqual(['Temporal does not answer; trying again']);
  });

  it('gives up at once when it is to stop', async () => {
    const stop = new AbortController();
    const connecting = connectToTemporal({
      ...NOWHERE,
      log: new RecordingLog(),
      signal: stop.signal,
    });
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: 'FABRICA_TEMPORAL_UNREACHABLE' });
  });
});

test.each([
  ['127.0.0.1:7233', true],
  ['localhost:7233', true],
  ['[::1]:7233', true],
  ['temporal.example.org:7233', false],
  ['127.example.org:7233', false],
  ['10.0.0.1:7233', false],
])('what goes to %s stays on this machine: %s', (address, here) => {
  expect(isOnThisMachine(address)).toBe(here);
});
