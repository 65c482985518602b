import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DefinitionInput } from '../../domain/definition.js';
import { independentAudit } from './independent-audit.js';
import { Operator } from './operator.js';
import { processesOf, signal } from './processes.js';
import { definitionOf, productionName } from './grid-under-test.js';
import { World } from './world.js';

export interface RecoveryMeasurement {
  /** From the SIGKILL of the site's process until the end of a job is recorded that ended after it, ms, a round each. */
  readonly recoveries: readonly number[];
  /** Jobs that ran at each kill. */
  readonly running: readonly number[];
  /** Attempts after the first of a job: each would be a job that was submitted again. */
  readonly resubmitted: number;
  readonly problems: readonly string[];
}

const SITE = 'KMI';
const RUNNING = 200;
/** A job sleeps so long, s: three of 200 end in a second. */
const SHORTEST = 30;
const LONGEST = 90;
/** From a kill to the next, ms, at least: a process that ends soon after its start is started again after a longer pause each time. */
const PAUSE_MS = 70_000;
/** What a round takes, s; from it follows how many jobs there must be. */
const ROUND_SECONDS = 85;
const SERVING_MS = 120_000;
const LONGEST_WAIT_MS = 180_000;
const LONGEST_END_MS = 900_000;

/** Kills the process of a site at which 200 jobs run, again and again, and measures when it goes on. Takes some 80 s a round. */
export async function measureRecovery(
  rounds: number,
  tell: (line: string) => void,
  stopSignal: AbortSignal,
): Promise<RecoveryMeasurement> {
  const world = new World({ grid: 'local', sites: [SITE], slots: RUNNING });
  const stop = (): void => void world.killAll();
  stopSignal.addEventListener('abort', stop);
  try {
    world.upkeep.start();
    if (!(await world.upkeep.untilServes(SERVING_MS)))
      throw new Error('`fabrica up` does not serve');
    const jobs = Math.ceil((rounds * ROUND_SECONDS * RUNNING) / ((SHORTEST + LONGEST) / 2));
    const file = path.join(world.folder, 'recovery.yaml');
    writeFileSync(file, JSON.stringify(sleepers(jobs)));
    const operator = new Operator(world, world.folder);
    await operator.submit(file);

    const recoveries: number[] = [];
    const running: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      stopSignal.throwIfAborted();
      running.push(await untilRunning(world));
      const recovery = await killAndWait(world);
      recoveries.push(recovery);
      tell(
        `round ${round}: ${running.at(-1)} jobs ran; recovered after ${(recovery / 1000).toFixed(1)} s`,
      );
      await sleep(Math.max(0, PAUSE_MS - recovery), undefined, { signal: stopSignal });
    }
    for (const end = Date.now() + LONGEST_END_MS; !(await operator.lookAfter(1, true));) {
      stopSignal.throwIfAborted();
      if (Date.now() > end) throw new Error('the production does not end');
      await sleep(1000);
    }
    await world.upkeep.stop();
    const { problems } = await independentAudit(world.catalogFile, productionName(1), {
      events: jobs,
      content: 'jsonl',
    });
    return { recoveries, running, resubmitted: world.catalog.repeatedAttempts() ?? -1, problems };
  } finally {
    stopSignal.removeEventListener('abort', stop);
    world.killAll();
    world.remove(false);
  }
}

async function untilRunning(world: World): Promise<number> {
  let running = 0;
  for (const end = Date.now() + LONGEST_WAIT_MS; Date.now() < end; await sleep(200)) {
    running = processesOf('wrapper', world.state).length;
    if (running >= 0.97 * RUNNING) return running;
  }
  throw new Error(`only ${running} jobs run at the same time, or no more are left`);
}

async function killAndWait(world: World): Promise<number> {
  const [site] = processesOf('site', world.state);
  if (site === undefined || !signal(site, 'SIGKILL')) throw new Error('no site process runs');
  const killed = Date.now();
  while (Date.now() - killed < LONGEST_WAIT_MS) {
    // The jobs' own times are whole seconds: a job that ended in the second of the kill does not count.
    if ((world.catalog.endedSince(killed) ?? 0) > 0) return Date.now() - killed;
    await sleep(50);
  }
  throw new Error(`no end of a job is recorded ${LONGEST_WAIT_MS / 1000} s after the kill`);
}

/** Jobs of one event that sleep and do next to nothing. */
function sleepers(jobs: number): DefinitionInput {
  const spread = LONGEST - SHORTEST + 1;
  const work = `sleep $((${SHORTEST} + $1 * 7 % ${spread}))
    printf '{"event": %s, "seed": %s}\\n' "$2" "$3" >"$4"
    echo '{"events": 1}' >fabrica-report.json`;
  const merge = `out=$1; shift; cat "$@" >"$out"; echo "{\\"events\\": $#}" >fabrica-report.json`;
  return {
    ...definitionOf('local', 1),
    events: jobs,
    fabrication: {
      command: ['sh', '-c', work, 'sh', '{job}', '{firstEvent}', '{seed}', '{output}'],
      outputs: [{ file: 'out.jsonl' }],
      eventsPerJob: 1,
    },
    scouts: { jobs: 0 },
    merge: { command: ['sh', '-c', merge, 'sh', '{output}', '{inputs}'], targetEvents: 200 },
  };
}
