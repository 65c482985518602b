import { describe, expect, it } from 'vitest';
import { commandOfSignal } from '../../workflows/signal-command.js';

describe('a signal', () => {
  it.each([
    [undefined, 'temporal', ''],
    [null, 'temporal', ''],
    ['', 'temporal', ''],
    ['the storage is full', 'temporal', 'the storage is full'],
    [{ reason: 'full', by: 'me' }, 'me', 'full'],
    [{ reason: 'full' }, 'temporal', 'full'],
    [{ why: 'full', who: 'me@host' }, 'me@host', 'full'],
    [{ why: '', who: 'me@host' }, 'me@host', ''],
  ])('with %j is understood', (input, who, why) => {
    for (const kind of ['pause', 'resume', 'cancel', 'release', 'waive', 'clean'] as const) {
      expect(commandOfSignal(kind, input)).toEqual({ kind, who, why });
    }
  });

  it.each([
    5,
    true,
    ['full'],
    {},
    { by: 'me' },
    { reasn: 'full' },
    { reason: 5 },
    { reason: null },
  ])('with %j is malformed, and its text is kept', (input) => {
    expect(commandOfSignal('pause', input)).toEqual({
      kind: 'malformed',
      who: 'temporal',
      why: `pause: its input must be a text or {"reason": "...", "by": "..."}, not ${JSON.stringify(input)}`,
    });
  });

  it('with what is no JSON is malformed', () => {
    expect(commandOfSignal('pause', { malformed: 'Unexpected end' })).toEqual({
      kind: 'malformed',
      who: 'temporal',
      why: 'pause: Unexpected end',
    });
  });

  it('keeps what a log can hold of a long reason, and no control characters of an odd input', () => {
    expect(commandOfSignal('pause', 'x'.repeat(10_000)).why).toHaveLength(500);
    expect(commandOfSignal('pause', ['x'.repeat(10_000)]).why.length).toBeLessThan(600);
    expect(commandOfSignal('pause', ['\u009b31m']).why).toContain('"\\u009b31m"');
  });
});

describe('reprioritize', () => {
  it.each([
    [9, { value: 9, who: 'temporal', why: '' }],
    ['9', { value: '9', who: 'temporal', why: '' }],
    [{ value: 9 }, { value: 9, who: 'temporal', why: '' }],
    [
      { value: 9, who: 'me', why: 'now' },
      { value: 9, who: 'me', why: 'now' },
    ],
    [
      { value: 9, by: 'me', reason: 'now' },
      { value: 9, who: 'me', why: 'now' },
    ],
    [{ value: [1] }, { value: [1], who: 'temporal', why: '' }],
    [undefined, { who: 'temporal', why: '' }],
    [null, { who: 'temporal', why: '' }],
    [{}, { value: undefined, who: 'temporal', why: '' }],
  ])('with %j hands on what was given as priority', (input, command) => {
    expect(commandOfSignal('reprioritize', input)).toEqual({ kind: 'reprioritize', ...command });
  });

  it('with fields that are not known is malformed', () => {
    expect(commandOfSignal('reprioritize', { priority: 9 })).toMatchObject({ kind: 'malformed' });
  });
});

describe('a part of the jobs', () => {
  it.each([
    ['release', { jobs: '3,5-9' }, { jobs: '3,5-9' }],
    ['waive', { class: 'memory', site: 'KMI' }, { class: 'memory', site: 'KMI' }],
    ['kill', { jobs: 3, by: 'me', reason: 'late' }, { jobs: 3 }],
    ['reprocess', { files: ['/a'], since: 5 }, { files: ['/a'], since: 5 }],
    [
      'reprocess',
      { lost: [{ storage: 'A', path: '/a' }] },
      { lost: [{ storage: 'A', path: '/a' }] },
    ],
  ] as const)('of %s with %j is handed on as it was given', (kind, input, select) => {
    const said =
      'by' in input ? { who: input.by, why: input.reason } : { who: 'temporal', why: '' };
    expect(commandOfSignal(kind, input)).toEqual({ kind, select, ...said });
  });

  it.each([
    ['pause', { jobs: '3', reason: '' }],
    ['release', { files: ['/a'] }],
    ['reprocess', { class: 'memory' }],
    ['kill', { jobs: '3', reason: 5 }],
    ['kill', ['3']],
  ] as const)('of %s with %j is malformed', (kind, input) => {
    expect(commandOfSignal(kind, input)).toMatchObject({ kind: 'malformed' });
  });
});
