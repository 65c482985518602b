import { setTimeout as sleep } from 'node:timers/promises';
import type { Injection } from '../fault.js';
import { removeTemporalState } from '../upkeep.js';

const TRIES = 60;
const SERVING_MS = 120_000;

/** Temporal's database is deleted; the operator starts the system again and runs `fabrica recover`. */
export const temporalStateLost: Injection = async (world) => {
  await world.upkeep.whileDown(() => {
    removeTemporalState(world.state);
  });
  let told = '';
  for (let tries = 0; tries < TRIES; tries++) {
    if (await world.upkeep.untilServes(SERVING_MS)) {
      const { code, output } = await world.fabrica('recover');
      if (code === 0) return { outcome: 'injected', target: "Temporal's database" };
      told = output;
    }
    await sleep(1000);
  }
  throw new Error(`fabrica recover does not succeed: ${told}`);
};
