import { expect, it } from 'vitest';
import { isTail } from '../../policy/tail.js';

const block = { waiting: 20, atSites: 29, jobs: 1000, jobSeconds: 3600 };

it('the tail of a block begins with the last twentieth of its jobs', () => {
  expect(isTail(block)).toBe(true);
  expect(isTail({ ...block, atSites: 30 })).toBe(false);
});

it('short jobs, and those whose length nobody knows, have none', () => {
  expect(isTail({ ...block, jobSeconds: 59 })).toBe(false);
  expect(isTail({ ...block, jobSeconds: null })).toBe(false);
});
