import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SeparateWorkers } from '../../system/separate-workers.js';
import { fabrica } from './fabrica.js';

let folder: string;
let system: SeparateWorkers;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-alone-'));
  system = await SeparateWorkers.start(folder);
}, 60_000);

afterEach(async () => {
  await system.end();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

it('control and site workers alone run a production on a server that somebody else has started', async () => {
  await system.worker(['control']);
  await system.worker(['site', 'KMI', 'PNNL', 'UVic']);
  const definition = path.resolve('examples/quickstart/production.yaml');
  const ended = await fabrica([...system.options, 'submit', definition, '--wait'], { cwd: folder });
  expect(ended.out).toContain('Completed: 12000 of 12000 events');
  expect(ended.code).toBe(0);
}, 120_000);
