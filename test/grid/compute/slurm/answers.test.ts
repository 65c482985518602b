import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  activeTasks,
  endsOfSacct,
  endsOfSqueue,
  expressionOf,
  indexesOf,
} from '../../../../grid/compute/slurm/answers.js';
import { symptomOf } from '../../../../grid/compute/slurm/symptom.js';

describe('an answer of squeue', () => {
  it('tells of each task of each array, also where those that wait are one line', () => {
    const tasks = activeTasks(
      [
        'fabrica-a|12|3-5,8%2|PENDING',
        'fabrica-a|12|1|RUNNING',
        'fabrica-a|12|2|COMPLETING',
        'fabrica-b|13|0|CONFIGURING',
        'somebody|14|N/A|RUNNING',
        '',
      ].join('\n'),
    );
    const told = [...tasks].map(([name, array]) => [
      name,
      [...array].map(([index, groups]) => [index, groups.map(({ state }) => state).join()]),
    ]);
    expect(told).toEqual([
      [
        'fabrica-a',
        [
          [3, 'queued'],
          [4, 'queued'],
          [5, 'queued'],
          [8, 'queued'],
          [1, 'running'],
          [2, 'ending'],
        ],
      ],
      ['fabrica-b', [[0, 'queued']]],
    ]);
  });

  it('tells of a task twice that was submitted twice', () => {
    const tasks = activeTasks('fabrica-a|12|0-3|PENDING\nfabrica-a|15|0|RUNNING\n');
    expect(tasks.get('fabrica-a')?.get(0)).toEqual([
      { id: '12', state: 'queued' },
      { id: '15', state: 'running' },
    ]);
  });

  it('tells how tasks have ended, by exit code or signal, and which have not', () => {
    const ends = endsOfSqueue(
      [
        'fabrica-a|12|0|FAILED|19456|NonZeroExitCode|node1|1764500000|',
        'fabrica-a|12|1|FAILED|9|JobLaunchFailure|node1|1764500001|',
        'fabrica-a|12|2|COMPLETING|0|None|node1|N/A|',
        'another|12|3|FAILED|0|None|node1|1764500001|',
      ].join('\n'),
      'fabrica-a',
    );
    expect(ends.get(0)).toEqual({
      ...{ state: 'FAILED', exitCode: 76, signal: 0, reason: 'NonZeroExitCode', node: 'node1' },
      endedAt: 1_764_500_000_000,
    });
    expect(ends.get(1)).toMatchObject({ exitCode: 0, signal: 9 });
    expect(ends.get(2)).toBe('active');
    // An id that was given again to another array tells nothing of this one.
    expect(ends.has(3)).toBe(false);
  });
});

describe('an answer of sacct', () => {
  it('tells how tasks have ended', () => {
    const ends = endsOfSacct(
      [
        'fabrica-a|12_0|CANCELLED by 1001|0:15|1764500000|node1',
        'fabrica-a|12_1|OUT_OF_MEMORY|0:125|Unknown|node2',
        'fabrica-a|12_2|RUNNING|0:0|Unknown|node2',
        'fabrica-a|12_[3-7]|PENDING|0:0|Unknown|None assigned',
      ].join('\n'),
      'fabrica-a',
    );
    expect(ends.get(0)).toMatchObject({ state: 'CANCELLED', reason: 'by 1001', signal: 15 });
    expect(ends.get(1)).toMatchObject({ state: 'OUT_OF_MEMORY', endedAt: null });
    expect(ends.get(2)).toBe('active');
    expect([...ends.keys()]).toEqual([0, 1, 2]);
  });
});

it('an expression of indexes is read as it is written, and is the shortest', () => {
  expect(expressionOf([5, 3, 4, 9, 0])).toBe('0,3-5,9');
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 200 })), (indexes) => {
      const sorted = [...indexes].sort((a, b) => a - b);
      const read = indexes.length === 0 ? [] : [...indexesOf(expressionOf(indexes))];
      expect(read).toEqual(sorted);
    }),
  );
});

describe('what Slurm says of an end without a report', () => {
  const end = {
    state: 'FAILED',
    exitCode: 0,
    signal: 0,
    reason: 'None',
    node: 'n1',
    endedAt: null,
  };

  it.each([
    ['TIMEOUT', 'wall-limit'],
    ['DEADLINE', 'wall-limit'],
    ['OUT_OF_MEMORY', 'memory-limit'],
    ['NODE_FAIL', 'killed'],
    ['BOOT_FAIL', 'killed'],
    ['PREEMPTED', 'killed'],
    ['CANCELLED', 'killed'],
    ['COMPLETED', 'vanished'],
    ['FAILED', 'vanished'],
  ] as const)('%s is a failure in step %s, with its words', (state, step) => {
    const symptom = symptomOf({ ...end, state });
    expect(symptom).toMatchObject({ step, exitCode: null });
    expect(symptom.reason).toContain(`Slurm says ${state} (node n1)`);
  });

  it('tells signals as a shell does, and a folder that the node does not see', () => {
    expect(symptomOf({ ...end, signal: 9 })).toMatchObject({ step: 'vanished', exitCode: 137 });
    expect(symptomOf({ ...end, exitCode: 76 })).toMatchObject({ step: 'wrapper', exitCode: 76 });
    expect(symptomOf({ ...end, exitCode: 3, node: '' }).reason).toBe(
      'the job ended without a report: Slurm says FAILED (exit code 3)',
    );
  });
});
