import { describe, expect, it } from 'vitest';
import { dryRun, dryRunPage, type FilesLookedUp } from '../../../client/cli/pages/dry-run.js';
import { defaultConfiguration } from '../../../domain/default-configuration.js';
import type { DefinitionInput } from '../../../domain/definition.js';
import { parseDefinition } from '../../../domain/parse.js';
import { look } from './look.js';

const configuration = defaultConfiguration('/state');
const given = { guess: {}, files: [], warnings: [] };

const NOTHING_READ: FilesLookedUp = { sets: [], storages: [] };

const definition = (changes: Partial<DefinitionInput> = {}) =>
  parseDefinition(definitionInput(changes));

function definitionInput(changes: Partial<DefinitionInput> = {}): DefinitionInput {
  return {
    name: 'mumu',
    dataset: {
      ...{ campaign: 'MC16', release: 'r8', globalTag: 'DB1', experiment: 1003, eventType: 'mumu' },
    },
    events: 100_000,
    fabrication: {
      command: ['gen', '{seed}', '{output}'],
      outputs: [{ file: 'out.root' }],
      eventsPerJob: 100,
    },
    merge: { command: ['join', '{output}', '{inputs}'], targetEvents: 10_000 },
    ...changes,
  };
}

describe('a dry run', () => {
  it('plans every event once, by the rules of the production', () => {
    const run = dryRun(definition(), configuration, given);
    expect(run).toMatchObject({
      scoutJobs: 10,
      fabricationJobs: 990,
      eventsPerJob: 100,
      eventsPerJobFrom: 'definition',
      blocks: 3,
      // 1 for the scouts, 5 for each block of 500 jobs.
      mergeJobs: 11,
    });
    expect((run.scoutJobs + run.fabricationJobs) * run.eventsPerJob).toBe(100_000);
  });

  const page = (changes: Partial<DefinitionInput>, read = NOTHING_READ): string =>
    dryRunPage(dryRun(definition(changes), configuration, { ...given, read }), look);
  const fabrication = { ...definition().fabrication, eventsPerJob: 1000 };

  it('of fewer events than a job may have has one job of them, or none beside its scouts', () => {
    const one = { events: 40, fabrication, scouts: { jobs: 0 } };
    expect(page(one)).toMatch(/fabrication +1 job of 40 events \(as the definition says\)/);
    expect(page({ ...one, events: 1 })).toMatch(/fabrication +1 job of 1 event \(/);
    const scouted = page({ events: 40, fabrication });
    expect(scouted).toMatch(/scouts +1 job\n/);
    expect(scouted).toMatch(/fabrication +none: the scouts make all events/);
    expect(scouted).not.toMatch(/\b0 jobs/);
  });

  it('of one input file has no job beside that of its scout', () => {
    const { events, ...rest } = definitionInput();
    expect(events).toBe(100_000);
    const skim = parseDefinition({
      ...rest,
      input: { files: ['/mc/a'] },
      fabrication: { ...rest.fabrication, eventsPerJob: 'auto' },
    });
    const totals = { files: 1, events: 20, size: 2000, mostEvents: 20, mostSize: 2000, empty: 0 };
    const read = { sets: [{ role: 'input' as const, totals }], storages: [] };
    const run = dryRun(skim, configuration, { ...given, read });
    expect(run).toMatchObject({ scoutJobs: 1, fabricationJobs: 0, fabricationEvents: 0 });
    expect(dryRunPage(run, look)).toMatch(/fabrication +none: the scouts make all events/);
  });

  it('does not guess what only scouts can tell', () => {
    const merge = { command: ['join', '{output}', '{inputs}'] };
    const run = dryRun(definition({ merge }), configuration, given);
    expect(run.mergeJobs).toBeNull();
    expect(run.storage.final).toBeNull();
    expect(run.cpu.expected).toBeNull();
    expect(run.cpu.most).toBe(1000 * 86_400 * 20);
  });

  it('computes storage and CPU from what it is told', () => {
    const guess = { secondsPerEvent: 3, bytesPerEvent: 12_000 };
    const distribution = { copies: 2 };
    const run = dryRun(definition({ distribution }), configuration, { ...given, guess });
    expect(run.cpu.expected).toBe(100_000 * 3 * 20);
    expect(run.storage).toEqual({ temporary: 1.2e9, final: 2.4e9 });
  });

  it('shows how files will be named', () => {
    expect(dryRun(definition(), configuration, given).lfns).toEqual([
      '/belle/MC/fab/r8/DB1/MC16/prod00000001/s00/e1003/4S/r00000/mumu/mdst/sub00/mdst_000001_prod00000001_task00000001001.root',
      '/belle/MC/r8/DB1/MC16/prod00000001/s00/e1003/4S/r00000/mumu/mdst/sub00/mdst_000001_prod00000001_task00000001001.root',
    ]);
  });

  it('of ten million jobs takes a moment', () => {
    const big = definition({ events: 1_000_000_000 });
    const begun = performance.now();
    expect(dryRun(big, configuration, given).fabricationJobs).toBe(9_999_990);
    expect(performance.now() - begun).toBeLessThan(3000);
  });
});
