import { describe, expect, it } from 'vitest';
import { inTurns, inTurnsOfSites } from '../../workflows/turns.js';

const numbered = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('turns', () => {
  it('answer in the order of what was asked, a hundred at the same time', async () => {
    let asked = 0;
    let most = 0;
    const answers = await inTurns(numbered(250), async (one) => {
      most = Math.max(most, ++asked);
      await Promise.resolve();
      asked--;
      return 2 * one;
    });
    expect(answers).toEqual(numbered(250).map((one) => 2 * one));
    expect(most).toBe(100);
  });

  it('end where none of them says to go on', async () => {
    const answers = await inTurns(numbered(250), (one) => Promise.resolve(one), {
      goOn: (some) => some.includes(0),
    });
    expect(answers).toEqual(numbered(200));
  });
});

describe('turns of sites', () => {
  const handles = numbered(3000).map((bundle) => ({
    bundle,
    site: ['A', 'B', 'Silent'][bundle % 3] ?? '',
  }));

  it('go on at the others while one site is silent', async () => {
    const answered: number[] = [];
    let silence = (): void => undefined;
    const silent = new Promise<void>((resolve) => {
      silence = resolve;
    });
    const all = inTurnsOfSites(handles, async ({ bundle, site }) => {
      if (site === 'Silent') await silent;
      answered.push(bundle);
      return bundle;
    });
    await new Promise(setImmediate);
    expect(answered.length).toBe(2000);
    silence();
    expect(await all).toEqual(numbered(3000));
  });

  it('ask no more at the same time than Temporal takes', async () => {
    let asked = 0;
    let most = 0;
    const many = numbered(9000).map((bundle) => ({ bundle, site: `S${bundle % 300}` }));
    await inTurnsOfSites(many, async () => {
      most = Math.max(most, ++asked);
      await Promise.resolve();
      asked--;
    });
    expect(most).toBeLessThanOrEqual(1000);
    expect(most).toBeGreaterThan(500);
  });
});
