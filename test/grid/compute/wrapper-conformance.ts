import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { wrapperAccess } from '../../../grid/compute/wrapper-access.js';
import {
  parseWrapperReport,
  wrapperScript,
  type WrapperReport,
  type WrapperSpec,
} from '../../../grid/compute/wrapper.js';
import type { StorageElement } from '../../../grid/storage/storage-element.js';
import { expectedOf, listed, put } from '../storage/conformance.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

/** Two storages that jobs on this machine reach, and one of the same kind that does not answer. */
export interface ReachedStorages {
  readonly near: StorageElement;
  readonly far: StorageElement;
  readonly dead: StorageElement;
}

/** What a job wrapper must do with storages of every kind that it reaches. */
export function wrapperConformance(storages: () => ReachedStorages): void {
  beforeAll(() => {
    reached = storages;
  });

  it('brings inputs in, and takes outputs to the first storage that takes them', async () => {
    const { dead, far, near } = storages();
    const content = Buffer.alloc(3_000_000, 'events');
    await put(near, '/mc/in.root', content);
    const job = jobOf({
      stageIn: [
        {
          ...{ name: 'in.root', ...expectedOf(content) },
          urls: [far.url('/mc/none.root'), dead.url('/mc/in.root'), near.url('/mc/in.root')],
        },
      ],
      outputs: [outputOf(dead, near, far)],
      command: sh('cp in.root out.root'),
    });
    const report = await run(job);
    expect(report).toMatchObject({
      outcome: 'done',
      outputs: [{ size: content.length, url: near.url('/mc/out.root') }],
    });
    expect(await near.stat('/mc/out.root', { checksum: true })).toMatchObject(expectedOf(content));
    expect(await listed(far, '/')).toEqual([]);
  });

  it('tells what it can not bring in, and what is not what it should be', async () => {
    const { dead, near } = storages();
    await put(near, '/mc/in.root', 'content');
    const bring = (expected: { size: number; adler32: string }, ...urls: string[]) =>
      run(jobOf({ stageIn: [{ name: 'in.root', ...expected, urls }] }));
    const missing = await bring(expectedOf('content'), near.url('/mc/none.root'), dead.url('/a'));
    expect(missing).toMatchObject({ outcome: 'failed', step: 'stage-in' });
    expect(missing.reason).toMatch(/^input-missing: in\.root: ./);
    const corrupt = await bring(expectedOf('contenT'), near.url('/mc/in.root'));
    expect(corrupt.reason).toMatch(/^input-corrupt: in\.root: .*has not the adler32/);
    const short = await bring(expectedOf('content and more'), near.url('/mc/in.root'));
    expect(short.reason).toMatch(/^input-corrupt: in\.root: .*has 7 bytes instead of 16/);
  });

  it('overwrites nothing, and fails when no storage takes its output', async () => {
    const { dead, near } = storages();
    await put(near, '/mc/out.root', 'another');
    const report = await run(jobOf({ outputs: [outputOf(near, dead)] }));
    expect(report).toMatchObject({ outcome: 'failed', step: 'stage-out', outputs: [] });
    expect(await near.stat('/mc/out.root', { checksum: true })).toMatchObject(
      expectedOf('another'),
    );
    expect(await listed(near, '/')).toHaveLength(1);
  });

  it('runs an attempt once: its twin finds it claimed, its own repetition does not', async () => {
    const { dead, near } = storages();
    const claims = [dead, near].map((storage) => ({
      storage: storage.name,
      url: storage.url('/claims/1.1'),
    }));
    const job = jobOf({ claims, outputs: [outputOf(near)] });
    expect(await run(job)).toMatchObject({ outcome: 'done' });
    expect(await run(jobOf({ claims, outputs: [outputOf(near)] }))).toMatchObject({
      outcome: 'killed',
      step: 'claim',
    });
    await near.remove('/mc/out.root');
    expect(await run(job)).toMatchObject({ outcome: 'done' });
  });

  it('leaves nothing on a storage when it is killed or fails after its stage-out', async () => {
    const { dead, near } = storages();
    const second = { ...outputOf(dead), file: 'other.root', level: 'udst' };
    const job = jobOf({
      outputs: [outputOf(near), second],
      command: sh('echo 1 >out.root; echo 2 >other.root'),
    });
    expect(await run(job)).toMatchObject({ outcome: 'failed', step: 'stage-out' });
    expect(await listed(near, '/')).toEqual([]);
    const slow = jobOf({ outputs: [outputOf(near)], command: sh('echo 1 >out.root; sleep 60') });
    const running = run(slow, (child) => {
      setTimeout(() => child.kill('SIGTERM'), 500);
    });
    expect(await running).toMatchObject({ outcome: 'killed' });
    expect(await listed(near, '/')).toEqual([]);
  });

  it('goes elsewhere when this node lacks what the storage needs', async () => {
    const { far, near } = storages();
    const folder = temporaryFolder();
    // Only what a wrapper counts on.
    const bare = path.join(folder, 'bin');
    mkdirSync(bare);
    for (const tool of BARE) spawnSync('sh', ['-c', `ln -s "$(command -v ${tool})" ${bare}/`]);
    const job = jobOf({
      outputs: [
        {
          ...outputOf(near, far),
          destinations: [
            ...outputOf(near, far).destinations,
            { storage: 'HERE', url: `file:${folder}//out.root` },
          ],
        },
      ],
    });
    const report = await run(job, () => undefined, bare);
    expect(report).toMatchObject({ outcome: 'done' });
    if (near.kind === 'directory') return;
    expect(report.outputs).toMatchObject([{ url: `file:${folder}//out.root` }]);
  });
}

/** Those of the suite that runs. */
let reached: () => ReachedStorages;

/** POSIX and coreutils. */
const BARE = 'sh env dd mv rm mkdir sleep timeout date wc du kill uname cat chmod cp touch'.split(
  ' ',
);

const sh = (script: string): string[] => ['sh', '-c', script];

const outputOf = (...to: StorageElement[]): WrapperSpec['outputs'][number] => ({
  level: 'mdst',
  file: 'out.root',
  destinations: to.map((storage) => ({ storage: storage.name, url: storage.url('/mc/out.root') })),
});

interface FolderedJob {
  readonly folder: string;
  readonly spec: WrapperSpec;
}

function jobOf(change: Partial<WrapperSpec>): FolderedJob {
  const folder = temporaryFolder();
  const spec: WrapperSpec = {
    ...{ name: 'e1.p.1.1', command: sh('echo result >out.root'), environment: '', validation: [] },
    ...{ stageIn: [], outputs: [], claims: [], variables: {} },
    ...{ wallSeconds: 60, memoryMB: 500, diskMB: 100 },
    ...change,
  };
  return { folder, spec };
}

async function run(
  { folder, spec }: FolderedJob,
  meanwhile: (child: ReturnType<typeof spawn>) => void = () => undefined,
  PATH = process.env['PATH'] ?? '',
): Promise<WrapperReport> {
  const access = await wrapperAccess(spec, Object.values(reached()));
  writeFileSync(path.join(folder, 'wrapper.sh'), wrapperScript(spec, access));
  const env = { ...process.env, PATH };
  const child = spawn('/bin/sh', ['wrapper.sh'], { cwd: folder, stdio: 'ignore', env });
  const ended = new Promise((resolve) => child.once('close', resolve));
  meanwhile(child);
  await ended;
  return parseWrapperReport(readFileSync(path.join(folder, 'report'), 'utf8'));
}
