import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { startSystem, type TestSystem } from '../system/running-system.js';
import { simulatedGrid } from './grid.js';
import { keepHistories, writeHistories, type History } from './histories.js';
import { STORIES, type Story } from './stories.js';

/** `npm run record-histories`: runs each story on a system of its own, and writes the histories of its workflows. */

/** Histories of a workflow type that are kept of a story, the longest ones. */
const OF_A_TYPE = 3;
/** What a story has started must end within, s. */
const PATIENCE = 120;

const program = new Command('record-histories')
  .description('record the histories that test/replay/replay.test.ts replays')
  .argument('[story...]', `stories (default: all of ${STORIES.map(({ name }) => name).join(' ')})`)
  .option('--keep <version>', 'record nothing: keep the present histories as those of a release')
  .action(async (names: readonly string[], { keep }: { keep?: string }) => {
    if (keep !== undefined) {
      console.log(`kept of ${keep}: ${keepHistories(keep).join(' ')}`);
      return;
    }
    const unknown = names.find((name) => !STORIES.some((story) => story.name === name));
    if (unknown !== undefined) program.error(`there is no story ${unknown}`);
    const stories = STORIES.filter(({ name }) => names.length === 0 || names.includes(name));
    for (const story of stories) await record(story);
  });

await program.parseAsync();

async function record(story: Story): Promise<void> {
  const began = performance.now();
  const grid = story.grid ?? ((standard) => simulatedGrid(standard));
  let system = await startSystem(grid);
  const { folder } = system;
  try {
    system = await story.happens(system, async (meanwhile) => {
      await system.stop();
      await meanwhile(folder);
      system = await startSystem(grid, { folder });
      return system;
    });
    const histories = await historiesOf(system);
    const absent = story.types.filter((type) => !histories.some((one) => one.type === type));
    if (absent.length > 0) throw new Error(`no ${absent.join(', ')} ran in ${story.name}`);
    const shown = histories.filter(({ type }) => story.types.some((one) => one === type));
    writeHistories(story.name, shown);
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.log(`${story.name}: ${shown.length} histories, ${seconds} s`);
  } finally {
    await system.stop().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The histories of everything that has run, when all of it has ended: the longest few of each type. */
async function historiesOf({ client }: TestSystem): Promise<{ type: string; history: History }[]> {
  for (let waited = 0; (await runningNow(client)) > 0; waited++) {
    if (waited === PATIENCE) throw new Error(`workflows still run after ${PATIENCE} s`);
    await sleep(1000);
  }
  const found: { type: string; events: number; history: History }[] = [];
  for await (const { runId, type, workflowId } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    found.push({ type, events: history.events?.length ?? 0, history });
  }
  found.sort((a, b) => b.events - a.events);
  const kept = new Map<string, number>();
  return found.filter(({ type }) => {
    const number = (kept.get(type) ?? 0) + 1;
    kept.set(type, number);
    return number <= OF_A_TYPE;
  });
}

async function runningNow(client: TestSystem['client']): Promise<number> {
  return (await client.workflow.count(`ExecutionStatus = 'Running'`)).count;
}
