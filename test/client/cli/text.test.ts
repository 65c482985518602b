import { describe, expect, it } from 'vitest';
import { bar, stageLine } from '../../../client/cli/pages/bar.js';
import { jsonText } from '../../../client/cli/json.js';
import { counted, countsText, percent, safe, safeLines } from '../../../client/cli/text.js';
import { styleFor } from '../../../client/cli/style.js';
import { facts, table } from '../../../client/cli/table.js';
import { look, style } from './look.js';

const ESCAPE = '\u001b[2J\u0007';

describe('text from outside', () => {
  it('is shown, never acted on', () => {
    expect(safe(`a${ESCAPE}b\nc`)).toBe('a\\u001b[2J\\u0007b\\nc');
    expect(safe('left\u202eright')).toBe('left\\u202eright');
  });

  it('of several lines keeps its lines and nothing else', () => {
    expect(safeLines(`one\r\ntwo\t${ESCAPE}`)).toBe('one\ntwo    \\u001b[2J\\u0007');
  });

  it('is safe in tables and facts as well', () => {
    expect(look.table(['reason'], [[ESCAPE]])).not.toContain('\u001b');
    expect(facts([['reason', ESCAPE]], { style })).not.toContain('\u001b');
  });
});

describe('numbers', () => {
  it('are grouped, and words follow them', () => {
    expect(counted(1, 'job')).toBe('1 job');
    expect(counted(1_234_567, 'job')).toBe('1,234,567 jobs');
    expect(countsText({ Done: 40, Running: 0, Parked: 3 })).toBe('40 Done, 3 Parked');
  });

  it('of a share are 100 % only when all is done', () => {
    expect(percent(999_999, 1_000_000)).toBe('99 %');
    expect(percent(5, 5)).toBe('100 %');
    expect(percent(0, 0)).toBe('0 %');
  });

  it('make a bar that is full only when all is done', () => {
    expect(bar(999, 1000, 10)).toBe('█████████░');
    expect(bar(1000, 1000, 10)).toBe('██████████');
    expect(bar(5, 0, 4)).toBe('░░░░');
    expect(stageLine('merged', 500, 2000, 4)).toBe(
      'merged       █░░░  25 %    500 of 2,000 events',
    );
  });
});

describe('a table', () => {
  it('has numbers on the right and dashes for what is not known', () => {
    const text = look.table(
      ['site', 'jobs'],
      [
        ['KMI', 7],
        ['PNNL', 1200],
        [null, null],
      ],
    );
    expect(text.split('\n')).toEqual(['site   jobs', 'KMI       7', 'PNNL  1,200', '-         -']);
  });

  it('cuts its last column on a terminal', () => {
    const output = { write: () => undefined, isTTY: true, columns: 40 };
    const text = table(['name', 'reason'], [['mumu', 'x'.repeat(100)]], { style, output });
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(text).toContain('…');
  });
});

describe('colours', () => {
  it('are for terminals only, and never against NO_COLOR', () => {
    expect(styleFor({ isTTY: true }, {}).bad('x')).toBe('\u001b[31mx\u001b[39m');
    expect(styleFor({ isTTY: false }, {}).bad('x')).toBe('x');
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' }).bad('x')).toBe('x');
    expect(styleFor({ isTTY: true }, { TERM: 'dumb' }).bad('x')).toBe('x');
  });
});

describe('a JSON answer', () => {
  it('has times in ISO 8601 and other numbers as they are', () => {
    const text = jsonText({ at: 0, createdAt: 1000, endedAt: null, attempts: 3, what: 'at' });
    expect(JSON.parse(text)).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      createdAt: '1970-01-01T00:00:01.000Z',
      endedAt: null,
      attempts: 3,
      what: 'at',
    });
  });
});
