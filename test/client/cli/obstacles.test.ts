import { describe, expect, it } from 'vitest';
import type { ProductionView } from '../../../catalog/views/production-view.js';
import type { Resource, StorageResource } from '../../../catalog/views/resource-list.js';
import { nothingRuns, obstaclesOf } from '../../../client/cli/pages/obstacles.js';
import { productionPage } from '../../../client/cli/pages/production-page.js';
import { waitsFor } from '../../../client/cli/pages/waits-for.js';
import { parseDefinition } from '../../../domain/parse.js';
import type { ProductionProgress } from '../../../domain/progress.js';
import { look } from './look.js';
import { DEFINITION, viewOf } from './production-view.js';

const definition = parseDefinition({
  ...DEFINITION,
  distribution: { copies: 1, areas: ['asia'] },
});

const view = (progress: Partial<ProductionProgress>, more: Partial<ProductionView> = {}) =>
  viewOf({ jobs: { Waiting: 40 }, ...progress }, { definition, ...more });

const open = (name: string): Resource => ({
  ...{ name, state: 'Active', by: '', reason: '', untilAt: null },
});
const banned = (name: string): Resource => ({
  ...{ name, state: 'Banned', by: 'ann@kek', reason: 'CVMFS', untilAt: null },
});
const final = (resource: Resource, free: number | null): StorageResource => ({
  ...{ ...resource, area: 'asia', purpose: 'final', free },
});
const roomy = [final(open('DISK'), 1e12)];

describe('what keeps jobs from being placed', () => {
  it('is nothing while one site is open', () => {
    const sites = [banned('KMI'), open('UVic')];
    expect(obstaclesOf(view({}), { sites, storages: roomy })).toEqual([]);
  });

  it('is that every site is banned: who, why, and what to do', () => {
    const [found, ...more] = obstaclesOf(view({}), {
      sites: [banned('KMI'), { ...banned('UVic'), reason: '', untilAt: 0 }],
      storages: roomy,
    });
    expect(more).toEqual([]);
    expect(found?.kind).toBe('sites');
    expect(found?.text).toMatch(
      /^every site it may use is banned: KMI \(by ann@kek: CVMFS\), UVic \(by ann@kek until \d{4}-.*\)$/,
    );
    expect(found?.remedy).toContain('fabrica site unban');
  });

  it('counts the sites of the definition only', () => {
    const sites = [banned('KMI'), open('UVic')];
    const only = view({}, { definition: { ...definition, sites: ['KMI'] } });
    expect(obstaclesOf(only, { sites, storages: roomy })).toMatchObject([
      { kind: 'sites', remedy: '`fabrica site unban KMI` lets its jobs go there again.' },
    ]);
  });

  it('is no obstacle to a production that has ended, is paused, or has no job waiting', () => {
    const all = { sites: [banned('KMI')], storages: [final(banned('DISK'), 0)] };
    for (const state of ['Completed', 'Stopped', 'Rejected'] as const) {
      expect(obstaclesOf(view({ state }), all)).toEqual([]);
    }
    expect(obstaclesOf(view({ jobs: { Running: 3, Done: 37 } }), all)).toEqual([]);
  });

  it('is that no final storage of the wanted areas has room', () => {
    const storages: StorageResource[] = [
      final(banned('KEK-DISK'), 1e12),
      final(open('KMI-DISK'), 2e6),
      { ...final(open('PNNL-DISK'), 1e12), area: 'america' },
      { ...final(open('KMI-TMP'), 1e12), purpose: 'temporary' },
    ];
    const estimate = { bytesPerEvent: 1e6, eventsPerJob: 10, jobsPerMerge: 1 };
    expect(obstaclesOf(view({}, { estimate }), { sites: [open('KMI')], storages })).toMatchObject([
      {
        kind: 'storages',
        text: 'no final storage in asia has room for a file of 10 MB: KEK-DISK (by ann@kek: CVMFS), KMI-DISK (2 MB free)',
        remedy: expect.stringContaining('fabrica.yaml') as string,
      },
    ]);
    // Jobs whose outputs are merged first leave them elsewhere; their merges do not.
    const merging = view({}, { estimate, merges: true });
    expect(obstaclesOf(merging, { sites: [open('KMI')], storages })).toEqual([]);
    const mergesWait = { ...merging, progress: { ...merging.progress, merges: { Waiting: 1 } } };
    expect(obstaclesOf(mergesWait, { sites: [open('KMI')], storages })).toMatchObject([
      { kind: 'storages' },
    ]);
  });
});

