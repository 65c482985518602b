import { describe, expect, it } from 'vitest';
import { explanationPage } from '../../../client/cli/pages/explanation-page.js';
import type { ExplainedSite } from '../../../domain/explanation.js';
import { look } from './look.js';

const counts = {
  ...{ waiting: 0, merges: 0, placeable: 0, inBackoff: 0, atSites: 0, parked: 0 },
  unplannedEvents: 0,
};

const KMI: ExplainedSite = {
  ...{ site: 'KMI', state: 'Active', slots: 10, open: 7, mine: 3, part: 4, room: 5 },
  ...{ obstruction: null, why: '', near: true, failing: 0, speed: 10 },
};

const pageOf = (state: 'Active' | 'Stopped', site: ExplainedSite): string =>
  explanationPage(
    {
      ...{ production: 'mumu', state, reason: '', priority: 5, group: 'mc' },
      ...{ because: [], counts, share: null, sites: [site] },
    },
    look,
  );

describe('the page of an explanation', () => {
  it('shows what people have written, and a terminal acts on none of it', () => {
    const page = explanationPage(
      {
        ...{
          production: 'mumu',
          state: 'Stopped',
          reason: 'full\u001b[2J',
          priority: 5,
          group: 'mc',
        },
        because: ['It is paused by ann@host: full\u001b[2J.', 'No job waits.'],
        counts,
        share: null,
        sites: [],
      },
      look,
    );
    expect(page).not.toContain('\u001b');
    expect(page).toContain('- It is paused by ann@host: full\\u001b[2J.\n- No job waits.');
  });

  it('tells what its figures of sites count', () => {
    const page = pageOf('Active', KMI);
    expect(page).toContain(
      'In jobs that run at a site or wait in its queue; "room" is how many more',
    );
    expect(page).toMatch(/site +state +slots +all jobs +its own +its part +room +near/);
    expect(page).toContain('0 wait to be placed, 0 run or queue at sites, 0 parked');
  });

  it('tells no room while nothing may start', () => {
    const page = pageOf('Stopped', { ...KMI, part: null, room: null });
    expect(page).toMatch(/KMI +Active +10 +7 +3/);
    expect(page).not.toMatch(/room|its part/);
  });
});
