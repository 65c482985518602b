import { describe, expect, it } from 'vitest';
import { definitionSchema } from '../../domain/definition.js';
import {
  blockWorkflowId,
  ceJobName,
  EPOCH_PATTERN,
  epochAt,
  FILE_NAME_PATTERN,
  LFN_PATTERN,
  NAME_PATTERN,
  productionWorkflowId,
  siteIoQueue,
  siteQueue,
  storageQueue,
} from '../../domain/names.js';

const HOSTILE = [
  ['the parent directory', '..'],
  ['a path to the parent', 'a/../b'],
  ['two dots inside', 'a..b'],
  ['a slash', 'a/b'],
  ['a backslash', 'a\\b'],
  ['a line break', 'a\nb'],
  ['a line break at the end', 'a\n'],
  ['a single quote', "a'b"],
  ['a double quote', 'a"b'],
  ['a command substitution', '$(touch x)'],
  ['backticks', '`x`'],
  ['NUL', 'a\u0000b'],
  ['half of a surrogate pair', 'a\ud800'],
  ['a letter outside ASCII', 'é'],
  ['a space', 'a b'],
  ['nothing', ''],
  ['a dash in front', '-a'],
  ['a dot in front', '.a'],
  ['a glob', 'a*'],
  ['braces', '{seed}'],
] as const;

describe('names', () => {
  it.each(HOSTILE)('of productions, sites and datasets can not hold %s', (_, text) => {
    expect(text).not.toMatch(NAME_PATTERN);
    const result = definitionSchema.shape.name.safeParse(text);
    expect(result.success).toBe(false);
  });

  it.each(HOSTILE)('of files can not hold %s', (_, text) => {
    expect(text).not.toMatch(FILE_NAME_PATTERN);
  });

  it.each(HOSTILE)('of logical files can not hold %s', (_, text) => {
    if (text !== 'a/b') expect(`/belle/${text}`).not.toMatch(LFN_PATTERN);
  });

  it.each(['wrapper.sh', 'fabrica-report.json', 'log', 'report', 'report.tmp'])(
    'of files leave %s to the job itself',
    (text) => {
      expect(text).not.toMatch(FILE_NAME_PATTERN);
    },
  );

  it.each(['a', 'MC16ri_a', 'release-08-00-00', '4S', 'v1.2.3'])('may be %s', (text) => {
    expect(text).toMatch(NAME_PATTERN);
  });

  it.each(['out.root', '_x', 'logs.txt', 'report.pdf', 'my-wrapper.sh'])(
    'of files may be %s',
    (text) => {
      expect(text).toMatch(FILE_NAME_PATTERN);
    },
  );
});

describe('identifiers', () => {
  it('of epochs sort by time and fit their pattern', () => {
    const [early, late] = [epochAt(1_700_000_000_000), epochAt(1_700_000_001_000)];
    expect(early).toMatch(EPOCH_PATTERN);
    expect(early < late).toBe(true);
  });

  it('of attempts, workflows and queues are made of their parts', () => {
    expect(ceJobName({ epoch: 'e1', production: 'p', job: 2, attempt: 3 })).toBe('e1.p.2.3');
    expect(productionWorkflowId('p')).toBe('production/p');
    expect(blockWorkflowId('p', 4)).toBe('production/p/block/4');
    expect([siteQueue('S'), siteIoQueue('S'), storageQueue('D')]).toEqual([
      'site.S',
      'site.S.io',
      'se.D',
    ]);
  });
});
