import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { viewCampaign } from '../../../catalog/views/campaign-view.js';
import { checkProductions } from '../../../client/cli/doctor/production-checks.js';
import { ControlRoom, definition } from '../../activities/control/control-room.js';

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open();
});
afterEach(async () => room.close());

const checked = async () => checkProductions(room.catalog, room.clock);
const troubled = async () => {
  const view = await viewCampaign(room.catalog.db, 'MC16', { now: room.clock.now(), trouble: 10 });
  return view?.trouble.map(({ name }) => name);
};

/** A production of one site, which is banned, that is held for it. */
async function heldForSites() {
  const ref = await room.register(definition({ sites: ['KMI'], dataset: { campaign: 'MC16' } }));
  await room.do.setSiteOverride({
    ...{ site: 'KMI', state: 'Banned', who: 'ann@host', why: 'CVMFS is broken', until: null },
  });
  await room.change(
    `update productions set state = 'Held', held_for = 'sites', resume_state = 'Active', reason = 'no site takes its jobs'`,
  );
  return ref;
}

describe('what doctor advises for a production', () => {
  it('that is held for its sites is what opens one, and no command that is refused', async () => {
    const ref = await heldForSites();
    const [found] = await checked();
    expect(found?.remedy).toMatch(/^It goes on by itself .*`fabrica site unban KMI`.*amend mumu/);
    expect(found?.remedy).not.toMatch(/release|waive|failures/);
    const command = { kind: 'release', who: 'ann', why: '' } as const;
    const answer = await room.do.command({ ...ref, command });
    expect(answer).toMatchObject({ outcome: 'refused', refusal: { remedy: found?.remedy } });
    expect(await troubled()).toEqual([]);
    await room.do.setSiteOverride({ site: 'KMI', state: null, who: 'ann', why: '', until: null });
    expect((await checked())[0]?.remedy).toBe('It goes on by itself: a site takes its jobs again.');
  });

  it('that is held for another reason is to release it', async () => {
    await heldForSites();
    await room.change(`update productions set held_for = null`);
    expect((await checked())[0]?.remedy).toMatch(/failures mumu.*release mumu.*waive mumu/);
    expect(await troubled()).toEqual(['mumu']);
  });
});
