import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../worker/temporary-folder.js';
import {
  adler32,
  buildSmallProduction,
  eventLines,
  remove,
  SECOND_MERGED,
  unmergedLfn,
  type SmallProduction,
} from './small-production.js';

const SCRIPT = path.join(import.meta.dirname, 'audit.py');

interface Outcome {
  readonly code: number | null;
  /** Lines `kind: text`. */
  readonly problems: readonly string[];
  readonly summary: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

function audit(file: string, ...options: string[]): Outcome {
  const run = spawnSync('python3', [SCRIPT, file, 'small', ...options], { encoding: 'utf8' });
  const lines = run.stdout.trimEnd().split('\n');
  const last = lines.pop() ?? '';
  return {
    code: run.status,
    problems: lines,
    summary: last === '' ? {} : (JSON.parse(last) as Record<string, unknown>),
    stderr: run.stderr,
  };
}

let folder: string;
let small: SmallProduction;

beforeEach(async () => {
  folder = temporaryFolder();
  small = await buildSmallProduction(folder);
});

afterEach(() => {
  small.database.close();
});

const FULL = ['--expect-events', '30', '--content', 'jsonl'];

const sql = (text: string): void => {
  small.database.pragma('foreign_keys = OFF');
  small.database.exec(text);
};

/** SQL for a second production of the same campaign, without jobs. */
function otherProduction(state: string): string {
  return `insert into productions (id, name, group_name, owner, description, campaign, priority, state, reason, revision,
                                   events, created_at, updated_at)
          values (2, 'other', 'g', 'me', '', 'test', 5, '${state}', '', 1, 5, 1, 1)`;
}

/** The kinds of the problems that are found, each once. */
function kinds(...options: string[]): string[] {
  const { code, problems, stderr } = audit(small.file, ...FULL, ...options);
  expect(stderr).toBe('');
  expect(code).toBe(problems.length === 0 ? 0 : 1);
  return [...new Set(problems.map((line) => line.slice(0, line.indexOf(':'))))];
}

describe('the independent audit', () => {
  it('finds nothing wrong with a production that is whole', () => {
    const { code, problems, summary } = audit(small.file, ...FULL);
    expect(problems).toEqual([]);
    expect(code).toBe(0);
    expect(summary).toMatchObject({
      passed: true,
      state: 'Completed',
      events: { asked: 30, made: 30, waived: 0 },
      attempts: { Done: 5, Failed: 1 },
      failures: { 'payload-error': 1 },
      finalFiles: 2,
      copiesByArea: { america: 2, asia: 2 },
      replicasRead: 5,
      filesOnStorages: { 'A-DISK': 3, 'B-DISK': 2 },
    });
  });

  it('reads a catalog that nobody has open, and leaves it as it was', () => {
    small.database.close();
    expect(kinds()).toEqual([]);
  });

  it('can not tell of a production that is not there, or of no catalog', () => {
    sql(`update productions set name = 'other'`);
    expect(audit(small.file)).toMatchObject({ code: 2, problems: [] });
    expect(audit(path.join(folder, 'nothing.db'))).toMatchObject({ code: 2 });
  });
});

describe('of the storages, the independent audit reports', () => {
  it('a missing file', () => {
    remove(small, 'B-DISK', SECOND_MERGED);
    expect(kinds()).toContain('missing');
  });

  it('a storage that is not there', () => {
    rmSync(path.join(folder, 'B-DISK'), { recursive: true });
    expect(kinds()).toContain('missing');
  });

  it('a wrong byte', () => {
    small.put('B-DISK', SECOND_MERGED, eventLines(11, 30).replace('12', '13'));
    expect(kinds('--content', 'none')).toEqual(['checksum']);
  });

  it('a file cut short', () => {
    small.put('B-DISK', SECOND_MERGED, eventLines(11, 29));
    expect(kinds()).toEqual(expect.arrayContaining(['size', 'checksum', 'content']));
  });

  it('a wrong checksum in the catalog', () => {
    sql(`update files set adler32 = '00000001' where lfn = '${SECOND_MERGED}'`);
    expect(kinds()).toEqual(['checksum']);
  });

  it('a file that the catalog does not know', () => {
    small.put('TMP', '/belle/MC/strange.root', 'x');
    expect(kinds()).toEqual(['dark']);
  });

  it('a link in place of a file', () => {
    const target = path.join(folder, 'elsewhere');
    writeFileSync(target, eventLines(11, 30));
    remove(small, 'B-DISK', SECOND_MERGED);
    symlinkSync(target, small.on('B-DISK', SECOND_MERGED));
    expect(kinds()).toEqual(['strange']);
  });

  it('what a failed attempt left, and names the attempt', () => {
    small.put('TMP', unmergedLfn(2, 2, 1), eventLines(11, 20));
    expect(audit(small.file).problems).toEqual([
      expect.stringMatching(/^remnant: .*left by attempt 1 of job 2, which is Failed$/),
    ]);
  });

  it('an unfinished write', () => {
    const name = unmergedLfn(2, 2, 2);
    small.put('TMP', path.posix.join(path.posix.dirname(name), '.part-x'), '');
    expect(kinds()).toEqual(['remnant']);
  });

  it('an output that was merged and is still there, catalogued or not', () => {
    small.put('TMP', unmergedLfn(3, 3, 1), eventLines(21, 30));
    expect(kinds()).toEqual(['remnant']);
    sql(`insert into replicas (file_id, storage, path, state, created_at) values (4, 'TMP', '/${small.epoch}${unmergedLfn(3, 3, 1)}', 'Available', 1);
         update files set state = 'Valid' where id = 4`);
    expect(kinds()).toEqual(['remnant']);
  });

  it('claims, of files and as an empty directory', () => {
    const claims = '/.claims/prod00000001/block0001/0';
    mkdirSync(small.on('TMP', claims), { recursive: true });
    expect(kinds()).toEqual(['claims']);
    small.put('TMP', `${claims}/2.1`, 'x');
    expect(kinds()).toEqual(['claims']);
  });

  it('nothing of remnants that are debts, but lists them', () => {
    const name = unmergedLfn(2, 2, 1);
    small.put('TMP', name, eventLines(11, 20));
    small.put('TMP', '/.claims/prod00000001/block0001/0/2.1', 'x');
    const remnant = (state: string): string => `
      insert into remnants (production_id, block, storage, path, shape, state, why, since)
      values (1, 1, 'TMP', '/${small.epoch}${name}', 'file', '${state}', 'down', 1),
             (1, 1, 'TMP', '/${small.epoch}/.claims/prod00000001', 'tree', '${state}', 'down', 1)`;
    sql(remnant('Debt'));
    const { problems, summary } = audit(small.file);
    expect(problems).toEqual([]);
    expect(summary.debts).toHaveLength(2);
    sql(`delete from remnants; ${remnant('Pending')}`);
    expect(kinds()).toEqual(['remnant', 'claims']);
  });

  it('nothing of what another production is doing, until that has ended', () => {
    sql(otherProduction('Active'));
    small.put('TMP', '/belle/MC/fab/prod00000002/.part-mdst', 'x');
    expect(kinds()).toEqual([]);
    sql(`update productions set state = 'Completed' where id = 2`);
    expect(kinds()).toEqual(['remnant']);
  });
});

describe('of the catalog, the independent audit reports', () => {
  const broken: Readonly<Record<string, { text: string; kind: string }>> = {
    'a production that has not ended': {
      text: `update productions set state = 'Active'`,
      kind: 'state',
    },
    'a block that is not finished': {
      text: `update blocks set state = 'Merging' where number = 1`,
      kind: 'state',
    },
    'a job that is still open': {
      text: `update jobs set state = 'Parked' where number = 3`,
      kind: 'open',
    },
    'an attempt that is still open': {
      text: `update attempts set state = 'Running' where job = 2 and attempt = 1`,
      kind: 'open',
    },
    'a copy that still waits': {
      text: `insert into transfers (production_id, block, file_id, source, destination, state, tries, reason, created_at, updated_at)
             values (1, 1, 6, 'TMP', 'A-DISK', 'Waiting', 0, '', 1, 1)`,
      kind: 'open',
    },
    'a gap in the event ranges': {
      text: `update jobs set first_event = 22, events = 9 where number = 3`,
      kind: 'events',
    },
    'event ranges that overlap': {
      text: `update jobs set first_event = 20, events = 11 where number = 3`,
      kind: 'events',
    },
    'too few events': { text: `update jobs set events = 9 where number = 3`, kind: 'events' },
    'a job that nobody finished': {
      text: `update jobs set state = 'Cancelled' where number = 3`,
      kind: 'events',
    },
    'a repeated seed': { text: `update jobs set seed = 102 where number = 3`, kind: 'seeds' },
    'a seed that another production of the campaign has': {
      text: `${otherProduction('Completed')};
             insert into jobs (production_id, number, block, kind, state, attempt, charged, seed, first_event, events, file_index,
                               not_before, avoid, raised)
             values (2, 1, 0, 'scout', 'Done', 1, 0, 101, 1, 5, 1, 0, '[]', 0)`,
      kind: 'seeds',
    },
    'a seed that generators refuse': {
      text: `update jobs set seed = 900000001 where number = 3`,
      kind: 'seeds',
    },
    'a failed attempt without class': {
      text: `update attempts set class = null where job = 2 and attempt = 1`,
      kind: 'diagnosis',
    },
    'a failed attempt with a class of no meaning': {
      text: `update attempts set class = 'bad luck' where job = 2 and attempt = 1`,
      kind: 'diagnosis',
    },
    'a failed attempt without reason': {
      text: `update attempts set reason = ' ' where job = 2 and attempt = 1`,
      kind: 'diagnosis',
    },
    'a lost attempt without class': {
      text: `update attempts set state = 'Lost', class = null where job = 2 and attempt = 1`,
      kind: 'diagnosis',
    },
    'a job whose last attempt is not the accepted one': {
      text: `update jobs set attempt = 1 where number = 2`,
      kind: 'fence',
    },
    'an accepted output of a fenced attempt': {
      text: `update files set attempt = 1 where job = 2`,
      kind: 'output',
    },
    'an output that was never merged': {
      text: `delete from job_inputs where file_id = 4; delete from file_parents where parent_id = 4`,
      kind: 'merge',
    },
    'an output that was merged twice': {
      text: `insert into job_inputs (production_id, job, position, file_id) values (1, 4, 1, 4);
             insert into file_parents (file_id, parent_id) values (5, 4)`,
      kind: 'merge',
    },
    'a merged file that does not name its parents': {
      text: `delete from file_parents where parent_id = 4`,
      kind: 'merge',
    },
    'a merged file with too few events': {
      text: `update files set events = 19 where id = 6`,
      kind: 'events',
    },
    'too few copies': {
      text: `update revisions set definition = json_set(definition, '$.distribution.copies', 3)`,
      kind: 'copies',
    },
    'a copy in an area that was not asked for': {
      text: `update storages set area = 'europe' where name = 'B-DISK'`,
      kind: 'copies',
    },
    'a final copy on a temporary storage': {
      text: `update storages set purpose = 'temporary' where name = 'B-DISK'`,
      kind: 'copies',
    },
    'a replica that is still to be removed': {
      text: `update replicas set state = 'Removing' where file_id = 6 and storage = 'B-DISK'`,
      kind: 'remnant',
    },
    'a replica whose name tells another origin': {
      text: `update files set job = 4 where id = 6`,
      kind: 'name',
    },
    'a payload file that is nowhere': {
      text: `delete from replicas where file_id = 1`,
      kind: 'missing',
    },
    'final files that are not valid': {
      text: `update files set state = 'Invalid' where id = 6`,
      kind: 'catalog',
    },
  };
  it.each(Object.entries(broken))('%s', (_, { text, kind }) => {
    sql(text);
    expect(kinds()).toContain(kind);
  });

  it('another number of events than was expected', () => {
    expect(audit(small.file, '--expect-events', '31').problems).toEqual([
      'events: 30 events are asked for, 31 were expected',
    ]);
  });
});

describe('a job that was done again because its output was lost', () => {
  it('is nothing wrong: what counts is its last attempt', () => {
    sql(`update attempts set state = 'Done', class = null, reason = '' where job = 2 and attempt = 1;
         insert into files (id, lfn, production_id, job, attempt, kind, level, state, size, adler32, events, metadata, created_at)
         values (9, '${unmergedLfn(2, 2, 1)}', 1, 2, 1, 'output', 'mdst', 'Removed', 1, '00000001', 10, '{}', 1)`);
    expect(kinds()).toEqual([]);
    small.put('TMP', unmergedLfn(2, 2, 1), eventLines(11, 20));
    expect(kinds()).toEqual(['remnant']);
  });
});

describe('jobs that were given up', () => {
  it('are missing with the word of the production only', () => {
    // Job 3 is waived: its output was never made, the second merged file holds job 2 alone.
    const lines = eventLines(11, 20);
    sql(`update jobs set state = 'Waived' where number = 3; delete from files where id = 4;
         delete from job_inputs where file_id = 4; delete from file_parents where parent_id = 4;
         update attempts set state = 'Failed', class = 'payload-error', reason = 'no' where job = 3;
         update jobs set events = 10 where number = 5;
         update files set events = 10, size = ${lines.length}, adler32 = '${adler32(lines)}' where id = 6`);
    for (const storage of ['A-DISK', 'B-DISK']) small.put(storage, SECOND_MERGED, lines);
    expect(kinds()).toEqual(['waived']);
    sql(`update productions set reason = '20 of 30 events are made; 1 job was waived (3)'`);
    const { problems, summary } = audit(small.file, ...FULL);
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ events: { made: 20, waived: 10 }, waivedJobs: [3] });
  });
});

