import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BELLE2_LFN_SCHEME,
  claimDirectory,
  FILES_PER_DIRECTORY,
  lfnOf,
  logDirectory,
  logLfn,
  outputNaming,
  physicalDirectory,
  physicalPath,
  sandboxLfn,
  templateFault,
} from '../../domain/lfn.js';
import { LFN_PATTERN } from '../../domain/names.js';

const DATASET = {
  campaign: 'MC16ri_a',
  release: 'release-08-00-00',
  globalTag: 'DB00002649',
  experiment: 1003,
  run: 0,
  beamEnergy: '4S',
  eventType: 'mixed',
};
const naming = (production: number, level = 'mdst', merged = true) =>
  outputNaming(BELLE2_LFN_SCHEME, DATASET, { production, level, fileName: 'out.root', merged });

describe('lfnOf', () => {
  it('follows the convention of Belle II', () => {
    expect(lfnOf(naming(29_583), { index: 1, job: 17_869, attempt: 1 })).toBe(
      '/belle/MC/release-08-00-00/DB00002649/MC16ri_a/prod00029583/s00/e1003/4S/r00000/mixed/mdst/sub00/' +
        'mdst_000001_prod00029583_task00017869001.root',
    );
  });

  it('puts unmerged files under fab, and keeps the whole extension', () => {
    const open = outputNaming(BELLE2_LFN_SCHEME, DATASET, {
      production: 1,
      level: 'mdst',
      fileName: 'out.tar.gz',
      merged: false,
    });
    expect(lfnOf(open, { index: 1, job: 1, attempt: 1 })).toMatch(
      /^\/belle\/MC\/fab\/.*\.tar\.gz$/,
    );
  });

  const key = fc.record({
    production: fc.integer({ min: 1, max: 99_999 }),
    level: fc.constantFrom('mdst', 'udst'),
    merged: fc.boolean(),
    index: fc.integer({ min: 1, max: 2_000_000 }),
    job: fc.integer({ min: 1, max: 99_999_999 }),
    attempt: fc.integer({ min: 1, max: 999 }),
  });
  type Key = typeof key extends fc.Arbitrary<infer T> ? T : never;
  const lfn = (k: Key) => lfnOf(naming(k.production, k.level, k.merged), k);

  it('gives different files different names, and each is a plain path', () => {
    fc.assert(
      fc.property(
        key,
        key,
        fc.constantFrom('production', 'level', 'merged', 'index', 'job', 'attempt'),
        (a, b, field) => {
          const other = { ...a, [field]: b[field] };
          expect(lfn(a) === lfn(other)).toBe(a[field] === b[field]);
          expect(lfn(a)).toMatch(LFN_PATTERN);
        },
      ),
    );
  });

  it('puts at most 1000 files of consecutive indices into a directory', () => {
    const counts = new Map<string, number>();
    for (let index = 1; index <= 25_000; index++) {
      const name = lfnOf(naming(1), { index, job: index, attempt: 1 });
      const directory = name.slice(0, name.lastIndexOf('/'));
      counts.set(directory, (counts.get(directory) ?? 0) + 1);
    }
    expect(counts.size).toBe(25);
    expect(Math.max(...counts.values())).toBe(FILES_PER_DIRECTORY);
  });

  it('keeps everything of an output, and nothing of another, below its physical directory', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const directory = physicalDirectory('e123456', naming(a.production, a.level, a.merged));
        const same = a.production === b.production && a.level === b.level && a.merged === b.merged;
        expect(physicalPath('e123456', lfn(b)).startsWith(`${directory}/`)).toBe(same);
      }),
    );
  });

  it('does not take the properties of every object for fields', () => {
    const scheme = { ...BELLE2_LFN_SCHEME, file: '{constructor}_{index}_{task}' };
    const open = outputNaming(scheme, DATASET, {
      production: 1,
      level: 'mdst',
      fileName: 'a',
      merged: true,
    });
    expect(open.file).toBe('{constructor}_{index}_{task}');
  });
});

describe('templateFault', () => {
  it('accepts the convention of Belle II', () => {
    expect(templateFault('directory', BELLE2_LFN_SCHEME.directory)).toBeNull();
    expect(templateFault('directory', BELLE2_LFN_SCHEME.unmergedDirectory)).toBeNull();
    expect(templateFault('file', BELLE2_LFN_SCHEME.file)).toBeNull();
  });

  it.each([
    ['directory', '/mc/{production}/{level}', '{sub}'],
    ['directory', '/mc/{production}/{level}/{sub}/{who}', 'no fields but'],
    ['directory', '/mc/sub{sub}/{production}/{level}', 'in its last part'],
    ['directory', 'mc/{production}/{level}/{sub}', 'absolute'],
    ['directory', '/mc//{production}/{level}/{sub}', 'absolute'],
    ['directory', '/../{production}/{level}/{sub}', '".."'],
    ['directory', "/mc'$(x)/{production}/{level}/{sub}", 'letters'],
    ['file', 'x_{task}', '{index}'],
    ['file', 'a/{index}_{task}', 'one file name'],
    ['file', '.{index}_{task}', 'one file name'],
    ['file', '{index}_{task}\n', 'one file name'],
    ['file', '{index}_{task}_{constructor}', 'no fields but'],
  ] as const)('refuses the %s %s', (what, text, reason) => {
    expect(templateFault(what, text)).toContain(reason);
  });
});

describe('other paths', () => {
  it('of a sandbox hold the content and the name', () => {
    const hash = 'ab'.repeat(32);
    expect(sandboxLfn(BELLE2_LFN_SCHEME, hash, 'gen.sh')).toBe(`/belle/sandbox/ab/${hash}/gen.sh`);
  });

  it('of logs tell production, block and bundle, and lie in one directory of the production', () => {
    const lfn = logLfn(BELLE2_LFN_SCHEME, { production: 12, block: 3, bundle: 456 });
    expect(lfn).toBe('/belle/log/prod00000012/block0003/bundle00000456.tar.gz');
    expect(lfn).toMatch(LFN_PATTERN);
    expect(lfn.startsWith(`${logDirectory(BELLE2_LFN_SCHEME, 12)}/`)).toBe(true);
  });

  it('of claims are apart from files', () => {
    expect(claimDirectory('e1', 12, 3)).toBe('/e1/.claims/prod00000012/block0003');
  });
});
