import { afterEach } from 'vitest';
import { standing } from './system/standing.js';

/** A test that has waited in vain says what its productions were at: such a failure may not come again. */
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const tell of standing.values()) {
    console.error(`${task.name}:\n${await tell().catch(String)}`);
  }
});
