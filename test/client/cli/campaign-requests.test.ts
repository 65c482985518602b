import { expect, it } from 'vitest';
import { CAMPAIGN_REQUESTS } from '../../../client/cli/commands/campaign-requests.js';
import { statesTaking } from '../../../policy/command-rules.js';

// What is parked in productions that go on is released one by one.
const others = CAMPAIGN_REQUESTS.filter(({ kind }) => kind !== 'release');

it.each(others)('$kind of a campaign asks whatever production takes it alone', (request) => {
  expect(request.states).toEqual(expect.arrayContaining([...statesTaking(request.kind)]));
});
