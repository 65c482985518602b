import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { listenForStop } from '../../worker/stop-signals.js';

describe('listenForStop', () => {
  it('asks for a stop in order at the first signal, and to end now at the second', () => {
    const target = new EventEmitter();
    const { force, release, stop } = listenForStop(target as never);
    expect([stop.aborted, force.aborted]).toEqual([false, false]);
    target.emit('SIGINT');
    expect([stop.aborted, force.aborted]).toEqual([true, false]);
    target.emit('SIGTERM');
    expect(force.aborted).toBe(true);
    release();
    expect(target.eventNames()).toEqual([]);
  });
});
