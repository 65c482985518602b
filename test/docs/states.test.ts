import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ATTEMPT_TRANSITIONS } from '../../domain/states/attempt.js';
import { BLOCK_TRANSITIONS } from '../../domain/states/block.js';
import {
  FILE_TRANSITIONS,
  REPLICA_TRANSITIONS,
  TRANSFER_TRANSITIONS,
} from '../../domain/states/file.js';
import { JOB_TRANSITIONS } from '../../domain/states/job.js';
import { LIVE_PRODUCTION_STATES, PRODUCTION_TRANSITIONS } from '../../domain/states/production.js';
import { RESOURCE_TRANSITIONS } from '../../domain/states/resource.js';

const TABLES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Production: PRODUCTION_TRANSITIONS,
  Block: BLOCK_TRANSITIONS,
  Job: JOB_TRANSITIONS,
  Attempt: ATTEMPT_TRANSITIONS,
  File: FILE_TRANSITIONS,
  Replica: REPLICA_TRANSITIONS,
  Transfer: TRANSFER_TRANSITIONS,
  'Site and storage': RESOURCE_TRANSITIONS,
};

const page = readFileSync(new URL('../../docs/reference/states.md', import.meta.url), 'utf8');

/** Sections with a table, as the page has them: what each state may become. */
function documented(): Record<string, Record<string, string[]>> {
  const found: Record<string, Record<string, string[]>> = {};
  for (const part of page.split(/^## /m).slice(1)) {
    const [title = ''] = part.split('\n');
    const rows = [...part.matchAll(/^\| `(\w+)` +\|[^|]*\|([^|]*)\|$/gm)];
    if (rows.length === 0) continue;
    found[title] = Object.fromEntries(
      rows.map(([, state = '', next = '']) => [state, next.match(/\w+/g) ?? []]),
    );
  }
  return found;
}

describe('docs/reference/states.md', () => {
  it('has a table for each kind of thing with states, and no other', () => {
    expect(Object.keys(documented()).sort()).toEqual(Object.keys(TABLES).sort());
  });

  it.each(Object.entries(TABLES))('has the states and transitions of: %s', (title, table) => {
    expect(documented()[title]).toEqual(table);
  });

  it('names the live states of a production', () => {
    const [, live = ''] = /^Live states: (.*)\.$/m.exec(page) ?? [];
    expect(live.match(/\w+/g)).toEqual(LIVE_PRODUCTION_STATES);
  });
});
