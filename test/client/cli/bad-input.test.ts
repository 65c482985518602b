import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openCatalog } from '../../../catalog/open.js';
import { insertProduction, insertRevision } from '../../../catalog/productions.js';
import { syncResources } from '../../../catalog/resources.js';
import { defaultConfiguration } from '../../../domain/default-configuration.js';
import { BELLE2_LFN_SCHEME } from '../../../domain/lfn.js';
import { canonicalDefinition, parseDefinition } from '../../../domain/parse.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';
import { MINIMAL, writeDefinition } from '../definitions.js';
import { fabrica } from './fabrica.js';

/** Runs a command that must fail: one block on stderr, nothing on stdout, no stack trace. */
async function refused(argv: readonly string[], cwd: string, code: number): Promise<string> {
  const { code: ended, err, out } = await fabrica(argv, { cwd });
  expect({ ended, out }, err).toEqual({ ended: code, out: '' });
  expect(err).toContain('what to do: ');
  expect(err).toMatch(/\(FABRICA_[A-Z_]+\)\n$/);
  expect(err).not.toMatch(/^\s+at /m);
  expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  return err;
}

async function submitRefused(definition: string | Uint8Array, code = 2): Promise<string> {
  const folder = temporaryFolder();
  writeDefinition(folder, definition);
  return refused(['submit', 'mumu.yaml'], folder, code);
}

describe('a definition that is wrong', () => {
  it.each([
    [
      'an unknown field',
      MINIMAL.replace('events: 1000', 'event: 1000'),
      /mumu\.yaml:\d+: event: .*\bevents\b/,
    ],
    ['a wrong type', MINIMAL.replace('events: 1000', 'events: many'), /mumu\.yaml:8: events: /],
    [
      'a field that is misspelled at its beginning',
      `${MINIMAL}throttle: {maxRuning: 5}\n`,
      /throttle\.maxRuning: .*did you mean maxRunningJobs\?/,
    ],
    ['priority 0', `${MINIMAL}priority: 0\n`, /mumu\.yaml:13: priority: .*from 1 to 10/],
    ['no events', MINIMAL.replace('events: 1000', 'events: 0'), /mumu\.yaml:8: events: /],
    ['negative events', MINIMAL.replace('events: 1000', 'events: -5'), /mumu\.yaml:8: events: /],
    ['a name with ..', MINIMAL.replace('name: mumu', 'name: ../mumu'), /mumu\.yaml:1: name: /],
    [
      'a name with a command',
      MINIMAL.replace('name: mumu', 'name: "$(touch x)"'),
      /mumu\.yaml:1: name: /,
    ],
    [
      'a name with a line break',
      MINIMAL.replace('name: mumu', 'name: "a\\nb"'),
      /mumu\.yaml:1: name: /,
    ],
    [
      'an unknown storage of its payload',
      MINIMAL.replace(
        '  outputs:',
        `  payload:
    - name: gen.sh
      lfn: /belle/gen.sh
      storage: KMI-DISC
      size: 1
      adler32: '00000001'
  outputs:`,
      ),
      /mumu\.yaml:14: fabrication\.payload\[0\]\.storage: .*KMI-DISC; did you mean KMI-DISK\?/,
    ],
    ['NUL in an argument', MINIMAL.replace("'{seed}'", '"a\\0b"'), /fabrication\.command\[1\]: /],
    [
      'an unknown site',
      `${MINIMAL}sites:\n  - KMI\n  - KMII\n`,
      /mumu\.yaml:15: sites\[1\]: .*KMII; did you mean KMI\?/,
    ],
    [
      'an unknown area',
      `${MINIMAL}distribution: {areas: [europe]}\n`,
      /mumu\.yaml:13: distribution\.areas\[0\]: .*europe; there are asia, america/,
    ],
    [
      'too many copies',
      `${MINIMAL}distribution: {copies: 9}\n`,
      /mumu\.yaml:13: distribution\.copies: .*there are 4/,
    ],
  ])('with %s is refused, with field and remedy', async (_, definition, message) => {
    const error = await submitRefused(definition);
    expect(error).toMatch(message);
    expect(error).toContain('(FABRICA_DEFINITION_INVALID)');
  });

  it('with several faults tells all of them', async () => {
    const error = await submitRefused(`${MINIMAL}priority: 0\nsites: [KMI, KMI]\ncolour: red\n`);
    expect(error).toMatch(/priority: /);
    expect(error).toMatch(/sites\[1\]: /);
    expect(error).toMatch(/colour: /);
  });

  it('with a payload file that is missing names the file and the field', async () => {
    const error = await submitRefused(
      MINIMAL.replace('  outputs:', '  payload: [gen.sh]\n  outputs:'),
    );
    expect(error).toMatch(
      /mumu\.yaml:11: fabrication\.payload\[0\]: the payload file .*gen\.sh does not exist;/,
    );
    expect(error).toContain('(FABRICA_PAYLOAD_MISSING)');
  });

  it.each([
    ['that is not UTF-8', Uint8Array.from([0x6e, 0x3a, 0x20, 0xff, 0xfe]), /mumu\.yaml/],
    ['of 10 MB', `${MINIMAL}# ${'x'.repeat(10_000_000)}\n`, /mumu\.yaml/],
    ['that is no YAML', 'name: [mumu\n', /mumu\.yaml:\d+/],
    ['that is a bomb of anchors', anchorBomb(), /mumu\.yaml/],
  ])('%s is refused at once', async (_, definition, message) => {
    expect(await submitRefused(definition)).toMatch(message);
  });

  it('that does not exist is refused', async () => {
    const error = await refused(['submit', 'nothing.yaml'], temporaryFolder(), 2);
    expect(error).toContain('nothing.yaml does not exist');
  });
});

