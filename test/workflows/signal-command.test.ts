import { describe, expect, it } from 'vitest';
import { commandOfSignal, unknownSignal } from '../../workflows/signal-command.js';

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

  it.each([5, true, ['full'], {}, { by: 'me' }, { reason: 5 }, { reason: null }])(
    'with %j is malformed, and its text is kept',
    (input) => {
      expect(commandOfSignal('pause', input)).toEqual({
        kind: 'malformed',
        who: 'temporal',
        why: `pause: its input must be a text or {"reason": "...", "by": "..."}, not ${JSON.stringify(input)}`,
      });
    },
  );

  it.each([
    [
      'pause',
      { reasn: 'full' },
      '"reasn" is no field of it; did you mean reason? it takes reason, by, id',
    ],
    [
      'extend',
      { evnts: 100, by: 'me' },
      '"evnts" is no field of it; did you mean events? it takes events, total, reason, by, id',
    ],
    [
      'reprioritize',
      { priority: 9 },
      '"priority" is no field of it; it takes value, reason, by, id',
    ],
    [
      'kill',
      { jobs: '3', clas: 'memory' },
      '"clas" is no field of it; did you mean class? it takes jobs, class, site, reason, by, id',
    ],
    [
      'amend',
      { tolerance: 0.1, sites: ['KMI'], priority: 3, events: 5 },
      '"tolerance", "sites", "priority" is no field of it; it takes definition, set, reason, by, id',
    ],
  ] as const)(
    '%s with %j is told its wrong field, and those that there are',
    (kind, input, why) => {
      expect(commandOfSignal(kind, input)).toEqual({
        kind: 'malformed',
        who: 'temporal',
        why: `${kind}: ${why}`,
      });
    },
  );

  it('with wrong types is told the fields of its kind', () => {
    expect(commandOfSignal('extend', 1000).why).toBe(
      'extend: its input must be a text or {"events": ..., "total": ..., "reason": "...", "by": "..."}, not 1000',
    );
  });

  it('of a name that there is not is malformed, and told the names that there are', () => {
    const { kind, why } = unknownSignal('puase');
    expect(kind).toBe('malformed');
    expect(why).toBe(
      'no signal is named "puase"; did you mean pause? there are pause, resume, reprioritize, extend, finish, amend, comment, release, waive, kill, reprocess, rescout, cancel, clean',
    );
    expect(unknownSignal('x\u009b31m'.repeat(100)).why.length).toBeLessThan(300);
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
