import { afterEach, beforeEach, expect, it } from 'vitest';
import { getProduction } from '../../../catalog/productions.js';
import { listCampaigns } from '../../../catalog/views/campaign-list.js';
import { viewCampaign } from '../../../catalog/views/campaign-view.js';
import { listProductions } from '../../../catalog/views/production-list.js';
import { viewProduction } from '../../../catalog/views/production-view.js';
import { campaignPage, campaignTable } from '../../../client/cli/pages/campaign-page.js';
import { productionPage } from '../../../client/cli/pages/production-page.js';
import { productionTable } from '../../../client/cli/pages/production-table.js';
import {
  ControlRoom,
  definition,
  failing,
  good,
  type Outcome,
} from '../../activities/control/control-room.js';
import { look } from './look.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(async () => room.close());

it('what was waived is no part of what percentages are of, whoever tells them', async () => {
  const ref = await room.register(definition({ scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  const bad: Outcome = (job, order) => (job.job > 3 ? failing : () => good)()(job, order);
  await room.runJobs(ref, 0, 'events', bad);
  await room.do.closeStage({ ...ref, block: 0, stage: 'events' });
  const command = { kind: 'waive', who: 'me', why: '' } as const;
  expect(await room.do.command({ ...ref, command })).toMatchObject({ outcome: 'done' });

  const { db } = room.catalog;
  const now = room.clock.now();
  const events = { asked: 60, wanted: 30, made: 30, merged: 0, distributed: 0, waived: 30 };
  const { productions } = await listProductions(db, { limit: 10, now });
  const options = { now, blocks: 10, events: 0 };
  const shown = await viewProduction(db, await getProduction(db, 'mumu'), options);
  const campaigns = await listCampaigns(db, now);
  const campaign = await viewCampaign(db, 'MC16', { now, trouble: 10 });
  if (campaign === null) throw new Error('there is no campaign');
  for (const told of [productions[0]?.events, shown.progress.events, campaigns[0]?.events]) {
    expect(told).toEqual(events);
  }
  expect(campaign.events).toEqual(events);
  expect(campaign.pace.eventsLeft).toBe(0);

  expect(productionTable(productions, look)).toMatch(/MC16 +30 +30 +100 % +0 %/);
  expect(campaignTable(campaigns, look)).toMatch(/MC16 +1 +30 +30 +100 % +0 %/);
  for (const page of [productionPage(shown, '', look), campaignPage(campaign, null, look)]) {
    expect(page).toMatch(/^waived +30 events$/m);
    expect(page).toMatch(/^fabricated .* 100 % +30 of 30 events$/m);
  }
});
