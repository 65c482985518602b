import { expect, it } from 'vitest';
import { laterProgress, type ProductionProgress } from '../../domain/progress.js';

const at = (time: number, reason: string): ProductionProgress => ({
  production: 'p',
  state: 'Active',
  reason,
  priority: 5,
  events: { asked: 1, wanted: 1, made: 0, merged: 0, distributed: 0, waived: 0 },
  files: 0,
  bytes: 0,
  blocks: {},
  jobs: {},
  merges: {},
  failures: {},
  at: time,
});

it.each([
  [null, at(1, 'news'), 'news'],
  [at(1, 'known'), at(2, 'news'), 'news'],
  [at(2, 'known'), at(2, 'news'), 'news'],
  [at(3, 'known'), at(2, 'news'), 'known'],
])('of %o and the news %o the later one is shown', (known, news, shown) => {
  expect(laterProgress(known, news).reason).toBe(shown);
});
