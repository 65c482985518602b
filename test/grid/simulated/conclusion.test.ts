import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobRecipe, StageIn } from '../../../domain/bundle.js';
import { claimPath } from '../../../domain/lfn.js';
import { concludeJobs, outputPath, type JobAtEnd } from '../../../grid/simulated/conclusion.js';
import type { Ending } from '../../../grid/simulated/ending.js';
import { SimulatedStorage, type SimulatedStorageOptions } from '../../../grid/simulated/storage.js';
import { storagesOf } from './storages-of.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-simulated-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const storage = (name: string, change: Partial<SimulatedStorageOptions> = {}): SimulatedStorage =>
  new SimulatedStorage({
    ...{ name, folder, capacity: 1e12, readOnly: false, slowness: 0, lies: 0 },
    ...{ outages: [], speed: 1, clock: { now: () => 0 }, ...change },
  });

const output = (level: string): JobRecipe['outputs'][number] => ({
  level,
  file: `${level}.root`,
  naming: { directory: `/mc/${level}/sub{sub}`, file: '{index}.{task}.root' },
});

const RECIPE: JobRecipe = {
  ...{ command: ['true'], environment: '', payload: [], validation: [] },
  outputs: [output('mdst')],
  destinations: ['NEAR', 'FAR'],
  claims: '/.claims',
  ...{ wallSeconds: 100, memoryMB: 2000, diskMB: 2000 },
};

function job(number: number, change: Partial<JobRecipe> = {}, files: StageIn[] = []): JobAtEnd {
  const order = {
    job: number,
    attempt: 1,
    seed: number,
    firstEvent: 1,
    events: 1000,
    index: number,
  };
  const bundle = {
    ...{ epoch: 'e1', production: 'mc', site: 'KMI' },
    recipe: { ...RECIPE, ...change },
  };
  return {
    name: `e1.mc.${number}.1`,
    task: { bundle, job: order, files, overlay: [] },
    fate: {
      ...{
        failure: null,
        queueSeconds: 1,
        wallSeconds: 10,
        cpuSeconds: 9,
        memoryMB: 1000,
        until: 0,
      },
    },
  };
}

const file = { size: 5, adler32: '12345678' };
const stageIn = (name: string, ...replicas: StageIn['replicas']): StageIn => ({
  ...{ name, ...file, replicas },
});

const conclude = (jobs: readonly JobAtEnd[], ...storages: SimulatedStorage[]): Promise<Ending[]> =>
  concludeJobs(jobs, { storages: storagesOf(...storages), bytesPerEvent: 1000 });

const reasonOf = (ending: Ending | undefined): string =>
  ending?.how === 'failed' ? `${ending.failure}: ${ending.symptom.reason}` : (ending?.how ?? '');

describe('the ends of simulated jobs', () => {
  it('are claims and outputs at the first storage that takes them, however often they are repeated', async () => {
    const [near, far] = [storage('NEAR'), storage('FAR')];
    const jobs = [1, 2, 3].map((number) => job(number));
    const done = jobs.map(() => ({ how: 'done', storages: ['NEAR'] }));
    expect(await conclude(jobs, near, far)).toEqual(done);
    expect(await conclude(jobs, near, far)).toEqual(done);
    for (const { task } of jobs) {
      expect(await near.stat(outputPath(task, 0))).toMatchObject({ size: 1_000_000 });
      expect(await near.stat(claimPath('/.claims', task.job))).not.toBeNull();
      expect(await far.stat(outputPath(task, 0))).toBeNull();
    }
  });

  it('go to the next storage for those that the first has no room for', async () => {
    const [near, far] = [storage('NEAR', { capacity: 1_500_000 }), storage('FAR')];
    const endings = await conclude([job(1), job(2)], near, far);
    expect(endings).toEqual([
      { how: 'done', storages: ['NEAR'] },
      { how: 'done', storages: ['FAR'] },
    ]);
  });

  it('tell of a storage that takes nothing each by its own path, and leave nothing behind', async () => {
    const near = storage('NEAR', { capacity: 1_500_000 });
    const two = { outputs: [output('mdst'), output('udst')], destinations: ['NEAR'] };
    const jobs = [job(1, two)];
    const [ending] = await conclude(jobs, near);
    expect(reasonOf(ending)).toContain(
      'stage-out: udst.root: NEAR: Storage NEAR is full: /e1/mc/udst/',
    );
    expect(await near.stat(outputPath(jobs[0]!.task, 0))).toBeNull();
    const dead = storage('NEAR', { outages: [{ from: 0 }] });
    const refused = await conclude([job(2), job(3)], dead);
    expect(refused.map(reasonOf)).toEqual(
      Array(2).fill('stage-out: no storage takes the claim of this attempt'),
    );
  });

  it('are refusals where another has the claim', async () => {
    const near = storage('NEAR');
    const [first, second] = [job(1), job(2)];
    await near.claimAll([{ path: claimPath('/.claims', second.task.job), holder: 'a twin' }]);
    const endings = await conclude([first, second], near);
    expect(endings.map(reasonOf)).toEqual([
      'done',
      'stage-out: no storage takes the claim of this attempt',
    ]);
    expect(await near.stat(outputPath(second.task, 0))).toBeNull();
  });

  it('depend on inputs: one good replica is enough', async () => {
    const [near, far] = [storage('NEAR'), storage('FAR')];
    await far.makeAll([{ ...file, path: '/good' }]);
    await near.makeAll([{ path: '/good', size: 6, adler32: '12345678' }]);
    const at = (name: string, where: string) => ({ storage: name, path: where });
    const endings = await conclude(
      [
        job(1, {}, [stageIn('a', at('NEAR', '/good'), at('FAR', '/good'))]),
        job(2, {}, [stageIn('b', at('FAR', '/good')), stageIn('c', at('NEAR', '/good'))]),
        job(3, {}, [stageIn('d', at('NEAR', '/none'))]),
        job(4, {}, [stageIn('e', at('ELSEWHERE', '/good'))]),
        job(5, { payload: [stageIn('f', at('FAR', '/none'))] }),
      ],
      ...[near, far],
    );
    expect(endings.map(reasonOf)).toEqual([
      'done',
      'input-corrupt: input-corrupt: c: /good has 6 bytes, adler32 12345678',
      'input-missing: input-missing: d: /none is not there',
      'input-missing: input-missing: e: it has no replica',
      'input-missing: input-missing: f: /none is not there',
    ]);
  });
});
