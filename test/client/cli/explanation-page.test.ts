import { describe, expect, it } from 'vitest';
import { explanationPage } from '../../../client/cli/pages/explanation-page.js';
import { look } from './look.js';

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
        counts: { waiting: 0, placeable: 0, inBackoff: 0, atSites: 0, parked: 0 },
        share: null,
        sites: [],
      },
      look,
    );
    expect(page).not.toContain('\u001b');
    expect(page).toContain('- It is paused by ann@host: full\\u001b[2J.\n- No job waits.');
  });
});
