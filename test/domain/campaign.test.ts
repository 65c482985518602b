import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_NAME_TEMPLATE, MAX_CAMPAIGN_PRODUCTIONS } from '../../domain/campaign.js';
import { FabricaError } from '../../domain/errors.js';
import { parseDocument } from '../../domain/document.js';
import type { FieldPath } from '../../domain/problem.js';
import { parseCampaign, type ParsedCampaign } from '../../domain/parse.js';

const COMMON = {
  dataset: { release: 'r8', globalTag: 'DB1' },
  events: 1000,
  fabrication: {
    command: ['gen', '{dataset.eventType}.dec', '{seed}', '{output}', '{unknown words}'],
    outputs: [{ file: 'out.root' }],
    eventsPerJob: 100,
  },
};

const MATRIX = {
  'dataset.eventType': ['mixed', 'uds'],
  'dataset.experiment': [3, 4],
  'dataset.run': '1-2',
};

const file = (productions: readonly unknown[], more: object = {}) => ({
  campaign: 'MC16',
  definition: COMMON,
  productions,
  ...more,
});

const parsed = (productions: readonly unknown[], more: object = {}): ParsedCampaign =>
  parseCampaign(file(productions, more));

function refusal(value: unknown): string[] {
  try {
    parseCampaign(value);
  } catch (error) {
    if (error instanceof FabricaError && error.code === 'FABRICA_CAMPAIGN_INVALID') {
      return error.message.split('\n');
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

const names = ({ productions }: ParsedCampaign): string[] =>
  productions.map(({ definition }) => definition.name);

describe('a matrix', () => {
  it('makes every combination, the last axis first, each named by what it differs in', () => {
    expect(names(parsed([{ matrix: MATRIX }]))).toEqual([
      'MC16-mixed-e3-r1',
      'MC16-mixed-e3-r2',
      'MC16-mixed-e4-r1',
      'MC16-mixed-e4-r2',
      'MC16-uds-e3-r1',
      'MC16-uds-e3-r2',
      'MC16-uds-e4-r1',
      'MC16-uds-e4-r2',
    ]);
  });

  it('gives each production its values, the campaign, and what all have in common', () => {
    const [first] = parsed([{ matrix: MATRIX }]).productions;
    expect(first?.definition).toMatchObject({
      dataset: { campaign: 'MC16', eventType: 'mixed', experiment: 3, run: 1, release: 'r8' },
      events: 1000,
    });
  });

  it('sets fields that belong together by lists of values', () => {
    const matrix = {
      'dataset.experiment, dataset.globalTag': [
        [3, 'DB3'],
        [4, 'DB4'],
      ],
    };
    const { productions } = parsed([{ set: { dataset: { eventType: 'uds' } }, matrix }]);
    expect(
      productions.map(({ definition: { dataset } }) => [dataset.experiment, dataset.globalTag]),
    ).toEqual([
      [3, 'DB3'],
      [4, 'DB4'],
    ]);
  });

  it('leaves out what is excluded and changes what overrides fit, the last one last', () => {
    const { productions } = parsed([
      {
        matrix: MATRIX,
        exclude: [{ 'dataset.eventType': 'uds', 'dataset.experiment': 4 }],
        overrides: [
          { where: { 'dataset.run': '2-9' }, set: { events: 5000, priority: 7 } },
          { where: { 'dataset.eventType': ['uds'] }, set: { events: 200 } },
        ],
      },
    ]);
    expect(productions.map(({ definition: d }) => [d.name, d.events, d.priority])).toEqual([
      ['MC16-mixed-e3-r1', 1000, 5],
      ['MC16-mixed-e3-r2', 5000, 7],
      ['MC16-mixed-e4-r1', 1000, 5],
      ['MC16-mixed-e4-r2', 5000, 7],
      ['MC16-uds-e3-r1', 200, 5],
      ['MC16-uds-e3-r2', 200, 7],
    ]);
  });

  it('makes as many productions as there are combinations, with names of their own', () => {
    const runs = fc.uniqueArray(fc.integer({ min: 0, max: 99_999 }), {
      minLength: 1,
      maxLength: 6,
    });
    const types = fc.uniqueArray(fc.constantFrom('mixed', 'uds', 'mumu'), { minLength: 1 });
    fc.assert(
      fc.property(runs, types, (run, type) => {
        const matrix = { 'dataset.eventType': type, 'dataset.run': run };
        const made = parsed([{ set: { 'dataset.experiment': 1 }, matrix }]);
        expect(new Set(names(made)).size).toBe(run.length * type.length);
      }),
    );
  });
});

describe('placeholders', () => {
  it('stand for values of the data set in every text; other braces stay', () => {
    const { productions } = parsed([{ matrix: MATRIX }], {
      definition: { ...COMMON, description: 'run {dataset.run:4} of {dataset.experiment}' },
    });
    expect(productions[0]?.definition).toMatchObject({
      description: 'run 0001 of 3',
      fabrication: { command: ['gen', 'mixed.dec', '{seed}', '{output}', '{unknown words}'] },
    });
  });

  it('name productions as the template says, with leading zeros', () => {
    const name = '{group}-{dataset.eventType}-{dataset.run:3}-p{priority}';
    const set = { 'dataset.eventType': 'uds', 'dataset.experiment': 1, 'dataset.run': 7 };
    expect(names(parsed([{ set }], { name }))).toEqual(['production-uds-007-p5']);
  });

  it.each([
    ['{dataset.evntType}', 'holds the unknown placeholder {dataset.evntType}; did you mean'],
    ['{run}-x', 'holds the unknown placeholder {run}; did you mean {dataset.run}?'],
  ])('that are not known are refused: %s', (name, text) => {
    expect(refusal(file([{ matrix: MATRIX }], { name }))).toEqual([
      expect.stringContaining(`name: ${text}`),
    ]);
  });

  it('that have no value are told once, however many productions there are', () => {
    const definition = {
      ...COMMON,
      events: undefined,
      input: { dataset: { campaign: 'MC15' } },
      fabrication: { ...COMMON.fabrication, eventsPerJob: 'auto' },
    };
    const name = '{dataset.eventType}-{dataset.experiment}-{dataset.run}-{events}';
    expect(refusal(file([{ matrix: MATRIX }], { definition, name }))).toEqual([
      'name: holds {events}, for which there is no text or number; give the field a value, or leave the placeholder out',
    ]);
  });

  it('take the default template where none is given', () => {
    const given = parsed([{ matrix: MATRIX }], { name: DEFAULT_NAME_TEMPLATE });
    expect(names(given)).toEqual(names(parsed([{ matrix: MATRIX }])));
  });
});

describe('a bad campaign file', () => {
  it('names the production, the field and the line of what is wrong with one', () => {
    const text = `
campaign: MC16
definition:
  dataset: { release: r8, globalTag: DB1, experiment: 3 }
  events: 1000
  fabrication: { command: [gen, '{seed}', '{output}'], outputs: [{ file: out.root }] }
productions:
  - matrix:
      dataset.eventType:
        - mixed
        - 'u ds'
    overrides:
      - where: { dataset.eventType: mixed }
        set: { priority: 11 }
`;
    const document = parseDocument(text, 'mc16.yaml');
    const where = { file: 'mc16.yaml', lineOf: (path: FieldPath) => document.lineOf(path) };
    let message = '';
    try {
      parseCampaign(document.value, where);
    } catch (error) {
      message = error instanceof FabricaError ? error.message : '';
    }
    const lines = message.split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^mc16\.yaml:11: productions\[0\]\.matrix\."dataset\.eventType"\[1\]: must be letters.*in production MC16-u ds-e3-r0/,
      ),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^mc16\.yaml:14: productions\[0\]\.overrides\[0\]\.set\.priority: must be .*\(got 11\), in production MC16-mixed-e3-r0/,
      ),
    );
  });

  it.each<[string, unknown, string]>([
    ['an empty matrix', [{ matrix: {} }], 'productions[0].matrix: is empty'],
    ['no production', [], 'productions: must'],
    [
      'a name given twice',
      [{ matrix: MATRIX, name: 'same' }],
      'makes two productions of the name same: the second has dataset.run = 2; add a field that differs to `name`, such as {dataset.run}',
    ],
    ['the same twice', [{ matrix: MATRIX }, { matrix: MATRIX }], 'and they are the same'],
    [
      'an override for nothing',
      [{ matrix: MATRIX, overrides: [{ where: { 'dataset.run': 3 }, set: { events: 1 } }] }],
      'productions[0].overrides[0]: fits no production of this entry',
    ],
    [
      'an exclusion of everything',
      [{ matrix: MATRIX, exclude: [{ 'dataset.eventType': ['mixed', 'uds'] }] }],
      'productions[0]: makes no production',
    ],
    [
      'a campaign in the definition',
      [{ set: { 'dataset.campaign': 'x' }, matrix: MATRIX }],
      'can not be set here; remove it: `campaign` gives it to all productions',
    ],
    [
      'a field that is none',
      [{ matrix: { ...MATRIX, 'dataset.runs': [1] } }],
      'is no field of this mapping, in production MC16-mixed-e3-r1; did you mean run?',
    ],
    [
      'an axis of one value',
      [{ matrix: { 'dataset.eventType': 'mixed' } }],
      'must be a list of values, or numbers from 1 such as \'1-20,35\' (got "mixed"); write [value, value]',
    ],
    [
      'an axis of a number',
      [{ matrix: { ...MATRIX, 'dataset.run': 1 } }],
      "must be a list of values, or numbers from 1 such as '1-20,35' (got 1); write [1]",
    ],
    [
      'an axis that is a reversed range',
      [{ matrix: { ...MATRIX, 'dataset.run': '1,5-3' } }],
      'productions[0].matrix."dataset.run": has the range 5-3, which is reversed; write 3-5',
    ],
    [
      'an override for a reversed range',
      [{ matrix: MATRIX, overrides: [{ where: { 'dataset.run': '2-1' }, set: { events: 1 } }] }],
      'productions[0].overrides[0]: fits no production of this entry; write 1-2: the range 2-1 is reversed',
    ],
    [
      'a range where a number belongs',
      [
        {
          matrix: { 'dataset.eventType': ['uds'] },
          set: { 'dataset.run': '3-1', 'dataset.experiment': 3 },
        },
      ],
      '(got "3-1"), in production MC16-uds-e3-r3-1; write one number; a range is an axis of a campaign\'s matrix: dataset.run: 1-3',
    ],
    [
      'a text where a number belongs',
      [{ matrix: { ...MATRIX, 'dataset.run': ['1'] } }],
      'must be a whole number from 0 to 99999 (got "1"), in production MC16-mixed-e3-r1; write it without quotes: 1',
    ],
    [
      'a number where a text belongs',
      [{ matrix: { ...MATRIX, 'dataset.eventType': [1] } }],
      "(got 1), in production MC16-1-e3-r1; put it in quotes: '1'",
    ],
    [
      'values that do not fit their fields',
      [{ matrix: { 'dataset.run,dataset.experiment': [[1]] } }],
      'must be a list of 2 values, one for each field (got a list of 1)',
    ],
  ])('is refused for %s', (_, productions, text) => {
    const lines = refusal(file(productions as unknown[]));
    expect(lines.find((line) => line.includes(text))).toBeDefined();
  });

  it('is refused for more productions than a campaign file may make, before any is made', () => {
    const matrix = { ...MATRIX, 'dataset.run': `1-${MAX_CAMPAIGN_PRODUCTIONS}` };
    const begun = performance.now();
    expect(refusal(file([{ matrix }]))[0]).toContain(
      `productions[0]: makes ${4 * MAX_CAMPAIGN_PRODUCTIONS} of ${4 * MAX_CAMPAIGN_PRODUCTIONS} productions, and a campaign file may make ${MAX_CAMPAIGN_PRODUCTIONS}`,
    );
    const [line] = refusal(file([{ matrix: { ...MATRIX, 'dataset.run': '1-1000000000' } }]));
    expect(line).toContain('has 1000000000 values');
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it('is refused for a production of 10^9 jobs, with the limit and what to change', () => {
    const overrides = [{ where: { 'dataset.run': 2 }, set: { events: 1e11 } }];
    expect(refusal(file([{ matrix: MATRIX, overrides }]))[0]).toContain(
      'fabrication.eventsPerJob: is 100, which makes 1000000000 jobs of 100000000000 events; a production may have 10000000, for which file names and the catalog have room, in production MC16-mixed-e3-r2; use at least 10000 events per job',
    );
  });

  it('is refused for more jobs than a campaign has seeds', () => {
    const matrix = { ...MATRIX, 'dataset.run': '1-25' };
    const definition = { ...COMMON, events: 1e9 };
    expect(refusal(file([{ matrix }], { definition }))[0]).toContain(
      'productions: makes 1000000000 jobs in campaign MC16, more than the 900000000 seeds that a campaign has',
    );
  });

  it('never does anything but refuse or make', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 3 }), fc.jsonValue(), (entry, value) => {
        for (const one of [file([entry]), file([{ matrix: entry }]), value]) {
          try {
            parseCampaign(one);
          } catch (error) {
            expect(error).toBeInstanceOf(FabricaError);
          }
        }
      }),
    );
  });
});

it('reads 2,000 productions while a person waits', () => {
  const matrix = { ...MATRIX, 'dataset.run': '1-500' };
  const begun = performance.now();
  expect(parsed([{ matrix }]).productions).toHaveLength(2000);
  expect(performance.now() - begun).toBeLessThan(5000);
});
