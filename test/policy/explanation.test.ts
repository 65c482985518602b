import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMAND_KINDS } from '../../domain/command.js';
import type { ExplainedCounts, ExplainedSite } from '../../domain/explanation.js';
import { PRODUCTION_STATES } from '../../domain/states/production.js';
import { commandAllowed } from '../../policy/command-rules.js';
import { becauseOf, type ExplanationCase } from '../../policy/explanation.js';

const site = (name: string, more: Partial<ExplainedSite> = {}): ExplainedSite => ({
  site: name,
  state: 'Active',
  slots: 10,
  open: 0,
  mine: 0,
  part: null,
  room: 0,
  obstruction: null,
  why: '',
  near: false,
  failing: 0,
  speed: 10,
  ...more,
});

const full = (name: string): ExplainedSite =>
  site(name, { obstruction: 'full', why: 'full: 12 jobs run or queue for 10 slots' });

const counts: ExplainedCounts = {
  ...{ waiting: 100, merges: 0, placeable: 100, inBackoff: 0, atSites: 0, parked: 0 },
  unplannedEvents: 0,
};

const told = (more: Partial<ExplanationCase> = {}): string[] =>
  becauseOf({
    name: 'mumu',
    state: 'Active',
    reason: '',
    by: '',
    heldForSites: false,
    resumeState: null,
    finish: null,
    unrecovered: '',
    counts,
    backoffSeconds: null,
    companySeconds: null,
    lost: { remade: 0, remadeLater: 0, gone: 0 },
    ready: 100,
    mergesNext: false,
    throttled: '',
    next: [],
    sites: [full('KMI'), full('PNNL')],
    share: null,
    ...more,
  });

