import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readUpRecord } from '../../worker/up-record.js';
import { independentAudit } from '../system/independent-audit.js';

/** The `sh` blocks of a Markdown file, in order. */
function shellBlocks(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
}

/** A folder that looks like the repository, but where `.fabrica` is its own. */
let folder: string;
let background: ChildProcess | undefined;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-readme-'));
  for (const name of ['node_modules', 'dist', 'examples']) {
    symlinkSync(path.resolve(name), path.join(folder, name));
  }
});

afterAll(async () => {
  if (background?.pid !== undefined) {
    // npx hands no signals on, and ends before what it has started: the whole group is told, and waited for.
    process.kill(-background.pid, 'SIGTERM');
    for (const end = Date.now() + 60_000; isThere(-background.pid); await sleep(50)) {
      if (Date.now() > end) throw new Error('fabrica up does not end');
    }
  }
  rmSync(folder, { recursive: true, force: true });
}, 70_000);

function isThere(group: number): boolean {
  try {
    return process.kill(group, 0);
  } catch {
    return false;
  }
}

async function run(script: string): Promise<string> {
  const child = spawn('sh', ['-e', '-c', script], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (output += text.toString()));
  }
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${script}ended with ${String(code)}:\n${output}`);
  return output;
}

async function startUp(script: string): Promise<void> {
  background = spawn('sh', ['-c', script], { cwd: folder, stdio: 'ignore', detached: true });
  const state = path.join(folder, '.fabrica');
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(200)) {
    const record = readUpRecord(state);
    if (record?.address !== undefined && record.address !== null && record.children.length >= 5) {
      await sleep(2_000);
      return;
    }
  }
  throw new Error('fabrica up did not become ready within 60 s');
}

test('the commands of the pythia8 README make 10,000 events, and the independent audit finds them', async () => {
  const blocks = shellBlocks('examples/pythia8/README.md');
  expect(blocks.some((block) => block.includes('submit'))).toBe(true);
  let output = '';
  for (const block of blocks) {
    if (block.includes('fabrica up')) await startUp(block);
    else output += await run(block);
  }
  expect(output).toContain('Completed');
  const catalog = path.join(folder, '.fabrica', 'catalog.db');
  await independentAudit(catalog, 'pythia8', '--expect-events', '10000');
}, 400_000);
