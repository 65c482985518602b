import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRange } from '../../policy/splitting.js';

describe('splitRange', () => {
  it('halves a range', () => {
    expect(splitRange({ firstEvent: 101, events: 5 })).toEqual([
      { firstEvent: 101, events: 2 },
      { firstEvent: 103, events: 3 },
    ]);
  });

  it('covers the range exactly, in order, in parts of almost the same size, none empty', () => {
    const range = fc.record({
      firstEvent: fc.integer({ min: 1, max: 1e9 }),
      events: fc.integer({ min: 1, max: 1e9 }),
    });
    fc.assert(
      fc.property(range, fc.integer({ min: 1, max: 50 }), (whole, parts) => {
        const pieces = splitRange(whole, parts);
        expect(pieces.length).toBe(Math.min(parts, whole.events));
        let next = whole.firstEvent;
        for (const piece of pieces) {
          expect(piece.firstEvent).toBe(next);
          expect(piece.events).toBeGreaterThan(0);
          next += piece.events;
        }
        expect(next).toBe(whole.firstEvent + whole.events);
        const sizes = pieces.map((piece) => piece.events);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
