import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfiguration, parseDefinition } from '../../domain/parse.js';

const folder = path.resolve('examples/simulated');
const read = (file: string): unknown =>
  parse(readFileSync(path.join(folder, file), 'utf8')) as unknown;

describe('the simulated example', () => {
  const { sites, storages } = parseConfiguration(read('fabrica.yaml'));

  it('has 60 sites and 35 storages, all simulated', () => {
    expect(sites).toHaveLength(60);
    expect(storages).toHaveLength(35);
    expect(sites.filter((site) => site.compute.kind !== 'simulated')).toEqual([]);
    expect(storages.filter((storage) => storage.kind !== 'simulated')).toEqual([]);
  });

  it('has final storages in the areas of its definition', () => {
    const { distribution, events, fabrication } = parseDefinition(read('production.yaml'));
    for (const area of distribution.areas) {
      expect(storages.some((one) => one.purpose === 'final' && one.area === area)).toBe(true);
    }
    expect((events ?? 0) / Number(fabrication.eventsPerJob)).toBe(10_000);
  });
});
