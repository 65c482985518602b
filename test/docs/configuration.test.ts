import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseDocument } from '../../domain/document.js';
import { BELLE2_LFN_SCHEME } from '../../domain/lfn.js';
import { parseConfiguration } from '../../domain/parse.js';

it('the example of the configuration reference is a valid configuration, and its LFN scheme the default', () => {
  const file = 'docs/reference/configuration.md';
  const block = /^```yaml\n(.*?)^```$/ms.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const { value, lineOf } = parseDocument(block, file);
  const configuration = parseConfiguration(value, { file, lineOf });
  expect(configuration.lfn).toEqual(BELLE2_LFN_SCHEME);
  expect(configuration.sites.map((site) => site.name)).toEqual(['KMI']);
});