describe('the dry run of a definition whose name is known', () => {
  it('with another content is refused with the difference', async () => {
    const folder = await oneProduction();
    writeDefinition(folder, MINIMAL.replace('events: 1000', 'events: 2000'));
    const error = await refused(['submit', 'mumu.yaml', '--dry-run'], folder, 2);
    expect(error).toContain('events: 1000 -> 2000');
    expect(error).toContain('(FABRICA_DEFINITION_CONFLICT)');
  });

  it('tells that it is registered already', async () => {
    const folder = await oneProduction();
    writeDefinition(folder, MINIMAL);
    const { out } = await fabrica(['submit', 'mumu.yaml', '--dry-run'], { cwd: folder });
    expect(out).toMatch(/standing +registered already with this definition/);
  });

  it('does without a catalog', async () => {
    const folder = temporaryFolder();
    writeDefinition(folder, MINIMAL);
    const { code, out } = await fabrica(['submit', 'mumu.yaml', '--dry-run'], { cwd: folder });
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.not.stringContaining('standing') as string,
    });
  });
});

describe('a command line that is wrong', () => {
  it.each([
    [['lisst'], /unknown command 'lisst'.*list/],
    [['show'], /missing required argument 'name'/],
    [['explain'], /missing required argument 'name'/],
    [['explain', 'mumu', 'tautau'], /too many arguments/],
    [['job', 'mumu', 'x'], /whole number/],
    [['reprioritize', 'mumu', '0'], /from 1 to 10/],
    [['extend', 'mumu'], /either --events/],
    [['campaign', 'extend', 'MC16', '--total', '0'], /from 1 to/],
    [['campaign', 'extend', 'MC16', '--total', '9', '--events', '9'], /either --events/],
    [['list', '--state', 'Lost'], /Allowed choices are New/],
    [['list', '--addres', 'x:1'], /unknown option '--addres'/],
    [['site'], /A command is missing/],
    [['help', 'nope'], /There is no command "nope" to explain/],
    [['site', 'ban', 'KMI', '--until', 'tomorrow'], /2h/],
    [['site', 'ban', 'KMI', '--until', '0s'], /such as 90s/],
    [['site', 'ban', 'KMI', '--until', '999999999999d'], /at most 3650d/],
    [['--address', 'here', 'list'], /--address must be host:port/],
  ])('%j is told with exit code 2', async (argv, message) => {
    const error = await refused(argv, temporaryFolder(), 2);
    expect(error).toMatch(message);
    expect(error).toContain('(FABRICA_COMMAND_LINE)');
  });

  it.each([
    [['replicas', ''], 'No production is named "".'],
    [['show', 'a\nb\u001b[31m'], 'No production is named "a\\nb\\u001b[31m".'],
    [['explain', 'a\nb\u001b[31m'], 'No production is named "a\\nb\\u001b[31m".'],
    [['jobs', 'say "hi"'], 'No production is named "say \\"hi\\"".'],
    [['site', 'ban', 'K\nX'], 'No site is named "K\\nX"; there are KMI'],
    [['li\nst'], String.raw`unknown command 'li\nst' (Did you mean list?)`],
    [['job', 'mumu', '1\n2'], String.raw`argument value '1\n2' is invalid`],
    [['--state', '', 'list'], '--state names nothing (got "").'],
    [['--config', '', 'list'], '--config names nothing (got "").'],
  ])('%j is quoted, so that a terminal acts on none of it', async (argv, message) => {
    expect(await refused(argv, await oneProduction(), 2)).toContain(message);
  });

  it.each(['null', ' ~ '])('a field is amended to its default by `%s`', async (value) => {
    const set = ['--set', `throttle.maxRunningJobs=${value}`];
    // The command line is right: only nobody is there to carry it out.
    const error = await refused(['amend', 'mumu', ...set], await oneProduction(), 3);
    expect(error).toContain('No `fabrica up` runs');
  });

  it('quotes an LFN that has no replica', async () => {
    const { code, out } = await fabrica(['replicas', '/a\nb'], { cwd: await oneProduction() });
    expect({ code, out }).toEqual({ code: 1, out: 'No replica of "/a\\nb" is catalogued.\n' });
  });

  it.each([
    ['nothere/x.yaml', /there is no folder .*nothere\.\nwhat to do: Make the folder \(mkdir -p /],
    ['file/x.yaml', /file is no folder\./],
    ['file', /file is there already, and nothing is overwritten\.\nwhat to do: Name another/],
  ])('`new --output %s` tells what is in the way', async (output, message) => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'file'), '');
    const error = await refused(['new', '--output', output], folder, 2);
    expect(error).toMatch(message);
    expect(error).not.toContain('ENOENT: ');
  });

  it('is told as JSON where that is asked for', async () => {
    const { code, err, out } = await fabrica(['lisst', '--json'], { cwd: temporaryFolder() });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'FABRICA_COMMAND_LINE',
        message: expect.stringContaining('lisst') as string,
        remedy: expect.stringContaining('fabrica help') as string,
      },
    });
  });
});