describe('why so little of a production runs', () => {
  it('is first that nothing may run before a recovery', () => {
    expect(told({ unrecovered: 'the catalog was restored' })[0]).toBe(
      'Nothing runs since a restore: the catalog was restored. Run `fabrica recover`.',
    );
  });

  it('is who has paused it and why', () => {
    const stopped = {
      ...({ state: 'Stopped', resumeState: 'Active' } as const),
      by: 'ann@host',
      reason: 'the storage is full',
    } as const;
    expect(told({ ...stopped, counts: { ...counts, atSites: 1, parked: 2 } })).toEqual([
      'It is paused by ann@host: the storage is full. `fabrica resume mumu` goes on.',
      '1 job that runs or waits at a site goes on.',
      '2 jobs are parked: `fabrica failures mumu` tells why; `fabrica resume mumu` first, then `fabrica release mumu` tries again.',
    ]);
  });

  it('is that it is being finished, whatever else keeps it', () => {
    const sentence = 'It is being finished: no more jobs that make events start.';
    const finish = 'draining' as const;
    for (const state of ['Active', 'Stopped', 'Held'] as const) {
      expect(told({ state, finish }), state).toContain(sentence);
      expect(told({ state }), state).not.toContain(sentence);
    }
    const idle = { ...counts, waiting: 0, placeable: 0 };
    expect(told({ finish, counts: { ...idle, atSites: 3 } })[0]).toBe(sentence);
    expect(told({ finish, state: 'Held', heldForSites: true })).toContain(sentence);
  });

  it('is which command opens a site to one that no site takes', () => {
    const banned = (name: string) =>
      site(name, { state: 'Banned', obstruction: 'banned', why: 'Banned by ann: disk' });
    const held = { state: 'Held', heldForSites: true } as const;
    const one = told({ ...held, sites: [banned('KMI')] });
    expect(one).toContain('`fabrica site unban KMI` lets its jobs go to a site that is banned.');
    expect(one.join()).not.toContain('fabrica release');
    const left = site('PNNL', { obstruction: 'left-out', why: '9 of 10 attempts failed there' });
    expect(told({ ...held, sites: [banned('KMI'), banned('UVic'), left] }).join()).toMatch(
      /`fabrica site unban NAME` .*`fabrica release mumu` tries those again/,
    );
    expect(told({ ...held, sites: [left] }).join()).not.toContain('unban');
  });

  it('advises nothing that would be refused, in any state', () => {
    const jobs = { ...counts, parked: 2 };
    fc.assert(
      fc.property(
        fc.constantFrom(...PRODUCTION_STATES),
        fc.option(fc.constantFrom(...PRODUCTION_STATES)),
        fc.constantFrom(null, 'draining' as const, 'closed' as const),
        fc.boolean(),
        (state, resumeState, finish, heldForSites) => {
          const production = { name: 'mumu', state, resumeState, finish };
          const text = told({ ...production, heldForSites, counts: jobs }).join('\n');
          const first = commandAllowed('resume', production).allowed === 'yes';
          const then = { ...production, state: resumeState ?? state, resumeState: null };
          for (const [, command] of text.matchAll(/`fabrica (\w+) mumu/g)) {
            const kind = COMMAND_KINDS.find((one) => one === command);
            if (kind === undefined) continue;
            const later = first && text.includes('first, then') && kind === 'release';
            expect(commandAllowed(kind, later ? then : production).allowed, text).toBe('yes');
          }
        },
      ),
    );
  });

  it('is not what goes on: jobs that are at sites already, and where', () => {
    const sites = [site('KMI', { mine: 3, room: null }), site('PNNL', { mine: 9, room: null })];
    expect(told({ state: 'Stopped', counts: { ...counts, atSites: 12 }, sites })).toContain(
      '12 jobs that run or wait at sites go on (9 at PNNL, 3 at KMI).',
    );
  });

  it('is what it is held for, and who must do something', () => {
    const held = { state: 'Held', reason: '30 of the last 40 attempts failed' } as const;
    expect(told(held)[0]).toContain('30 of the last 40 attempts failed. `fabrica release mumu`');
    expect(told({ ...held, heldForSites: true })[0]).toContain('goes on by itself when one does');
  });

  it('is the verdict of the scouts that is not there yet', () => {
    expect(told({ state: 'Scouting' })[0]).toContain('It scouts');
  });

  it('is the back-off of all its jobs, or of some', () => {
    const all = { ...counts, placeable: 0, inBackoff: 100 };
    expect(told({ counts: all, backoffSeconds: 40 })[0]).toBe(
      'Every waiting job (100) is in the back-off after a failure; the first may go in 40 s.',
    );
    const some = { ...counts, placeable: 60, inBackoff: 40 };
    expect(told({ counts: some, backoffSeconds: 90 })[0]).toBe(
      '40 of 100 waiting jobs are in the back-off after a failure; the first may go in 1m 30s.',
    );
  });

  it('is company that failed jobs wait for', () => {
    expect(told({ companySeconds: 7 })[0]).toContain('7 s more at most');
  });

  it('is not that jobs avoid sites with room, while they wait for company', () => {
    const sites = [site('KMI', { room: 3 }), full('PNNL')];
    expect(told({ sites: [site('KMI', { room: 3 })] })[0]).toContain('avoid them');
    expect(told({ sites, ready: 0, companySeconds: 7 })).toEqual([
      'Jobs that have failed wait for others to go with, 7 s more at most.',
    ]);
  });

  it('is input that is made again, which is no back-off', () => {
    const lost = { remade: 3, remadeLater: 2, gone: 0 };
    const late = { ...counts, waiting: 3, placeable: 1, inBackoff: 2 };
    const sites = [site('KMI', { room: 3 })];
    expect(told({ lost, sites, ready: 0, counts: late, backoffSeconds: 20 })).toEqual([
      '3 of the jobs that are next wait for input files that are being made again.',
    ]);
    expect(told({ lost: { ...lost, remade: 0, gone: 1 } })[0]).toMatch(
      /^1 of .* has lost an input/,
    );
  });

  it('is a limit of its own', () => {
    expect(told({ throttled: 'throttle.maxRunningJobs: 3 jobs are at sites' })[0]).toBe(
      'A limit of its own is reached: throttle.maxRunningJobs: 3 jobs are at sites.',
    );
    expect(told({ sites: [site('KMI', { obstruction: 'limit', why: 'throttle' })] })[0]).toBe(
      'Of 1 site that it may use none takes more of it now: 1 with room that its own limit leaves free.',
    );
  });

  it('is that its sites have no room, and why', () => {
    const sites = [
      full('KMI'),
      site('PNNL', {
        obstruction: 'share',
        why: 'its share is used: 4 of at most 4 jobs run or queue there',
      }),
      site('UVic', { obstruction: 'storage', why: 'no storage takes its outputs' }),
      site('DESY', { obstruction: 'unlisted', why: 'not in the definition' }),
    ];
    expect(told({ sites })[0]).toBe(
      'Of 3 sites that it may use none takes more of it now: 1 full, 1 where its share is used, 1 without a storage that takes its outputs.',
    );
  });

  it('is that no site takes its jobs, and whose ban it is', () => {
    const sites = [
      site('KMI', { obstruction: 'banned', why: 'Banned by ann: disk' }),
      site('PNNL', { obstruction: 'left-out', why: '9 of 10 attempts failed there' }),
    ];
    expect(told({ sites })).toEqual([
      'No site takes its jobs: KMI (Banned by ann: disk), PNNL (9 of 10 attempts failed there).',
      'Banned: KMI (Banned by ann: disk).',
      'Left out because too many of its jobs failed there: PNNL (9 of 10 attempts failed there).',
    ]);
  });

  it('is its share of the grid', () => {
    const others = [{ production: 'ee', group: 'mc', priority: 9, part: 90 }];
    const share = { part: 9.7, atSites: 10, productions: 3, others };
    expect(told({ share }).at(-1)).toBe(
      'It shares the grid with ee and 1 more: its part is 10 jobs, it has 10 at sites.',
    );
    expect(told({ share: { ...share, productions: 1, others: [] } }).join()).not.toContain('share');
  });

  it('is merges that come next, and what waits behind them', () => {
    const merges = (waiting: number, some: number) =>
      told({ mergesNext: true, counts: { ...counts, waiting, merges: some } })[0];
    expect(merges(300, 1)).toBe(
      '1 merge comes next, beside the shares, as soon as there is room; 299 jobs that make events wait besides.',
    );
    expect(merges(3, 2)).toContain('1 job that makes events waits besides');
    expect(merges(2, 2)).toBe('2 merges come next, beside the shares, as soon as there is room.');
    const next = [{ site: 'KMI', jobs: 2 }];
    expect(told({ mergesNext: true, next, counts: { ...counts, merges: 2 } })[0]).toMatch(
      /^2 merges come next, beside the shares; 98 jobs/,
    );
    expect(told({ counts: { ...counts, merges: 1 } }).join()).not.toContain('merge');
  });

  it('is nothing if jobs go with the next look', () => {
    const sites = [site('KMI', { room: 12, failing: 0.3 }), full('PNNL')];
    expect(told({ sites, next: [{ site: 'KMI', jobs: 12 }] })).toEqual([
      'With the next look go 12 jobs: 12 to KMI.',
      'Less goes to where its jobs fail of late: KMI (30 %).',
    ]);
  });

  it('is that nothing waits', () => {
    const nothing = { ...counts, waiting: 0, placeable: 0 };
    expect(told({ counts: { ...nothing, atSites: 7 } })[0]).toContain('7 jobs of it are at sites');
    expect(told({ counts: { ...nothing, atSites: 1 } })[0]).toContain('1 job of it is at sites');
    const more = { ...nothing, atSites: 82, unplannedEvents: 12_000 };
    expect(told({ counts: more })[0]).toBe(
      'No job waits: 82 jobs of it are at sites; 12,000 events are planned later, in further blocks.',
    );
    expect(told({ counts: more, state: 'Scouting' }).join()).not.toContain('planned');
    expect(told({ counts: nothing })[0]).toContain('verifies, merges or distributes');
    expect(told({ counts: { ...nothing, parked: 1 } })).toEqual([
      '1 job is parked: `fabrica failures mumu` tells why, `fabrica release mumu` tries again.',
    ]);
  });

  it.each(['Completed', 'Cancelled', 'Cleaned', 'Archived'] as const)('is its end: %s', (state) => {
    expect(told({ state })).toEqual([`It has ended, it is ${state}.`]);
  });

  it.each(['New', 'AwaitingApproval', 'Rejected', 'Completing', 'Cancelling', 'Cleaning'] as const)(
    'is its state: %s',
    (state) => {
      expect(told({ state })).toHaveLength(1);
    },
  );
});
