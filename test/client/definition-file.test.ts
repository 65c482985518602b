import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCampaign } from '../../client/campaign-file.js';
import { readDefinition } from '../../client/definition-file.js';
import { defaultConfiguration } from '../../domain/default-configuration.js';
import { FabricaError } from '../../domain/errors.js';
import {
  canonicalDefinition,
  definitionDifference,
  definitionJsonSchema,
  parseDefinition,
} from '../../domain/parse.js';
import { temporaryFolder } from '../worker/temporary-folder.js';
import { MINIMAL, writeDefinition } from './definitions.js';

function refusal(content: string | Uint8Array): FabricaError {
  return refusedFile(writeDefinition(temporaryFolder(), content));
}

function refusedFile(file: string): FabricaError {
  try {
    readDefinition(file);
  } catch (error) {
    if (error instanceof FabricaError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The lines of the refusal of MINIMAL after a replacement, without the folder. */
function problems(from: string, to: string): string[] {
  expect(MINIMAL).toContain(from);
  const error = refusal(MINIMAL.replace(from, () => to));
  expect(error.code).toBe('FABRICA_DEFINITION_INVALID');
  return error.message.split('\n').map((line) => line.replace(/^.*\/mumu\.yaml/, 'mumu.yaml'));
}

const withFields = (fields: string): string[] =>
  problems('events: 1000', `events: 1000\n${fields}`);

describe('readDefinition', () => {
  it('gives the definition with all defaults, and the folder of the file', () => {
    const folder = temporaryFolder();
    const read = readDefinition(writeDefinition(folder, MINIMAL));
    expect(read.definition.priority).toBe(5);
    expect(read.definition.fabrication.limits).toEqual({
      wallTime: 86_400,
      memory: 2e9,
      disk: 20e9,
    });
    expect(read.folder).toBe(folder);
    expect(read.warnings).toEqual([]);
  });

  it('reads the same from JSON', () => {
    const folder = temporaryFolder();
    const { definition } = readDefinition(writeDefinition(folder, MINIMAL));
    const again = readDefinition(writeDefinition(folder, JSON.stringify(definition, null, '\t')));
    expect(again.definition).toEqual(definition);
  });

  it('warns of a command without seed', () => {
    const file = writeDefinition(temporaryFolder(), MINIMAL.replace("'{seed}', ", ''));
    expect(readDefinition(file).warnings).toEqual([expect.stringContaining('FABRICA_SEED')]);
  });

  it('warns of a placeholder that looks like a variable of the shell', () => {
    const file = writeDefinition(temporaryFolder(), MINIMAL.replace("'{seed}'", "'${seed}'"));
    expect(readDefinition(file).warnings).toEqual([expect.stringContaining('write {seed}')]);
  });

  it('warns of auto without scouts, and of a target beyond the limit', () => {
    const text = `${MINIMAL}  targetWallTime: 2d\nscouts: {jobs: 0}\n`;
    const { warnings } = readDefinition(writeDefinition(temporaryFolder(), text));
    expect(warnings).toEqual([
      expect.stringContaining('targetWallTime'),
      expect.stringContaining('scouts.jobs'),
    ]);
  });
});

describe('a file that can not be read', () => {
  it('is named when it is missing', () => {
    const error = refusedFile('/nowhere/mumu.yaml');
    expect(error.code).toBe('FABRICA_DEFINITION_UNREADABLE');
    expect(error.message).toContain('/nowhere/mumu.yaml does not exist');
    expect(error.remedy).toContain('fabrica new');
  });

  it('that should be a campaign file has a remedy for one', async () => {
    const missing = readCampaign('/nowhere/mc16.yaml', defaultConfiguration('/nowhere'));
    await expect(missing).rejects.toMatchObject({
      code: 'FABRICA_DEFINITION_UNREADABLE',
      message: 'The campaign file /nowhere/mc16.yaml does not exist.',
      remedy:
        'Name a YAML or JSON file that you can read; `fabrica help campaign submit` tells what one is for, `fabrica schema campaign` what may stand in it.',
    });
  });

  it('is refused when it is a directory', () => {
    expect(refusedFile(temporaryFolder()).message).toContain('is a directory');
  });

  it('is refused at once when it is a FIFO', () => {
    const fifo = path.join(temporaryFolder(), 'fifo.yaml');
    execFileSync('mkfifo', [fifo]);
    expect(refusedFile(fifo).message).toContain('is a FIFO');
  });

  it('is refused when it is a device', () => {
    expect(refusedFile('/dev/zero').message).toContain('device');
  });

  it('is refused when its permissions forbid it, or its link leads nowhere', () => {
    const file = writeDefinition(temporaryFolder(), MINIMAL);
    chmodSync(file, 0);
    if (process.getuid?.() !== 0) expect(refusedFile(file).message).toContain('permission denied');
    expect(refusedFile(path.join(file, 'x')).message).toContain('does not exist');
  });

  it('is refused over 1 MB before it is parsed, naming the limit', () => {
    const start = performance.now();
    const error = refusal(`# ${'x'.repeat(10_000_000)}\n${MINIMAL}`);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(error.code).toBe('FABRICA_DEFINITION_UNREADABLE');
    expect(error.message).toContain('1 MB');
  });

  it('is refused when it is empty', () => {
    expect(refusal('').message).toContain('the file is empty');
  });

  it('is refused when it is no UTF-8, with the line', () => {
    const error = refusal(
      Buffer.concat([Buffer.from('name: a\nowner: '), Buffer.from([0xe9, 0x0a])]),
    );
    expect(error.message).toMatch(
      /mumu\.yaml:2: is not valid UTF-8 at byte 15; save the file as UTF-8/,
    );
  });

  it('is refused when it holds NUL', () => {
    expect(refusal('name: a\u0000b').message).toContain('NUL');
  });

  it('is refused with tabs as indentation', () => {
    expect(refusal('dataset:\n\tcampaign: a\n').message).toMatch(
      /mumu\.yaml:2:1: a tab .*use spaces/,
    );
  });
});

describe('a definition is refused, with line, field and remedy, for', () => {
  it('a list instead of a mapping', () => {
    const { message } = refusal('- name: a\n');
    expect(message).toMatch(/mumu\.yaml:1: must be a mapping of fields \(got a list of 1\); begin/);
  });

  it('an unknown field', () => {
    expect(withFields('prioritty: 7')).toEqual([
      'mumu.yaml:9: prioritty: is no field of the definition; did you mean priority?',
    ]);
  });

  it('an unknown field that belongs elsewhere', () => {
    expect(withFields('campaign: x')[0]).toContain('did you mean dataset.campaign?');
  });

  it('an unknown field that resembles none', () => {
    expect(withFields('zzz: 1')[0]).toMatch(
      /^mumu\.yaml:9: zzz: is no field .*; remove it; the fields/,
    );
  });

  it('a missing field', () => {
    expect(problems('  campaign: MC16\n', '')).toEqual([
      expect.stringMatching(
        /^mumu\.yaml:2: dataset\.campaign: is missing; add it, text .*: Campaign/,
      ),
    ]);
  });

  it('a missing section', () => {
    expect(problems(MINIMAL.slice(MINIMAL.indexOf('fabrication:')), '')[0]).toMatch(
      /^mumu\.yaml:1: fabrication: is missing; add it/,
    );
  });

  it('a wrong type', () => {
    expect(problems('experiment: 1003', 'experiment: high')).toEqual([
      expect.stringMatching(
        /^mumu\.yaml:6: dataset\.experiment: must be a whole number from 0 to 9999 \(got "high"\); correct it/,
      ),
    ]);
  });

  it('a number where text is needed', () => {
    expect(problems('globalTag: DB1', 'globalTag: 00012')).toEqual([
      "mumu.yaml:5: dataset.globalTag: must be text of 1 to 63 characters (got 00012); put it in quotes: '00012'",
    ]);
  });

  it.each(['.inf', '-.inf', '.nan', '1e400', '9007199254740993', '0x20000000000001'])(
    'the number %s, which it shows as it is written',
    (number) => {
      const got = `(got ${number}); `;
      expect(withFields(`priority: ${number}`)[0]).toContain(`from 1 to 10 ${got}correct it`);
      expect(withFields(`tolerance: ${number}`)[0]).toContain(`from 0 to 1 ${got}correct it`);
      expect(withFields(`description: ${number}`)[0]).toContain(`${got}put it in quotes`);
      expect(withFields(`sites: [${number}]`)[0]).toMatch(
        /^mumu\.yaml:9: sites\[0\]: must be text/,
      );
      expect(withFields(`description: '${number}'\nzzz: 1`)).toHaveLength(1);
    },
  );

  it.each([
    ['5', 'put it in quotes'],
    ['', 'correct it, or leave it out; it is: Who answers for it; default: the user who submits'],
    ['[me]', 'correct it, or leave it out; it is: Who answers for it'],
    [`"a\\nb"`, 'correct it, or leave it out; it is: Who answers for it'],
  ])('owner: %s', (owner, remedy) => {
    expect(withFields(`owner: ${owner}`)).toEqual([
      expect.stringMatching(/^mumu\.yaml:9: owner: must .*\(got /),
    ]);
    expect(withFields(`owner: ${owner}`)[0]).toContain(`); ${remedy}`);
  });

  it.each(['"5"', "' 5 '"])('priority %s, a text', (priority) => {
    expect(withFields(`priority: ${priority}`)).toEqual([
      expect.stringMatching(
        /^mumu\.yaml:9: priority: must be a whole .*; write it without quotes: 5$/,
      ),
    ]);
  });

  it.each(['0', '11', '2.5', '.nan', '.inf'])('priority %s', (priority) => {
    expect(withFields(`priority: ${priority}`)).toEqual([
      expect.stringMatching(
        /^mumu\.yaml:9: priority: must be a whole number from 1 to 10 \(got .*\); correct it.*highest/,
      ),
    ]);
  });

  it.each(['0', '-5', '1e99', '1.5', '10000000000000', '99999999999999999999'])(
    'events %s',
    (events) => {
      expect(problems('events: 1000', `events: ${events}`)).toEqual([
        expect.stringMatching(
          /^mumu\.yaml:8: events: must be a whole number from 1 to 1000000000000 \(got .*\); correct it/,
        ),
      ]);
    },
  );

  it.each(['many', '0', '-1', '1.5', 'true'])('eventsPerJob %s', (value) => {
    expect(problems('  outputs', `  eventsPerJob: ${value}\n  outputs`)).toEqual([
      expect.stringContaining("must be 'auto' or a whole number from 1 to 1000000000"),
    ]);
  });

  it.each(['four hours', '-1', '0s', '400d', '[1]'])('the duration %s', (value) => {
    expect(problems('  outputs', `  targetWallTime: ${value}\n  outputs`)).toEqual([
      expect.stringMatching(
        /^mumu\.yaml:11: fabrication\.targetWallTime: must be a duration such as 90s/,
      ),
    ]);
  });

  it.each([
    ['the parent directory', '..'],
    ['a path upwards', '../x'],
    ['a line break', '"a\\nb"'],
    ['a quote', '"a\'b"'],
    ['a command substitution', '$(id)'],
    ['an escaped NUL', '"a\\0b"'],
    ['half of a surrogate pair', '"a\\ud800"'],
  ])('a name with %s', (_, text) => {
    const [line, ...others] = problems('name: mumu', `name: ${text}`);
    expect(line).toMatch(
      /^mumu\.yaml:1: name: must be letters, digits, dot.*\(got .*\); correct it/,
    );
    expect(line).not.toMatch(/\p{Cc}|[\ud800-\udfff]/u);
    expect(others).toEqual([]);
  });

  it.each(['../x', 'a/b', '"a\\nb"', '$(id)', '"a\\0"', 'wrapper.sh', 'report'])(
    'the output file %s',
    (text) => {
      expect(problems('file: out.root', `file: ${text}`)[0]).toMatch(
        /^mumu\.yaml:12: fabrication\.outputs\[0\]\.file: must end in a plain file name/,
      );
    },
  );

  it.each(['a/..', 'dir/', '"a\\nb"', '"a\\0b"', "a'b", '$(id)', '""'])(
    'the payload file %s',
    (text) => {
      expect(
        problems(
          '  outputs',
          `  payload: [${text.startsWith('"') ? text : JSON.stringify(text)}]\n  outputs`,
        )[0],
      ).toMatch(/^mumu\.yaml:11: fabrication\.payload\[0\]: must/);
    },
  );

  it('NUL in an argument', () => {
    expect(problems('[./gen.sh', '["a\\0b"')[0]).toMatch(
      /^mumu\.yaml:10: fabrication\.command\[0\]: must not hold NUL \(got "a\\u0000b"\)/,
    );
  });

  it('half of a surrogate pair in an argument or a description', () => {
    expect(problems('[./gen.sh', '["a\\udc00"')[0]).toContain('must be well-formed Unicode');
    expect(withFields('description: "a\\ud800"')[0]).toContain('must be well-formed Unicode');
  });

  it('a line break in the line that sets the environment up', () => {
    expect(problems('  outputs', '  environment: "a\\nb"\n  outputs')[0]).toContain('line breaks');
  });

  it.each(['__proto__', 'constructor', 'prototype'])('the field %s', (field) => {
    expect(withFields(`${field}: {priority: 1}`)[0]).toContain(
      `mumu.yaml:9: ${field}: is no field`,
    );
    expect(problems('  eventType: mumu', `  eventType: mumu\n  ${field}: {a: 1}`)[0]).toContain(
      `dataset.${field}: is no field`,
    );
  });

  it('every problem at once, in the order of the file', () => {
    const lines = problems(
      'events: 1000',
      'events: -1\npriority: 99\nretries: {backoff: 2h}\nmerge: {command: [cat]}',
    );
    expect(lines.map((line) => line.slice(0, line.indexOf(': ')))).toEqual([
      'mumu.yaml:8',
      'mumu.yaml:9',
      'mumu.yaml:10',
      'mumu.yaml:11',
      'mumu.yaml:11',
    ]);
  });

  it('thousands of unknown fields, in a message that stays short', () => {
    const fields = Array.from({ length: 20_000 }, (_, i) => `key${i}: 1`).join('\n');
    const error = refusal(`${MINIMAL}${fields}\n`);
    expect(error.message.length).toBeLessThan(30_000);
    expect(error.message).toContain('and 19950 more problems');
  });
});

describe('arguments are data', () => {
  it.each([
    ['quotes', `it's "so"`],
    ['a command substitution', '$(rm -rf /) `x` ${HOME}'],
    ['line breaks', 'a\nb'],
    ['letters outside ASCII', 'é 日本 😀'],
    ['awk in braces', '{ print $1 }'],
    ['JSON', '{"a": {"b": 1}}'],
    ['nothing', ''],
  ])('and may hold %s', (_, text) => {
    const value = { command: ['x', '{seed}', text] };
    const folder = temporaryFolder();
    const { definition } = readDefinition(
      writeDefinition(
        folder,
        MINIMAL.replace(/command: .*/, () => `command: ${JSON.stringify(value.command)}`),
      ),
    );
    expect(definition.fabrication.command).toEqual(value.command);
  });
});

describe('the rules between fields', () => {
  const command = (text: string): string[] => problems("[./gen.sh, '{seed}', '{output}']", text);

  it('know the placeholders and guess what was meant', () => {
    expect(command("[a, '{sed}']")[0]).toMatch(
      /command\[1\]: holds the unknown placeholder \{sed\}; did you mean \{seed\}\?/,
    );
    expect(command("[a, '{nothing}']")[0]).toContain('use {seed} {firstEvent}');
    expect(command("[a, '{seed:x}']")[0]).toContain('unknown placeholder {seed:x}');
  });

  it('keep {inputs} for merges', () => {
    expect(command("[a, '{inputs}']")[0]).toContain('only merge.command may use it');
  });

  it('want {output:LEVEL} where there are several outputs, of a level that there is', () => {
    const two = '    - file: out.root\n    - {file: out2.root, level: udst}\n';
    expect(problems('    - file: out.root\n', two)).toEqual([
      'mumu.yaml:10: fabrication.command[2]: holds {output}, but the job has several outputs; say which one: {output:mdst} or {output:udst}',
    ]);
    expect(command("[a, '{output:hlt}']")[0]).toContain(
      'the levels of fabrication.outputs are mdst',
    );
  });

  it('want outputs of different levels and files', () => {
    const two = '    - file: out.root\n    - {file: out.root, level: mdst}\n';
    const lines = problems('    - file: out.root\n', two);
    expect(
      lines.some((line) => line.includes('has the data level mdst of fabrication.outputs[0]')),
    ).toBe(true);
    expect(
      lines.some((line) => line.includes('names the file of fabrication.outputs[0].file')),
    ).toBe(true);
  });

  it('want payload files of different names, different from the outputs', () => {
    expect(problems('  outputs', '  payload: [a/gen.sh, b/gen.sh, out.root]\n  outputs')).toEqual([
      expect.stringContaining(
        'payload[1]: has the file name gen.sh of fabrication.payload[0]; rename one',
      ),
      expect.stringContaining(
        'payload[2]: has the file name out.root of fabrication.outputs[0].file',
      ),
    ]);
  });

  it('want {inputs} by itself and {output} in a merge', () => {
    expect(withFields('merge: {command: [cat]}')).toEqual([
      expect.stringContaining('merge.command: has no {inputs}; add {inputs}'),
      expect.stringContaining('merge.command: has no {output}; add {output}'),
    ]);
    expect(withFields("merge: {command: [cat, '-i{inputs}', '{output}']}")).toEqual([
      expect.stringContaining('make {inputs} an argument by itself'),
    ]);
    expect(withFields("merge: {command: [cat, '{inputs}', '{output}', '{seed}']}")[0]).toContain(
      'a merge has none',
    );
  });

  it('allow merges of several levels', () => {
    const text = MINIMAL.replace("'{output}'", "'{output:mdst}'").replace(
      '    - file: out.root\n',
      "    - file: out.root\n    - {file: o2.root, level: udst}\nmerge: {command: [cat, '{inputs}', '{output}']}\n",
    );
    expect(readDefinition(writeDefinition(temporaryFolder(), text)).warnings).toEqual([]);
  });

  it('refuse merges that their disk limit has no room for', () => {
    const merge = "command: [cat, '{inputs}', '{output}'], targetSize: 5 GB";
    expect(withFields(`merge: {${merge}, limits: {disk: 9 GB}}`)).toEqual([
      expect.stringContaining('less than twice merge.targetSize, 5 GB'),
    ]);
    expect(withFields(`merge: {${merge}, limits: {disk: 10 GB, wallTime: 0}}`)).toEqual([
      expect.stringContaining('wallTime'),
    ]);
  });

  it.each([
    ['input: {files: [7]}', [/input\.files\[0\]: must be /]],
    ['input: {files: [no-lfn]}', [/input\.files\[0\]: must be an absolute path of plain names/]],
    ['input: {list: 7}', [/input\.list: must be the path of a text file/]],
    ['input: {dataset: {production: 7}}', [/input\.dataset\.production: must be /]],
    ['input: {}', [/input: names no files; give one of input\.files, input\.list and/]],
    [
      'input: {files: [no-lfn], list: a.txt}',
      [/input\.files\[0\]: must be /, /input: names files by files and list; give one/],
    ],
  ])('of what names files tell what is wrong, and nothing else: %s', (text, expected) => {
    expect(problems('events: 1000', text)).toEqual(
      expected.map((one) => expect.stringMatching(one) as string),
    );
  });

  it.each([
    ['memory: 900 TB', 'from 1 B to 10 TB'],
    ['disk: 2000 TB', 'from 1 B to 1 PB'],
    ['wallTime: 101d', 'above 0 and at most 100d'],
  ])('bound what a job may be given: %s', (limit, bound) => {
    const limits = `limits: {${limit}}`;
    const expected = [expect.stringMatching(`limits\\.[a-zA-Z]+: must be .*${bound}`)];
    expect(problems('  outputs', `  ${limits}\n  outputs`)).toEqual(expected);
    expect(withFields(`merge: {command: [cat, '{inputs}', '{output}'], ${limits}}`)).toEqual(
      expected,
    );
  });

  it('refuse two targets of merges', () => {
    const lines = withFields(
      "merge: {command: [cat, '{inputs}', '{output}'], targetSize: 1 GB, targetEvents: 5}",
    );
    expect(lines).toEqual([
      expect.stringContaining('is given together with merge.targetSize; remove one'),
    ]);
  });

  it('bound the number of jobs and tell what to change', () => {
    const text = MINIMAL.replace('events: 1000', 'events: 1000000000000');
    const error = refusal(text.replace('  outputs', '  eventsPerJob: 10\n  outputs'));
    expect(error.message).toContain(
      'fabrication.eventsPerJob: is 10, which makes 100000000000 jobs of 1000000000000 events; a production may have 10000000, for which file names and the catalog have room; use at least 100000 events per job',
    );
  });

  it('refuse a backoff above the maximum', () => {
    expect(withFields('retries: {maximumBackoff: 30s}')[0]).toMatch(
      /retries\.backoff: is 1m 00s, above maximumBackoff, 30 s; lower backoff or raise/,
    );
  });

  it('refuse a site that is named twice', () => {
    expect(withFields('sites: [KMI, KMI]')[0]).toContain('sites[1]: names "KMI" again; remove it');
  });
});

describe('canonicalDefinition and definitionDifference', () => {
  const definition = parseDefinition(
    readDefinition(writeDefinition(temporaryFolder(), MINIMAL)).definition,
  );

  it('do not depend on the order of fields', () => {
    const turned = Object.fromEntries(Object.entries(definition).reverse());
    expect(canonicalDefinition(parseDefinition(turned))).toBe(canonicalDefinition(definition));
    expect(definitionDifference(definition, parseDefinition(turned))).toEqual([]);
  });

  it('tell each changed, added and removed field', () => {
    const other = parseDefinition({
      ...definition,
      events: 2000,
      sites: ['KMI'],
      fabrication: { ...definition.fabrication, command: ['x', '{seed}'] },
    });
    expect(definitionDifference(definition, other)).toEqual([
      'events: 1000 -> 2000',
      'fabrication.command[0]: "./gen.sh" -> "x"',
      'fabrication.command[2]: "{output}" -> (not set)',
      'sites[0]: (not set) -> "KMI"',
    ]);
    expect(canonicalDefinition(other)).not.toBe(canonicalDefinition(definition));
  });
});

describe('definitionJsonSchema', () => {
  it('describes every field and has a title', () => {
    const schema = definitionJsonSchema();
    expect(schema['title']).toContain('definition');
    expect(schema['$schema']).toContain('json-schema.org');
    const bare: string[] = [];
    const walk = (node: unknown, name: string): void => {
      if (typeof node !== 'object' || node === null || !('properties' in node)) return;
      for (const [key, inner] of Object.entries(node.properties as object)) {
        if (!('description' in (inner as object))) bare.push(`${name}.${key}`);
        walk(inner, `${name}.${key}`);
      }
    };
    walk(schema, '');
    expect(bare).toEqual([]);
  });
});

describe('a definition that came without a file', () => {
  it('is refused by its fields alone', () => {
    expect(() => parseDefinition({ name: 5 })).toThrow(/^name: must be text of 1 to 63/);
  });

  it('is refused when it is no mapping', () => {
    for (const value of [null, undefined, 5, 'x', []]) {
      expect(() => parseDefinition(value)).toThrow('must be a mapping of fields');
    }
  });
});
