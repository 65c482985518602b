import { expect, it } from 'vitest';
import { benchSimulated } from '../../bench/simulated.js';

/** What Temporal warns of: a fifth of what it allows. */
const WARNING = { events: 10_240, bytes: 10_000_000 };

it('no history of a production of 100,000 jobs comes near what Temporal warns of', async () => {
  const { histories, states } = await benchSimulated({
    ...{ jobs: 100_000, failures: 0.05, dying: false, backoff: 1 },
  });
  expect(states.Done).toBeGreaterThan(95_000);
  expect(Object.keys(histories)).toEqual(expect.arrayContaining(['production', 'block']));
  for (const [type, { bytes, events }] of Object.entries(histories)) {
    expect(events, `events of ${type}`).toBeLessThan(WARNING.events / 2);
    expect(bytes, `bytes of ${type}`).toBeLessThan(WARNING.bytes / 2);
  }
}, 600_000);
