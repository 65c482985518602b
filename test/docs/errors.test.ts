import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { ERRORS } from '../../domain/errors.js';

const FILE = 'docs/reference/errors.md';

const INTRODUCTION = `# Errors

Everything that Fabrica refuses or reports has a code. The command line prints it before the message, \`--json\` has it in
\`error.code\`, and in Temporal it is the \`type\` of the failure. The message says what is wrong and where; what to do stands here
and after the message.

_Retried_: the same call may succeed later without anybody changing its input, so workflows repeat it. The others end what was
asked for.

This page is written by \`npx vitest run test/docs -u\` from the registry, \`domain/errors.ts\`.
`;

function section(code: string, error: (typeof ERRORS)[keyof typeof ERRORS]): string {
  const { means, remedy, retryable } = error;
  return `## ${code}\n\n${means}\n\n- Retried: ${retryable ? 'yes' : 'no'}\n- Remedy: ${remedy}\n`;
}

it('every error code is documented, and every documented code is one', async () => {
  const sections = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, error]) => section(code, error));
  const page = [INTRODUCTION, ...sections].join('\n');
  const formatted = await format(page, { ...(await resolveConfig(FILE)), parser: 'markdown' });
  await expect(formatted).toMatchFileSnapshot(`../../${FILE}`);
});
