import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configurationSchema, placeOf } from '../../domain/configuration.js';
import { FabricaError } from '../../domain/errors.js';
import { configurationJsonSchema, parseConfiguration } from '../../domain/parse.js';
import { loadConfiguration } from '../../worker/configuration-file.js';
import { temporaryFolder } from './temporary-folder.js';

const GOOD = `state: data
areas: [asia, america]
sites:
  - name: KMI
    area: asia
    slots: 4
    compute: {kind: local, folder: jobs/kmi}
    storages: [KMI-TMP, KMI-DISK]
storages:
  - {name: KMI-TMP, kind: directory, area: asia, root: se/tmp, purpose: temporary}
  - {name: KMI-DISK, kind: directory, area: asia, root: /se/disk, purpose: final}
`;

function folderWith(content: string | Uint8Array, name = 'fabrica.yaml'): string {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, name), content);
  return folder;
}

function refusal(call: () => unknown): FabricaError {
  try {
    call();
  } catch (error) {
    if (error instanceof FabricaError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The lines of the refusal of GOOD after a replacement. */
function problems(from: string, to: string): string[] {
  expect(GOOD).toContain(from);
  const error = refusal(() =>
    loadConfiguration({ cwd: folderWith(GOOD.replace(from, to)), env: {} }),
  );
  expect(error.code).toBe('FABRICA_CONFIGURATION_INVALID');
  return error.message.split('\n');
}

describe('loadConfiguration', () => {
  it('takes the default where there is no file', () => {
    const cwd = temporaryFolder();
    const loaded = loadConfiguration({ cwd, env: {} });
    expect(loaded.source).toBe('built-in default');
    expect(loaded.stateDirectory).toBe(path.join(cwd, '.fabrica'));
    expect(loaded.catalogFile).toBe(path.join(cwd, '.fabrica/catalog.db'));
    const { configuration } = loaded;
    expect(configuration.sites.map(({ name, slots }) => [name, slots])).toEqual([
      ['KMI', 2],
      ['PNNL', 2],
      ['UVic', 2],
    ]);
    expect(configuration.storages.map(placeOf)[0]).toBe(
      path.join(cwd, '.fabrica/storages/KMI-TMP'),
    );
    expect(configurationSchema.parse(configuration)).toEqual(configuration);
  });

  it('reads ./fabrica.yaml, with paths relative to its folder', () => {
    const cwd = folderWith(GOOD);
    const { configuration, stateDirectory, catalogFile, source } = loadConfiguration({
      cwd,
      env: {},
    });
    expect(source).toBe(path.join(cwd, 'fabrica.yaml'));
    expect(stateDirectory).toBe(path.join(cwd, 'data'));
    expect(catalogFile).toBe(path.join(cwd, 'data/catalog.db'));
    expect(configuration.state).toBe(stateDirectory);
    expect(configuration.storages.map(placeOf)).toEqual([path.join(cwd, 'se/tmp'), '/se/disk']);
    expect(configuration.sites[0]?.compute.folder).toBe(path.join(cwd, 'jobs/kmi'));
  });

  it('prefers --config to FABRICA_CONFIG to ./fabrica.yaml', () => {
    const cwd = folderWith(GOOD);
    mkdirSync(path.join(cwd, 'a'));
    mkdirSync(path.join(cwd, 'b'));
    writeFileSync(path.join(cwd, 'a/x.yaml'), GOOD);
    writeFileSync(path.join(cwd, 'b/x.yaml'), GOOD);
    const env = { FABRICA_CONFIG: 'a/x.yaml' };
    expect(loadConfiguration({ cwd, env }).stateDirectory).toBe(path.join(cwd, 'a/data'));
    expect(loadConfiguration({ cwd, env, file: 'b/x.yaml' }).source).toBe(
      path.join(cwd, 'b/x.yaml'),
    );
    expect(loadConfiguration({ cwd, env: { FABRICA_CONFIG: '' } }).source).toBe(
      path.join(cwd, 'fabrica.yaml'),
    );
  });

  it('prefers --state to FABRICA_STATE to the file, both relative to the working directory', () => {
    const folder = folderWith(GOOD);
    const cwd = temporaryFolder();
    const file = path.join(folder, 'fabrica.yaml');
    const env = { FABRICA_STATE: 'here' };
    expect(loadConfiguration({ cwd, env, file }).stateDirectory).toBe(path.join(cwd, 'here'));
    const loaded = loadConfiguration({ cwd, env, file, state: '/elsewhere' });
    expect(loaded.stateDirectory).toBe('/elsewhere');
    expect(loaded.configuration.state).toBe('/elsewhere');
    expect(loadConfiguration({ cwd, env }).configuration.storages.map(placeOf)[0]).toBe(
      path.join(cwd, 'here/storages/KMI-TMP'),
    );
  });

  it('puts the catalog where the file says', () => {
    const cwd = folderWith(`${GOOD}catalog: {file: db/c.db}\n`);
    expect(loadConfiguration({ cwd, env: {} }).catalogFile).toBe(path.join(cwd, 'db/c.db'));
  });

  it('lets TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE win', () => {
    const cwd = folderWith(`${GOOD}temporal: {address: 'a:1', namespace: x}\n`);
    expect(loadConfiguration({ cwd, env: {} }).configuration.temporal.address).toBe('a:1');
    const env = { TEMPORAL_ADDRESS: 'ns.acct.tmprl.cloud:7233', TEMPORAL_NAMESPACE: 'y' };
    expect(loadConfiguration({ cwd, env }).configuration.temporal).toMatchObject({
      address: 'ns.acct.tmprl.cloud:7233',
      namespace: 'y',
    });
  });

  it('refuses a malformed TEMPORAL_ADDRESS by its name', () => {
    const env = { TEMPORAL_ADDRESS: 'http://localhost' };
    const error = refusal(() => loadConfiguration({ cwd: temporaryFolder(), env }));
    expect(error.message).toContain('TEMPORAL_ADDRESS must be host:port');
  });
});

const TO_CREDENTIALS = `storages:
  - {name: S3, kind: s3, area: asia, url: 'https://h/bucket', purpose: temporary, credential: keys}
  - {name: DAV, kind: webdav, area: asia, url: 'https://d/x', purpose: final, credential: who}
  - {name: KMI-TMP,`;
const CREDENTIALS = `credentials:
  - {name: keys, kind: s3, accessKey: {env: ID}, secretKey: {file: secrets/key}}
  - {name: who, kind: x509, certificate: /x/proxy, key: proxy}
`;
const withCredentials = (credentials = CREDENTIALS): string =>
  GOOD.replace('storages:\n  - {name: KMI-TMP,', TO_CREDENTIALS) + credentials;

describe('credentials', () => {
  it('are named, with files relative to the configuration', () => {
    const cwd = folderWith(withCredentials());
    expect(loadConfiguration({ cwd, env: {} }).configuration.credentials).toEqual([
      {
        ...{ name: 'keys', kind: 's3', accessKey: { env: 'ID' } },
        secretKey: { file: path.join(cwd, 'secrets/key') },
      },
      { name: 'who', kind: 'x509', certificate: '/x/proxy', key: path.join(cwd, 'proxy') },
    ]);
  });

  const lines = (credentials: string, change: (text: string) => string = (same) => same) => {
    const cwd = folderWith(change(withCredentials(credentials)));
    return refusal(() => loadConfiguration({ cwd, env: {} })).message.split('\n');
  };

  it('are refused where a storage names one that there is not, or one of another kind', () => {
    expect(lines('')[0]).toContain(
      'storages[0].credential: names the unknown credential keys; the credentials are none',
    );
    expect(lines(CREDENTIALS.replace('name: keys', 'name: key'))).toEqual([
      expect.stringContaining('names the unknown credential keys; did you mean key?'),
    ]);
    const swapped = (text: string) =>
      text.replace('credential: keys', 'credential: who').replace('x509, cert', 'x509, cert');
    expect(lines(CREDENTIALS, swapped)).toEqual([
      expect.stringContaining('names who, which is of kind x509; name one of kind s3'),
    ]);
    expect(lines(CREDENTIALS.replace('name: who', 'name: KEYS').replace('keys', 'Keys'))).toEqual(
      expect.arrayContaining([expect.stringContaining('names KEYS twice')]),
    );
  });

  it('are refused with a secret in their place, and where they would be sent in the clear', () => {
    expect(lines(CREDENTIALS.replace('{env: ID}', 'AKIA'))[0]).toContain(
      'credentials[0].accessKey',
    );
    expect(lines(CREDENTIALS.replace('{env: ID}', '{}'))[0]).toContain(
      'credentials[0].accessKey: must be {file: PATH} or {env: NAME}',
    );
    expect(lines(CREDENTIALS.replace('env: ID', 'env: a+b/c'))[0]).toContain(
      'must be the name of an environment variable, not its value',
    );
    const clear = (text: string) => text.replace('https://d/x', 'http://d/x');
    expect(lines(CREDENTIALS, clear)).toEqual([
      expect.stringContaining('storages[1].url: would have credential who sent where everybody'),
    ]);
    const loopback = withCredentials().replace('https://d/x', 'http://127.0.0.1:80/x');
    expect(
      loadConfiguration({ cwd: folderWith(loopback), env: {} }).configuration.storages,
    ).toHaveLength(4);
  });
});

describe('a configuration file that can not be read', () => {
  it('is an error when it was named and is missing, with who named it', () => {
    const cwd = temporaryFolder();
    const option = refusal(() => loadConfiguration({ cwd, env: {}, file: 'no.yaml' }));
    expect(option.code).toBe('FABRICA_CONFIGURATION_INVALID');
    expect(option.message).toBe(
      `The configuration file ${cwd}/no.yaml (named by --config) does not exist.`,
    );
    const variable = refusal(() => loadConfiguration({ cwd, env: { FABRICA_CONFIG: 'no.yaml' } }));
    expect(variable.message).toContain('(named by FABRICA_CONFIG) does not exist');
  });

  it('is an error when it is a directory or a FIFO', () => {
    const cwd = temporaryFolder();
    mkdirSync(path.join(cwd, 'fabrica.yaml'));
    expect(refusal(() => loadConfiguration({ cwd, env: {} })).message).toContain('is a directory');
    execFileSync('mkfifo', [path.join(cwd, 'fifo')]);
    const error = refusal(() => loadConfiguration({ cwd, env: {}, file: 'fifo' }));
    expect(error.message).toContain('is a FIFO');
  });

  it.each([
    ['empty', '', 'the file is empty'],
    ['indented by tabs', 'a:\n\tb: 1', 'fabrica.yaml:2:1: a tab'],
    ['no UTF-8', Buffer.from([0x61, 0xff]), 'is not valid UTF-8 at byte 1'],
    ['too large', '#'.repeat(1_000_001), 'more than 1 MB'],
  ])('is an error when it is %s', (_, content, reason) => {
    const error = refusal(() => loadConfiguration({ cwd: folderWith(content), env: {} }));
    expect(error.code).toBe('FABRICA_CONFIGURATION_INVALID');
    expect(error.message).toContain(reason);
  });
});

describe('a configuration is refused, with file, line, field and remedy, for', () => {
  it('an unknown area', () => {
    expect(problems('area: asia\n', 'area: asai\n')).toEqual([
      'fabrica.yaml:5: sites[0].area: names the unknown area asai; did you mean asia?',
    ]);
    expect(problems('area: asia, root: se/tmp', 'area: europe, root: se/tmp')).toEqual([
      'fabrica.yaml:10: storages[0].area: names the unknown area europe; the areas are asia, america',
    ]);
  });

  it('an unknown storage', () => {
    expect(problems('[KMI-TMP, KMI-DISK]', '[KMI-TMP, KMI-DSK]')).toEqual([
      'fabrica.yaml:8: sites[0].storages[1]: names the unknown storage KMI-DSK; did you mean KMI-DISK?',
    ]);
  });

  it('a site, a storage and an area that are named twice, whatever the case', () => {
    const site = '  - {name: kmi, area: asia, slots: 1}\nstorages:';
    expect(problems('storages:\n  -', `${site}\n  -`)).toEqual([
      'fabrica.yaml:9: sites[1].name: names kmi twice; choose another name, or remove one',
    ]);
    expect(problems('name: KMI-DISK', 'name: KMI-TMP').join()).toContain(
      'storages[1].name: names KMI-TMP twice',
    );
    expect(problems('[asia, america]', '[asia, asia]')).toEqual([
      'fabrica.yaml:2: areas[1]: names asia twice; choose another name, or remove one',
    ]);
  });

  it('no final storage', () => {
    expect(problems('purpose: final', 'purpose: temporary')).toEqual([
      'fabrica.yaml:9: storages: has no final storage; add one with purpose: final',
    ]);
  });

  it('two storages that share a folder or lie within each other', () => {
    expect(problems('root: /se/disk', 'root: se/./tmp')[0]).toMatch(
      /^fabrica\.yaml:11: storages\[1\]\.root: ".*" overlaps with storages.0.root/,
    );
    expect(problems('root: /se/disk', 'root: se/tmp/disk')[0]).toContain('overlaps');
  });

  it.each([
    ['xrootd', 'root://KMI.example.org.:1094//store', 'root://kmi.example.org//store/tmp'],
    ['webdav', 'https://[0:0::1]:443/store/tmp', 'https://[::1]/store'],
  ])('two %s storages of one server that lie within each other', (kind, ...urls) => {
    let text = GOOD;
    for (const [i, root] of ['se/tmp', '/se/disk'].entries()) {
      const [name, url] = [['KMI-TMP', 'KMI-DISK'][i] ?? '', urls[i] ?? ''];
      text = text.replace(`${name}, kind: directory`, `${name}, kind: ${kind}`);
      text = text.replace(`root: ${root},`, `url: '${url}',`);
    }
    const cwd = folderWith(text);
    expect(refusal(() => loadConfiguration({ cwd, env: {} })).message).toContain(
      'overlaps with storages.0.url',
    );
    writeFileSync(path.join(cwd, 'fabrica.yaml'), text.replace('/store/tmp', '/other'));
    expect(loadConfiguration({ cwd, env: {} }).configuration.storages).toHaveLength(2);
  });

  it('a site whose jobs lie inside of a storage', () => {
    expect(problems('folder: jobs/kmi', 'folder: se/tmp/jobs')[0]).toContain('compute.folder');
  });

  it('the field of another kind of storage', () => {
    expect(problems('root: se/tmp', `root: se/tmp, url: 'root://h//x'`)).toEqual([
      expect.stringContaining(
        'storages[0].url: is no field of a mapping with kind: directory; remove it; the fields of a mapping with kind: directory are name, area, purpose, root, kind',
      ),
    ]);
    expect(problems('KMI-TMP, kind: directory', 'KMI-TMP, kind: xrootd')).toEqual([
      expect.stringContaining('storages[0].url: is missing'),
      expect.stringMatching(/storages\[0\]\.root: .*kind: xrootd are .*, url/),
    ]);
    expect(problems('KMI-TMP, kind: directory', 'KMI-TMP, kind: ftp')[0]).toContain(
      `storages[0].kind: must be 'directory' or 'xrootd' or 'webdav' or 's3' or 'simulated' (got "ftp")`,
    );
  });

  it('an address of a storage, with what is wrong with it', () => {
    expect(
      problems(
        'KMI-TMP, kind: directory, area: asia, root: se/tmp',
        `KMI-TMP, kind: xrootd, area: asia, url: 'root://h//x/'`,
      ),
    ).toEqual([
      expect.stringContaining(
        'storages[0].url: must be like root://host:1094//directory, without a slash at the end (got "root://h//x/"); correct it',
      ),
    ]);
  });

  it('unknown fields and kinds', () => {
    expect(problems('slots: 4', 'slot: 4')).toEqual([
      expect.stringMatching(
        /^fabrica\.yaml:4: sites\[0\]\.slots: is missing; add it, a whole number/,
      ),
      expect.stringMatching(
        /^fabrica\.yaml:6: sites\[0\]\.slot: is no field .*; did you mean slots\?/,
      ),
    ]);
    expect(problems('kind: local', 'kind: pbs')[0]).toMatch(
      /^fabrica\.yaml:7: sites\[0\]\.compute\.kind: must be 'local' or 'slurm' or 'simulated' \(got "pbs"\)/,
    );
  });

  it('a site of Slurm without a shared folder, or with options that are not its own', () => {
    const slurm = (fields: string): string[] =>
      problems('compute: {kind: local, folder: jobs/kmi}', `compute: {kind: slurm, ${fields}}`);
    expect(slurm('partition: grid')).toEqual([
      expect.stringContaining('sites[0].compute.folder: is missing'),
    ]);
    expect(slurm('folder: jobs, partition: "--help"')).toEqual([
      expect.stringContaining('sites[0].compute.partition: must be a name'),
    ]);
    expect(slurm('folder: jobs, options: ["-C el9", "--array=0-3", "--mem"]')).toEqual([
      expect.stringContaining('options[0]: must be --option or --option=value'),
      expect.stringContaining('options[1]: must be none of the options that Fabrica sets itself'),
      expect.stringContaining('options[2]: must be none of the options that Fabrica sets itself'),
    ]);
    const good = 'folder: jobs, qos: long, partition: "a,b", options: ["--constraint=el9"]';
    expect(() => slurm(good)).toThrow('nothing was refused');
  });

  it.each(['../x', '"a\\nb"', '"a\'b"', '$(id)', '"a\\0"'])('a site of the name %s', (name) => {
    expect(problems('name: KMI\n', `name: ${name}\n`)[0]).toMatch(
      /^fabrica\.yaml:4: sites\[0\]\.name: must be letters, digits/,
    );
  });

  it('a path with NUL or with ~', () => {
    expect(problems('state: data', 'state: "a\\0"')[0]).toContain(
      'must not hold control characters',
    );
    expect(problems('state: data', 'state: ~/x')[0]).toContain('~ is not expanded');
  });

  it('LFN templates under which one removal would reach other productions', () => {
    const lfn = 'lfn: {directory: "/mc/sub{sub}/{production}/{level}"}\nstate: data';
    expect(problems('state: data', lfn)[0]).toContain('must have {sub} in its last part');
  });

  it('the field __proto__', () => {
    expect(problems('state: data', 'state: data\n__proto__: {a: 1}')[0]).toContain(
      '__proto__: is no field',
    );
  });

  it('everything at once, also of entries that have other faults', () => {
    const lines = problems('area: asia\n    slots: 4', 'area: europe\n    slots: 0');
    expect(lines).toEqual([
      expect.stringContaining('names the unknown area europe'),
      expect.stringContaining('sites[0].slots: must be a whole number from 1 to 1000000 (got 0)'),
    ]);
  });
});

describe('configurationJsonSchema', () => {
  it('has a title and a version', () => {
    expect(configurationJsonSchema()).toMatchObject({
      title: 'Fabrica configuration',
      $schema: expect.stringContaining('json-schema.org') as string,
    });
  });
});

describe('parseConfiguration', () => {
  it('refuses what is no mapping', () => {
    for (const value of [null, 1, [], 'x']) {
      expect(() => parseConfiguration(value)).toThrow('must be a mapping of fields');
    }
  });
});
