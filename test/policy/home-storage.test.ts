import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseHome, type HomeCandidate } from '../../policy/home-storage.js';

const candidate = (name: string, more: Partial<HomeCandidate> = {}): HomeCandidate => ({
  name,
  purpose: 'temporary',
  usable: true,
  nearSlots: 10,
  blocks: 0,
  ...more,
});

describe('chooseHome', () => {
  it('prefers a storage near many slots', () => {
    expect(chooseHome([candidate('A'), candidate('B', { nearSlots: 100 })])).toBe('B');
  });

  it('prefers the one that is the home of fewer blocks', () => {
    expect(chooseHome([candidate('A', { blocks: 3 }), candidate('B')])).toBe('B');
  });

  it('takes a final storage only if no temporary one is usable', () => {
    const final = candidate('FINAL', { purpose: 'final', nearSlots: 1000 });
    expect(chooseHome([final, candidate('TMP', { nearSlots: 0 })])).toBe('TMP');
    expect(chooseHome([final, candidate('TMP', { usable: false })])).toBe('FINAL');
  });

  it('finds none where none is usable', () => {
    expect(chooseHome([candidate('A', { usable: false })])).toBeNull();
    expect(chooseHome([])).toBeNull();
  });

  it('gives the same answer in whatever order the storages come, and a usable one', () => {
    const candidates = fc
      .array(
        fc.record({
          purpose: fc.constantFrom('temporary' as const, 'final' as const),
          usable: fc.boolean(),
          nearSlots: fc.nat(100),
          blocks: fc.nat(5),
        }),
        { maxLength: 8 },
      )
      .map((list) => list.map((one, i) => ({ name: `SE${i}`, ...one })));
    fc.assert(
      fc.property(candidates, (list) => {
        const home = chooseHome(list);
        expect(chooseHome([...list].reverse())).toBe(home);
        const usable = list.filter((one) => one.usable).map((one) => one.name);
        if (home === null) expect(usable).toEqual([]);
        else expect(usable).toContain(home);
      }),
    );
  });
});
