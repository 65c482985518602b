import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FailureClass } from '../../domain/failure-class.js';
import type { SiteTally } from '../../policy/blame.js';
import { judgeFailureRate, withoutEarlyRefusals, type HoldingCase } from '../../policy/holding.js';

const judge = (tallies: readonly SiteTally[], more: Partial<HoldingCase> = {}) =>
  judgeFailureRate({
    tallies,
    usable: tallies.map(({ site }) => site),
    excluded: [],
    failureRate: 0.5,
    attempts: 50,
    classes: {},
    ...more,
  });
const tally = (site: string, done: number, failed: number, name: FailureClass = 'node') => ({
  site,
  done,
  failures: { [name]: failed },
});

describe('judgeFailureRate', () => {
  it('leaves one bad site out and holds nothing', () => {
    expect(judge([tally('KEK', 5, 495), tally('KIT', 90, 10)])).toEqual({
      exclude: [{ site: 'KEK', why: '495 of 500 attempts failed there' }],
      hold: null,
    });
  });

  it('holds a production that fails everywhere, and blames no site for it', () => {
    const { exclude, hold } = judge([tally('KEK', 10, 40), tally('KIT', 10, 40, 'payload-error')]);
    expect(exclude).toEqual([]);
    expect(hold).toBe('80 of the last 100 attempts failed: node 40, payload-error 40');
  });

  it('holds one that runs at a single bad site: nobody else does better', () => {
    expect(judge([tally('KEK', 0, 50)])).toEqual({
      exclude: [],
      hold: '50 of the last 50 attempts failed: node 50',
    });
  });

  it('waits until enough has ended', () => {
    expect(judge([tally('KEK', 0, 49)])).toEqual({ exclude: [], hold: null });
    expect(judge([tally('KEK', 0, 49), tally('KIT', 100, 0)]).exclude).toEqual([]);
  });

  it('leaves a black hole out before anything has ended elsewhere', () => {
    expect(judge([tally('KEK', 0, 500)], { usable: ['KEK', 'KIT'] })).toEqual({
      exclude: [{ site: 'KEK', why: '500 of 500 attempts failed there' }],
      hold: null,
    });
  });

  it('holds once three sites are bad and none is good', () => {
    const bad = [tally('KEK', 0, 60), tally('KIT', 0, 60)];
    const usable = ['KEK', 'KIT', 'DESY', 'BNL'];
    expect(judge(bad, { usable, excluded: ['KEK'] }).exclude).toMatchObject([{ site: 'KIT' }]);
    const third = judge([...bad, tally('DESY', 0, 60)], { usable, excluded: ['KEK', 'KIT'] });
    expect(third.exclude).toEqual([]);
    expect(third.hold).toContain('180 of the last 180 attempts failed');
  });

  it('does not judge a site again that is left out', () => {
    const tallies = [tally('KEK', 0, 5000), tally('KIT', 90, 10)];
    expect(judge(tallies, { excluded: ['KEK'] })).toEqual({ exclude: [], hold: null });
  });

  it('watches a class by itself where the definition asks for it', () => {
    const tallies = [tally('KEK', 80, 20, 'memory')];
    expect(judge(tallies, { classes: { memory: 0.3 } }).hold).toBeNull();
    expect(judge(tallies, { classes: { memory: 0.1 } }).hold).toBe(
      '20 of the last 100 attempts failed with memory, the limit is 10 %',
    );
  });

  it('counts neither what people ended nor faults of Fabrica', () => {
    expect(judge([tally('KEK', 10, 5000, 'killed'), tally('KIT', 10, 5000, 'control')])).toEqual({
      exclude: [],
      hold: null,
    });
  });

  it('never leaves all sites out', () => {
    const sites = fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sites, (counts) => {
        const tallies = counts.map(([done, failed], i) => tally(`S${i}`, done, failed));
        expect(judge(tallies).exclude.length).toBeLessThan(tallies.length);
        expect(judge(tallies, { usable: ['S0'] }).exclude.length).toBeLessThan(tallies.length);
      }),
    );
  });
});

describe('submissions that are refused', () => {
  const refusals = { site: 'KEK', done: 10, failures: { submission: 60, node: 2 } };

  it('are told before anything has ended, and do not count while most were taken', () => {
    expect(withoutEarlyRefusals(refusals, 1000, 0.5)).toEqual({
      ...refusals,
      failures: { node: 2 },
    });
  });

  it('count when most of what was submitted was refused', () => {
    expect(withoutEarlyRefusals(refusals, 40, 0.5)).toEqual(refusals);
    expect(withoutEarlyRefusals(refusals, 0, 0.5)).toEqual(refusals);
  });
});