describe('temporary storages', () => {
  const sites = [open('KMI')];
  const temporary = (resource: Resource, free: number | null): StorageResource => ({
    ...{ ...resource, area: 'asia', purpose: 'temporary', free },
  });
  const home = { block: 0, state: 'Fabricating', reason: '', homeStorage: 'KMI-TMP' } as const;
  const counts = {
    jobs: {},
    merges: {},
    made: 0,
    waived: 0,
    merged: 0,
    files: 0,
    bytes: 0,
    failures: {},
  };
  const merging = view({}, { merges: true, blocks: [{ ...home, jobs: 40, events: 400, counts }] });

  it('that are full are an obstacle where outputs are merged', () => {
    const storages = [temporary(open('KMI-TMP'), 0), temporary(banned('UVic-TMP'), 1e12)];
    expect(obstaclesOf(merging, { sites, storages: [...storages, ...roomy] })).toMatchObject([
      {
        kind: 'storages',
        text: 'no temporary storage has room for an output: KMI-TMP (0 B free), UVic-TMP (by ann@kek: CVMFS)',
      },
    ]);
  });

  it('that are banned still take the outputs of their own blocks', () => {
    const storages = [temporary(banned('KMI-TMP'), 1e12)];
    expect(obstaclesOf(merging, { sites, storages: [...storages, ...roomy] })).toEqual([]);
  });
});

describe('what a production waits for', () => {
  const sites = obstaclesOf(view({}), { sites: [banned('KMI')], storages: roomy });

  it('tells the ban instead of room and back-off', () => {
    for (const nextPlacementAt of [null, 60_000]) {
      expect(waitsFor(view({}, { nextPlacementAt }), 0, sites)).toBe(
        '40 jobs wait. Every site it may use is banned: KMI (by ann@kek: CVMFS). `fabrica site unban KMI` lets its jobs go there again.',
      );
    }
  });

  it('tells jobs that are at sites from those that wait', () => {
    const busy = view({ jobs: { Waiting: 1, Running: 1 } }, { openBySite: { KMI: 1 } });
    expect(waitsFor(busy, 0, sites)).toContain('For 1 job (1 at KMI); 1 more waits. Every site');
    expect(waitsFor(busy, 0)).toBe('For 1 job (1 at KMI); 1 more waits for room.');
  });

  it('begins with that nothing runs', () => {
    const stopped = [nothingRuns('no `fabrica up` runs on the state directory /s')];
    expect(waitsFor(view({}), 0, stopped)).toBe(
      'Nothing runs: no `fabrica up` runs on the state directory /s. Start `fabrica up` (or `fabrica worker control`); it goes on where it was. 40 jobs wait.',
    );
    expect(waitsFor(view({ state: 'Stopped' }), 0, stopped)).toMatch(/^Nothing runs.*resume mumu/);
    const asked = { storage: 'KMI-DISK', untakenSince: null, failure: '' };
    expect(waitsFor(view({ state: 'Completing' }), 0, [], [asked])).toBe(
      'It waits for the audit. The audit waits for KMI-DISK.',
    );
    const others = [
      { ...asked, untakenSince: 60_000 },
      { ...asked, storage: 'PNNL-DISK', failure: 'it is gone\u001b[2J' },
    ];
    expect(waitsFor(view({ state: 'Completing' }), 0, [], others)).toBe(
      'It waits for the audit. The audit waits for KMI-DISK (no process has taken it on since 1970-01-01 00:01:00Z), PNNL-DISK (it is gone\\u001b[2J). `fabrica doctor` tells which processes are missing.',
    );
  });

  it('names what helps where all that is left is parked', () => {
    expect(waitsFor(view({ jobs: { Done: 39, Parked: 1 } }), 0)).toMatch(
      /^1 job is parked: .*failures mumu.*release mumu.*waive mumu/,
    );
  });
});

describe('the page of a production', () => {
  const estimate = {
    ...{ samples: 1, censored: 0, margin: 3.3, wallPerEvent: 0.1, cpuPerEvent: null },
    ...{ bytesPerEvent: 0.1, memoryMB: null, eventsPerJob: 10, jobSeconds: 1 },
    ...{ wallLimit: 120, memoryLimit: 256, jobsPerMerge: 1_004_016, blockJobs: 10_000 },
  };

  it('promises no more jobs than there are', () => {
    const page = productionPage(view({}, { estimate, merges: true }), '', look);
    expect(page).toMatch(/^a merge +up to 40 jobs$/m);
    expect(page).toMatch(/^a block +up to 40 jobs$/m);
    expect(page).toMatch(/^estimate +from 1 scout$/m);
  });

  it('keeps a figure that is below what there is', () => {
    const small = { ...estimate, jobsPerMerge: 5, blockJobs: 20 };
    const page = productionPage(view({}, { estimate: small, merges: true }), '', look);
    expect(page).toMatch(/^a merge +up to 5 jobs$/m);
    expect(page).toMatch(/^a block +up to 20 jobs$/m);
  });

  it('has no empty phrases and the right plurals', () => {
    const nothing = { asked: 400, wanted: 0, made: 0, merged: 0, distributed: 0, waived: 400 };
    const one = { ...estimate, samples: 0, eventsPerJob: 400, jobSeconds: null };
    const page = productionPage(
      view({ events: nothing, jobs: { Waived: 1 } }, { estimate: one }),
      '',
      look,
    );
    expect(page).not.toMatch(/of 0|0 scouts|\b1 (jobs|events|scouts)/);
    expect(page).toMatch(/^estimate +from the definition alone, without scouts$/m);
    expect(page).toMatch(/^a block +up to 1 job$/m);
  });
});
