import { describe, expect, it } from 'vitest';
import type { DefinitionInput } from '../../domain/definition.js';
import { parseDefinition } from '../../domain/parse.js';
import { definitionConflict } from '../../policy/definition-conflict.js';
import { definition } from '../activities/control/control-room.js';

type Case = Parameters<typeof definitionConflict>[0];

function conflict(
  state: Case['state'],
  more: Partial<DefinitionInput>,
  { priority = 5, verdict = true }: Partial<Pick<Case, 'priority' | 'verdict'>> = {},
): ReturnType<typeof definitionConflict> {
  const registered = parseDefinition(definition({ priority: 5 }));
  const given = parseDefinition({ ...definition(), priority: 5, ...more });
  return definitionConflict({ name: 'mumu', state, priority, verdict }, registered, given);
}

const remedy = (...given: Parameters<typeof conflict>): string => conflict(...given).remedy;

const EXTEND = '`fabrica extend mumu` (events)';

describe('the remedy for another definition of a registered name', () => {
  it.each<[string, Case['state'], Partial<DefinitionInput>, string[]]>([
    ['more events', 'Active', { events: 70 }, [EXTEND]],
    ['fewer events', 'Active', { events: 50 }, []],
    ['a tolerance', 'Active', { tolerance: 0.5 }, ['`fabrica amend mumu` (tolerance)']],
    ['a tolerance of one whose jobs are done', 'Completing', { tolerance: 0.5 }, []],
    ['a tolerance of one that has ended', 'Completed', { tolerance: 0.5 }, []],
    ['another data set', 'Active', { dataset: { ...definition().dataset, run: 9 } }, []],
    [
      'all of that',
      'Held',
      { events: 70, tolerance: 0.5, dataset: { ...definition().dataset, run: 9 } },
      [EXTEND, '`fabrica amend mumu` (tolerance)'],
    ],
    ['anything after its end', 'Cleaned', { events: 70, tolerance: 0.5 }, []],
  ])('advises for %s what is taken, while it is %s', (_, state, more, ways) => {
    const told = remedy(state, more);
    expect(told.match(/`fabrica (extend|amend) mumu` \(\w+\)/g) ?? []).toEqual(ways);
    expect(told).toContain('Give the definition another name');
  });

  it('compares with the priority that the production has now', () => {
    const { message, remedy: told } = conflict('Active', { priority: 8 }, { priority: 7 });
    expect(message).toContain('priority: 7 -> 8');
    expect(told).toContain('Write what is registered (`priority: 7`)');
    const same = conflict('Active', { priority: 7, tolerance: 0.5 }, { priority: 7 });
    expect(same.message).not.toContain('priority');
    expect(same.remedy).toContain('(`tolerance: 0`)');
  });

  it('takes a priority that only repeats the registered one for none that is asked for', () => {
    const { message, remedy: told } = conflict('Active', { tolerance: 0.5 }, { priority: 7 });
    expect(message).not.toContain('priority');
    expect(told).toContain('`fabrica amend mumu` (tolerance)');
  });

  it('advises to amend the scouts until they are judged', () => {
    const scouts = { ...definition().scouts, approval: true };
    expect(remedy('Scouting', { scouts }, { verdict: false })).toContain('(scouts.approval)');
    expect(remedy('Active', { scouts })).not.toContain('amend');
  });
});
