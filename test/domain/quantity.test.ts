import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../domain/quantity.js';

describe('parseDuration', () => {
  it.each([
    ['90s', 90],
    ['30m', 1800],
    ['30 min', 1800],
    ['2h30m', 9000],
    ['1d12h', 129_600],
    [' 1.5 h ', 5400],
  ])('reads %j as %d s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each(['', '5', 'h', '-5m', '5 weeks', '1e3s', '5m!', '5.m', 'Infinity s', '1h\u0000'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  it('answers at once for long nonsense', () => {
    const start = performance.now();
    expect(parseDuration(`${'1m '.repeat(100_000)}!`)).toBeNull();
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('parseSize', () => {
  it.each([
    ['500 MB', 5e8],
    ['1.2GB', 1.2e9],
    ['3B', 3],
    ['1 kB', 1000],
    ['2 TB', 2e12],
  ])('reads %j as %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '5', 'GB', '-1 GB', '1 GiB', '1 gb', '1e3 B', '1 GB/s'])('refuses %j', (text) => {
    expect(parseSize(text)).toBeNull();
  });
});

describe('formatSize and formatDuration', () => {
  it('show three digits and a decimal prefix', () => {
    expect(formatSize(0)).toBe('0 B');
    expect(formatSize(999)).toBe('999 B');
    expect(formatSize(1_234_567)).toBe('1.23 MB');
    expect(formatSize(999_999)).toBe('1 MB');
  });

  it('show two units at most', () => {
    expect(formatDuration(12.34)).toBe('12.3 s');
    expect(formatDuration(59.99)).toBe('1m 00s');
    expect(formatDuration(245)).toBe('4m 05s');
    expect(formatDuration(3600)).toBe('1h 00m');
    expect(formatDuration(180_000)).toBe('2d 2h');
  });

  it('sizes can be read again, within three digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e15 }), (bytes) => {
        const again = parseSize(formatSize(bytes));
        expect(again).not.toBeNull();
        expect(Math.abs((again ?? 0) - bytes) / bytes).toBeLessThanOrEqual(0.006);
      }),
    );
  });
});