describe('a filter that nothing can pass', () => {
  it('is told with the campaigns there are', async () => {
    const folder = await oneProduction();
    const list = async (...argv: string[]) =>
      (await fabrica(['list', ...argv], { cwd: folder })).out;
    expect(await list('--campaign', 'nope')).toBe(
      'No production of campaign "nope" is registered; the campaigns are MC16.\n',
    );
    expect(await list('--campaign', 'MC16', '--state', 'Held')).toBe(
      'No production of campaign "MC16" is Held.\n',
    );
    expect(await list('--state', 'Held')).toBe('No production is Held.\n');
    expect(await list('--campaign', 'MC16')).toMatch(/\nmumu /);
  });

  it('is told with the sites there are', async () => {
    const error = await refused(['jobs', 'mumu', '--site', 'KMJ'], await oneProduction(), 2);
    expect(error).toContain('No site is named "KMJ"; there are KMI, PNNL, UVic.');
    expect(error).toContain('Did you mean KMI?');
  });

  it('is told with the states and classes there are', async () => {
    const folder = await oneProduction();
    expect(await refused(['jobs', 'mumu', '--state', 'Lost'], folder, 2)).toMatch(/Waiting/);
    expect(await refused(['jobs', 'mumu', '--class', 'x'], folder, 2)).toMatch(/payload-error/);
  });

  it('is told with the data levels there are', async () => {
    const folder = await oneProduction();
    expect(await refused(['files', 'mumu', '--level', 'raw'], folder, 2)).toContain(
      'mumu has no data level "raw"; it has mdst.',
    );
    const { code, out } = await fabrica(['files', 'mumu', '--level', 'mdst'], { cwd: folder });
    expect({ code, out }).toEqual({ code: 0, out: 'No such files.\n' });
  });
});

