import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

const docs = readFileSync(
  new URL('../../../docs/reference/command-line.md', import.meta.url),
  'utf8',
);

/** Every field of an answer must be named in the command's section. */
export function expectDocumented(command: string, answer: object): void {
  const section = docs.split(`\n### ${command}\n`)[1]?.split(/\n### /)[0] ?? '';
  const missing = Object.keys(answer).filter((field) => !section.includes(`\`${field}\``));
  expect({ command, missing }).toEqual({ command, missing: [] });
}

export const firstOf = (list: unknown): object => {
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return typeof first === 'object' && first !== null ? first : {};
};
