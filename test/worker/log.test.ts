import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileLog, joinedLog, terminalLog } from '../../worker/log.js';
import { temporaryFolder } from './temporary-folder.js';

const clock = { now: () => Date.parse('2026-11-23T12:00:00Z') };

describe('a log', () => {
  it('writes JSON lines to a file whose folder it makes, and single lines to a terminal', () => {
    const file = path.join(temporaryFolder(), 'logs', 'up.log');
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    const log = joinedLog([
      fileLog({ name: 'up', clock, file }),
      terminalLog({ name: 'up', clock, stream, level: 'warn' }),
    ]);
    log.debug({}, 'left out');
    log.info({ site: 'GRAZ' }, 'polling');
    log.error({ error: new Error('no\nroom'), port: 7233 }, 'failed');

    const [polling, failed, ...more] = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const always = { name: 'up', time: clock.now() };
    expect(polling).toEqual({ ...always, level: 'info', site: 'GRAZ', message: 'polling' });
    expect(failed).toMatchObject({ ...always, level: 'error', message: 'failed', port: 7233 });
    expect(failed).toHaveProperty('error.stack');
    expect(more).toEqual([]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d error up: failed \(error=no \| room, port=7233\)\n$/);
  });
});