describe('surroundings that are wrong', () => {
  it('a configuration with an unknown field is refused with its line', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'fabrica.yaml'), 'areas: [EU]\nslots: 3\n');
    const error = await refused(['list'], folder, 2);
    expect(error).toMatch(/fabrica\.yaml:2: slots: /);
  });

  it('a missing catalog is exit code 3', async () => {
    expect(await refused(['list'], temporaryFolder(), 3)).toContain('FABRICA_CATALOG_MISSING');
  });

  it('a corrupt catalog is exit code 3', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, '.fabrica'));
    writeFileSync(path.join(folder, '.fabrica', 'catalog.db'), 'x'.repeat(8192));
    expect(await refused(['list'], folder, 3)).toContain('FABRICA_CATALOG_CORRUPT');
  });

  it('a catalog of a newer version is exit code 3', async () => {
    const folder = temporaryFolder();
    const file = await emptyCatalog(folder);
    const database = new Database(file);
    database.exec(`insert into kysely_migration values ('9999-later', '2099-01-01')`);
    database.close();
    expect(await refused(['list'], folder, 3)).toContain('FABRICA_CATALOG_NEWER');
  });

  it('a name that is not registered is exit code 2', async () => {
    const folder = temporaryFolder();
    await emptyCatalog(folder);
    for (const argv of [
      ['show', 'mumu'],
      ['explain', 'mumu'],
      ['watch', 'mumu'],
      ['pause', 'mumu'],
      ['audit', 'mumu'],
    ]) {
      expect(await refused(argv, folder, 2)).toContain('FABRICA_PRODUCTION_UNKNOWN');
    }
  });

  it('no running system is exit code 3, with what to start', async () => {
    const folder = temporaryFolder();
    await emptyCatalog(folder);
    const error = await refused(['recover'], folder, 3);
    expect(error).toContain('No `fabrica up` runs');
    expect(error).toContain('TEMPORAL_ADDRESS');
  });

  it('a Temporal that does not answer is tried for a while, with a message', async () => {
    const folder = temporaryFolder();
    await emptyCatalog(folder);
    const begun = Date.now();
    const error = await refused(['recover', '--address', '127.0.0.1:9'], folder, 3);
    expect(error).toContain('trying again for 10 s');
    expect(error).toContain('(FABRICA_TEMPORAL_UNREACHABLE)');
    expect(Date.now() - begun).toBeGreaterThan(9000);
  });

  it('a state directory that can not be made is exit code 2', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'file'), '');
    const error = await refused(['up', '--state', 'file/state'], folder, 2);
    expect(error).toContain('FABRICA_STATE_UNWRITABLE');
  });

  it.each([['list'], ['up'], ['recover']])(
    'a file as state directory of %s is named',
    async (one) => {
      const folder = temporaryFolder();
      writeFileSync(path.join(folder, 'file'), '');
      const error = await refused(['--state', 'file', one], folder, 2);
      expect(error).toMatch(/The state directory .*file is a file, not a directory\./);
      expect(error).toContain('what to do: Name a directory with --state');
    },
  );
});

/** Nine levels of ten references each: a billion entries if it were unfolded. */
function anchorBomb(): string {
  const lines = ['a0: &a0 [1,1,1,1,1,1,1,1,1,1]'];
  for (let level = 1; level < 10; level++) {
    const references = new Array<string>(10).fill(`*a${level - 1}`).join(',');
    lines.push(`a${level}: &a${level} [${references}]`);
  }
  return `${lines.join('\n')}\n`;
}

/** A catalog with the default sites and the production mumu, of campaign MC16. Nothing runs. */
async function oneProduction(): Promise<string> {
  const folder = temporaryFolder();
  const catalog = await openCatalog({ file: await emptyCatalog(folder) });
  const definition = parseDefinition(parse(MINIMAL));
  await catalog.write(async (db) => {
    await syncResources(db, defaultConfiguration(folder), 0);
    const { id, revision } = await insertProduction(db, definition, 0);
    await insertRevision(db, {
      production: id,
      revision,
      canonical: canonicalDefinition(definition),
      digest: '',
      scheme: BELLE2_LFN_SCHEME,
      by: 'tester',
      now: 0,
    });
  });
  await catalog.close();
  return folder;
}

async function emptyCatalog(folder: string): Promise<string> {
  mkdirSync(path.join(folder, '.fabrica'));
  const file = path.join(folder, '.fabrica', 'catalog.db');
  await (await openCatalog({ file })).close();
  return file;
}
