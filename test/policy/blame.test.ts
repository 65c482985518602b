import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLAME_OF, FAILURE_CLASSES, type FailureClass } from '../../domain/failure-class.js';
import { blameFor, DOUBTFUL, type SiteTally } from '../../policy/blame.js';

const tally = (site: string, done: number, failed: number): SiteTally => ({
  site,
  done,
  failures: { 'payload-error': failed },
});

const judged = (failure: FailureClass, siteRule = false) => ({ class: failure, siteRule });

describe('blameFor', () => {
  it('blames the site where nothing passes what passes elsewhere', () => {
    expect(
      blameFor(judged('payload-error'), 'KEK', [tally('KEK', 0, 3), tally('KIT', 3, 0)]),
    ).toEqual({
      blame: 'site',
      because: '3 of 3 attempts failed so at KEK, 0 of 3 elsewhere',
    });
  });

  it.each([
    ['it fails everywhere', [tally('KEK', 0, 10), tally('KIT', 2, 10)]],
    ['there are too few failures', [tally('KEK', 0, 2), tally('KIT', 30, 0)]],
    ['there are too few successes elsewhere', [tally('KEK', 0, 30), tally('KIT', 2, 0)]],
    ['the site is used alone', [tally('KEK', 10, 30)]],
    ['most pass here too', [tally('KEK', 50, 20), tally('KIT', 100, 0)]],
    ['nothing is known', []],
  ])('blames the payload if %s', (_, tallies) => {
    expect(blameFor(judged('payload-crash'), 'KEK', tallies)).toEqual({
      blame: 'payload',
      because: '',
    });
  });

  it('does not compare what a rule for this site alone has judged', () => {
    const tallies = [tally('KEK', 0, 30), tally('KIT', 30, 0)];
    expect(blameFor(judged('payload-error', true), 'KEK', tallies).blame).toBe('payload');
  });

  it('leaves classes alone that tell it themselves', () => {
    const tallies = [tally('KEK', 0, 30), tally('KIT', 30, 0)];
    for (const one of FAILURE_CLASSES) {
      if (!DOUBTFUL.includes(one))
        expect(blameFor(judged(one), 'KEK', tallies).blame).toBe(BLAME_OF[one]);
    }
  });

  it('never blames a site that does no worse than the others', () => {
    const some = fc.array(fc.tuple(fc.nat(100), fc.nat(100)), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(some, (counts) => {
        const tallies = counts.map(([done, failed], i) => tally(`S${i}`, done, failed));
        const rate = ({ done, failures }: SiteTally) => {
          const failed = failures['payload-error'] ?? 0;
          return failed / Math.max(1, done + failed);
        };
        const [here, ...others] = tallies;
        if (here === undefined || others.some((other) => rate(other) < rate(here))) return;
        expect(blameFor(judged('payload-error'), here.site, tallies).blame).toBe('payload');
      }),
    );
  });
});
