import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readDefinition } from '../../client/definition-file.js';
import { parseDefinition } from '../../domain/parse.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

const FOLDER = path.resolve('examples/skim');
const { definition, warnings } = readDefinition(path.join(FOLDER, 'production.yaml'));

function node(cwd: string, script: string, ...words: string[]): string {
  return execFileSync('node', [path.resolve('examples', script), ...words], {
    cwd,
    encoding: 'utf8',
  });
}

describe('the skim of the quickstart', () => {
  it('is accepted without a warning, reads the quickstart, and its files are there', () => {
    expect(warnings).toEqual([]);
    const source = readDefinition(path.resolve('examples/quickstart/production.yaml'));
    expect(definition.input?.dataset?.production).toBe(source.definition.name);
    expect(definition.overlay?.dataset?.production).toBe(source.definition.name);
    for (const file of [...definition.fabrication.payload, ...(definition.merge?.payload ?? [])]) {
      expect(existsSync(path.join(FOLDER, typeof file === 'string' ? file : file.name))).toBe(true);
    }
  });

  it('keeps the events of the barrel, and tells how many it has read and written', () => {
    const place = temporaryFolder();
    node(place, 'quickstart/generate.mjs', '7', '1', '2000', 'input0001.jsonl');
    node(place, 'quickstart/generate.mjs', '8', '1', '100', 'overlay0001.jsonl');
    const words = ['--overlay', 'overlay0001.jsonl', '--inputs', 'input0001.jsonl'];
    node(place, 'skim/select.mjs', 'barrel.jsonl', ...words);
    const text = readFileSync(path.join(place, 'barrel.jsonl'), 'utf8');
    const kept = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { 'mu-': number[]; 'mu+': number[]; hits: number });
    for (const { hits, 'mu+': plus, 'mu-': minus } of kept) {
      for (const [, x = 0, y = 0, z = 0] of [plus, minus]) {
        expect(Math.abs(z) / Math.hypot(x, y, z)).toBeLessThan(0.8);
      }
      expect(hits).toBeGreaterThan(0);
    }
    // Of 1 + cos^2 theta, (0.8 + 0.8^3 / 3) / (4 / 3) lies below 0.8: 0.728, with an error of 0.01.
    expect(kept.length / 2000).toBeCloseTo(0.728, 1);
    const report = JSON.parse(
      readFileSync(path.join(place, 'fabrica-report.json'), 'utf8'),
    ) as unknown;
    expect(report).toEqual({ events: 2000, written: { udst: kept.length } });
    node(place, 'skim/select.mjs', 'again.jsonl', ...words);
    expect(readFileSync(path.join(place, 'again.jsonl'), 'utf8')).toBe(text);
  });
});

it('the simulated skim reads the simulated example', () => {
  const read = (file: string) =>
    parseDefinition(parse(readFileSync(path.resolve('examples/simulated', file), 'utf8')));
  expect(read('skim.yaml').input?.dataset?.production).toBe(read('production.yaml').name);
});