describe('the content of the final files', () => {
  /** Gives the second merged file other lines, on both storages and in the catalog: nothing but the events tells. */
  function rewrite(lines: string): void {
    sql(
      `update files set size = ${lines.length}, adler32 = '${adler32(lines)}' where lfn = '${SECOND_MERGED}'`,
    );
    for (const storage of ['A-DISK', 'B-DISK']) small.put(storage, SECOND_MERGED, lines);
  }

  it.each([
    ['an event that is missing', eventLines(11, 29), /1 events are missing \[30\]/],
    ['an event that comes twice', eventLines(11, 30) + eventLines(30, 30), /1 events are repeated/],
    ['an event of another file', eventLines(10, 30), /event 10 is in/],
    ['an event that nobody asked for', eventLines(11, 31), /not expected \[31\]/],
    ['no list of events', 'nothing\n', /is no list of events/],
  ])('is looked at: %s', (_, lines, wanted) => {
    rewrite(lines);
    expect(kinds('--content', 'none')).toEqual([]);
    expect(kinds()).toEqual(['content']);
    expect(audit(small.file, ...FULL).problems.join('\n')).toMatch(wanted);
  });

  it('is the same on each storage, even where size and adler32 are', () => {
    // Three neighbouring bytes by +1, -2, +1: neither of the two sums of adler32 sees it.
    const [same, other] = ['bbfg\n', 'c`gg\n'];
    expect(adler32(same)).toBe(adler32(other));
    rewrite(same);
    small.put('B-DISK', SECOND_MERGED, other);
    expect(kinds('--content', 'none')).toEqual(['checksum']);
  });
});

describe('a production that was rejected or cancelled', () => {
  it('has left nothing, or is reported', () => {
    sql(`update productions set state = 'Rejected'; update jobs set state = 'Cancelled'`);
    expect(kinds('--state', 'Rejected')).toEqual(['remnant']);
    sql(`delete from replicas; update files set state = 'Removed'`);
    expect(kinds('--state', 'Rejected')).toEqual(['dark', 'remnant']);
    for (const storage of ['A-DISK', 'B-DISK']) {
      rmSync(path.join(folder, storage, small.epoch), { recursive: true });
    }
    expect(kinds('--state', 'Rejected')).toEqual([]);
  });

  it('keeps what was catalogued before it was cancelled', () => {
    sql(
      `update productions set state = 'Cancelled'; update jobs set state = 'Cancelled' where kind = 'merge'`,
    );
    expect(kinds('--state', 'Cancelled')).toEqual(['remnant']);
    sql(`update jobs set state = 'Done' where kind = 'merge'`);
    expect(kinds('--state', 'Cancelled')).toEqual([]);
  });
});
