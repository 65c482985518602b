import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { COMMAND_KINDS } from '../../domain/command.js';
import { PRODUCTION_STATES } from '../../domain/states/production.js';
import { commandAllowed } from '../../policy/command-rules.js';

const FILE = 'docs/reference/commands.md';

const INTRODUCTION = `# Which commands a production takes in which state

_yes_: it is carried out, if what it says can be. _so_: the production is so already, and nothing changes. Everywhere else it is refused, with the reason; [which refusals are in the event log](../how-to/control-a-live-production.md#from-any-temporal-client).

A production that is being finished takes no \`extend\` and no \`reprocess\` until it is \`Completed\`; one that was paused or held while it was scouting takes no \`finish\`, \`kill\` and
\`reprocess\`. What each of them does, and how it is sent: [Steer a production that runs](../how-to/control-a-live-production.md).

This page is written by \`npx vitest run test/docs -u\` from the rules, \`policy/command-rules.ts\`.
`;

const SHOWN = { yes: 'yes', already: 'so', no: '' } as const;

it('the commands that each state takes are documented as the policy has them', async () => {
  const kinds = COMMAND_KINDS.filter((kind) => kind !== 'malformed');
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = PRODUCTION_STATES.map((state) => {
    const production = { name: 'NAME', state, resumeState: null, finish: null };
    return row([state, ...kinds.map((kind) => SHOWN[commandAllowed(kind, production).allowed])]);
  });
  const table = [
    row(['', ...kinds.map((kind) => `\`${kind}\``)]),
    row(['---', ...kinds.map(() => ':-:')]),
    ...lines,
  ];
  const page = `${INTRODUCTION}\n${table.join('\n')}\n`;
  const formatted = await format(page, { ...(await resolveConfig(FILE)), parser: 'markdown' });
  await expect(formatted).toMatchFileSnapshot(`../../${FILE}`);
});
