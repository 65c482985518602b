import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCampaign, type CampaignFile } from '../../client/campaign-file.js';
import { campaignInputs, inputNotes } from '../../client/campaign-inputs.js';
import { campaignDryRun } from '../../client/cli/pages/campaign-dry-run.js';
import { NOT_REGISTERED, type Registered } from '../../client/temporal/standing.js';
import { ControlRoom, definition } from '../activities/control/control-room.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
  // 60 events in three merged files.
  const ref = await room.register(definition());
  await room.complete(ref);
  await room.change(`update productions set state = 'Completed' where name = 'mumu'`);
});
afterEach(() => room.close());

/** A campaign of skims that read these, each file a job of its own. */
async function skims(
  inputs: readonly object[],
  files: Readonly<Record<string, string | Buffer>> = {},
): Promise<CampaignFile> {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  const file = path.join(folder, 'skims.json');
  const campaign = {
    campaign: 'SKIM',
    definition: {
      dataset: { release: 'r8', globalTag: 'DB1', experiment: 3, run: 1 },
      fabrication: { command: ['skim', '{output}'], outputs: [{ file: 'out.root' }] },
      scouts: { jobs: 1 },
    },
    productions: inputs.map((input, i) => ({
      set: { 'dataset.eventType': `skim${i}`, input: { grouping: { maxFiles: 1 }, ...input } },
    })),
  };
  writeFileSync(file, JSON.stringify(campaign, null, 1));
  return readCampaign(file, room.configuration);
}

const looked = (file: CampaignFile, standings: readonly Registered[] = []) =>
  campaignInputs(file, standings, room.catalog);

describe('what the productions of a campaign read', () => {
  it.each([
    ['\ufeff/belle/one.root', /is in UTF-16: save it as UTF-8/],
    ['/belle/one.root', /is no text: it holds NUL/],
  ])('is no list in two-byte characters: %j', async (text, message) => {
    const file = await skims([{ list: 'wide.txt' }], { 'wide.txt': Buffer.from(text, 'utf16le') });
    await expect(looked(file)).rejects.toThrow(message);
  });

  it('counts in its dry run', async () => {
    const [first] = await room.rows<{ lfn: string }>(
      `select lfn from files where kind = 'merged' order by lfn`,
    );
    const dataset = { dataset: { production: 'mumu' } };
    const lists = { 'one.txt': `${first?.lfn ?? ''}\n` };
    const file = await skims([dataset, dataset, { list: 'one.txt' }], lists);
    const read = await looked(file);
    expect(read.map(([one]) => one?.totals.files)).toEqual([3, 3, 1]);
    const run = campaignDryRun(
      file,
      { standings: file.plans.map(() => NOT_REGISTERED), priorities: new Map(), read },
      room.configuration,
    );
    expect(run.events).toBe(140);
    expect(run.scoutJobs + run.fabricationJobs).toBe(7);
  });

  it('is refused with each mistake once, its line, and a production that has it', async () => {
    const lists = { 'bad.txt': 'no lfn\n', 'empty.txt': '# nothing\n' };
    const unknown = { dataset: { production: 'nobody' } };
    const inputs = [unknown, unknown, { list: 'bad.txt' }, { list: 'empty.txt' }];
    const error: unknown = await looked(await skims(inputs, lists)).catch((one: unknown) => one);
    expect(error).toMatchObject({ code: 'FABRICA_INPUT_INVALID' });
    const lines = error instanceof Error ? error.message.split('\n') : [];
    expect(lines).toEqual([
      expect.stringMatching(
        /json:\d+: productions\[0\]\.set\.input\.dataset\.production: no production is named nobody, in production SKIM-skim0-e3-r1; /,
      ),
      expect.stringMatching(
        /\[1\]\.set\.input\.dataset\.production: no production is named nobody, in .*skim1/,
      ),
      expect.stringMatching(
        /\[2\]\.set\.input\.list: .*bad\.txt has 1 line that can not be used: line 1: "no lfn" is no LFN, in /,
      ),
      expect.stringMatching(/\[3\]\.set\.input\.list: .*empty\.txt names no files, in production/),
    ]);
  });

  it('is refused with all that is wrong with a list at once', async () => {
    const [first] = await room.rows<{ lfn: string }>(
      `select lfn from files where kind = 'merged' order by lfn`,
    );
    const lfn = first?.lfn ?? '';
    const lists = { 'bad.txt': `\ufeff\r\n${lfn}\r\nno lfn\r\n\r\n/mc/none\r\n${lfn}\r\n` };
    await expect(looked(await skims([{ list: 'bad.txt' }], lists))).rejects.toThrow(
      `bad.txt has 3 lines that can not be used: line 3: "no lfn" is no LFN; line 5: /mc/none is not in the catalog; line 6: ${lfn} is in line 2 already, in `,
    );
  });

  it('is noted where it is not whole, once for all that read it, and not of what is registered', async () => {
    await room.change(`update productions set state = 'Cancelled' where name = 'mumu'`);
    const dataset = { dataset: { production: 'mumu' } };
    const file = await skims([dataset, dataset, dataset]);
    const same = { standing: 'same', changed: [] } as const;
    const standings = [same, NOT_REGISTERED, NOT_REGISTERED];
    expect(inputNotes(file, standings, await looked(file, standings))).toEqual([
      'input: mumu is Cancelled: these are the files that it had finished, not all of its 60 events, in production SKIM-skim1-e3-r1 and 1 more production',
    ]);
  });

  it('does not matter for what is registered already', async () => {
    const file = await skims([{ dataset: { production: 'nobody' } }]);
    expect(await looked(file, [{ standing: 'same', changed: [] }])).toEqual([[]]);
    await expect(looked(file, [NOT_REGISTERED])).rejects.toThrow('no production is named nobody');
  });
});
