import { expect, it } from 'vitest';
import { shareWindow } from '../../bench/shares.js';

const priorities = new Map([
  ['low', 1],
  ['middle', 2],
  ['other', 2],
  ['high', 5],
]);

it('finds starts that are as the priorities are without fault', () => {
  const starts = new Map([
    ['low', 10],
    ['middle', 20],
    ['other', 20],
    ['high', 50],
  ]);
  expect(shareWindow(starts, priorities, 60)).toEqual({
    seconds: 60,
    starts: 100,
    byPriority: [
      { priority: 1, productions: 1, weight: 0.1, starts: 0.1 },
      { priority: 2, productions: 2, weight: 0.4, starts: 0.4 },
      { priority: 5, productions: 1, weight: 0.5, starts: 0.5 },
    ],
    meanDeviation: 0,
    worstDeviation: 0,
  });
});

it('tells by how much a production has less than its priority gives it, also one without any starts', () => {
  const starts = new Map([
    ['middle', 30],
    ['other', 20],
    ['high', 50],
  ]);
  const { meanDeviation, worstDeviation } = shareWindow(starts, priorities, 60);
  expect(worstDeviation).toBe(1);
  expect(meanDeviation).toBeCloseTo((1 + 0.5) / 4);
});
