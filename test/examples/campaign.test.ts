import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readCampaign } from '../../client/campaign-file.js';
import { parseCampaign, parseConfiguration } from '../../domain/parse.js';

const read = (file: string): string => readFileSync(path.resolve(file), 'utf8');
const configuration = parseConfiguration(parse(read('examples/simulated/fabrica.yaml')));
const FILE = 'examples/campaign/campaign.yaml';

describe('the campaign example', () => {
  it('makes 22 productions for the simulated grid, as its README says', async () => {
    const { name, plans, productions, warnings } = await readCampaign(FILE, configuration);
    expect(name).toBe('MC16ri_b');
    expect(productions).toHaveLength(22);
    expect(plans).toHaveLength(22);
    expect(warnings).toEqual([]);
    expect(read('examples/campaign/README.md')).toContain('makes 22 productions');
  });

  it('grows by 16 when two more runs are added, and the others stay what they were', async () => {
    const grown = parseCampaign(parse(read(FILE).replace('dataset.run: 1-3', 'dataset.run: 1-5')));
    const now = grown.productions.map(({ definition }) => definition);
    expect(now).toHaveLength(38);
    const { productions } = await readCampaign(FILE, configuration);
    for (const { definition } of productions) expect(now).toContainEqual(definition);
  });

  it('of the reference makes as many productions as it says', () => {
    const page = read('docs/reference/campaign-file.md');
    const text = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
    expect(parseCampaign(parse(text)).productions).toHaveLength(63);
    expect(page).toContain('= 63 productions');
  });
});
