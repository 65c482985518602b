import { rmSync } from 'node:fs';
import path from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtFile } from '../../worker/built-files.js';
import * as workflows from '../../workflows/index.js';
import { changedBuild, COMPATIBLE, INCOMPATIBLE, type Change } from './changed-build.js';
import { recordedHistories, type RecordedHistory } from './histories.js';
import { STORIES } from './stories.js';

/** Bytes of all histories in the repository. */
const MOST_BYTES = 3_000_000;

const RECORD = 'run `npm run record-histories`';

const recorded = recordedHistories();
const byRun = new Map(recorded.map((one) => [one.runId, one]));

const folders: string[] = [];
beforeAll(() => {
  // What the SDK says about each history that does not replay is in the result as well.
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'OFF' } },
  });
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Replays histories with a bundle of workflows; what is wrong with each of those that do not go with it, by its name. */
async function replay(
  codePath: string,
  histories: readonly RecordedHistory[] = recorded,
): Promise<Map<string, Error>> {
  const results = Worker.runReplayHistories(
    {
      workflowBundle: { codePath },
      dataConverter: { payloadConverterPath: builtFile('workflows/payload-converter.js') },
    },
    histories.map(({ history, workflowId }) => ({ workflowId, history })),
  );
  const failed = new Map<string, Error>();
  for await (const { error, runId, workflowId } of results) {
    if (error !== undefined) failed.set(byRun.get(runId)?.name ?? workflowId, error);
  }
  return failed;
}

async function replayWith(changes: readonly Change[]): Promise<Map<string, Error>> {
  const { folder } = await changedBuild(changes);
  folders.push(folder);
  return replay(path.join(folder, 'dist/workflows/bundle.js'));
}

describe('recorded histories', () => {
  it.each(STORIES.map(({ name, types }) => [name, types] as const))(
    'of %s are there for each of its workflow types',
    (story, types) => {
      const present = new Set(
        recorded.filter((one) => one.story === story).map(({ type }) => type),
      );
      const lacking = types.filter((type) => !present.has(type));
      expect(lacking, `${story} lacks these: ${RECORD} -- ${story}`).toEqual([]);
    },
  );

  it('show each workflow type in some story', () => {
    const shown = new Set<string>(STORIES.flatMap(({ types }) => types));
    const unshown = Object.keys(workflows).filter((type) => !shown.has(type));
    expect(unshown, 'add a story to test/replay/stories.ts').toEqual([]);
  });

  it('belong to a story, each to one run', () => {
    const names = new Set(STORIES.map(({ name }) => name));
    const stray = recorded.filter(({ story }) => !names.has(story.replace(/@.*/, '')));
    expect(stray.map(({ name }) => name)).toEqual([]);
    expect(recorded.filter(({ runId }) => runId === '')).toEqual([]);
  });

  it('are small', () => {
    const bytes = recorded.reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });
});

describe('every recorded history', () => {
  it("goes with today's workflows", async () => {
    const failed = await replay(builtFile('workflows/bundle.js'));
    const told = [...failed].map(([name, { message }]) => `${name}: ${message.slice(0, 600)}`);
    expect(told, `see "Changing a workflow" in CONTRIBUTING.md`).toEqual([]);
  }, 60_000);

  it('goes with workflows that were changed behind `patched`', async () => {
    expect([...(await replayWith(COMPATIBLE)).keys()]).toEqual([]);
  }, 60_000);

  it('of a changed workflow is refused when the change is made without `patched`', async () => {
    const failed = await replayWith(INCOMPATIBLE);
    const changed = recorded.filter(({ type }) => type === 'production' || type === 'block');
    expect([...failed.keys()].sort()).toEqual(changed.map(({ name }) => name).sort());
    for (const error of failed.values()) expect(error).toBeInstanceOf(DeterminismViolationError);
  }, 60_000);
});
