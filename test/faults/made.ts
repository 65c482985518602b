import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { SITES, storageRoot, STORAGES } from './grid-under-test.js';
import type { World } from './world.js';

/** What a production has made, in a form that can be compared with what another run of it has made. */
export interface Made {
  /** `firstEvent+events seed` of each job that made events, in order. */
  readonly ranges: readonly string[];
  /** Digest of all events with their content, in order of their numbers, and how many there are. */
  readonly content: string;
}

/** Reads it from the catalog (ranges) and, for local productions, from the final files themselves. */
export function madeBy(world: World, production: string): Made {
  const db = new Database(world.catalogFile, { readonly: true, timeout: 10_000 });
  try {
    const id = db
      .prepare<[string], number>('select id from productions where name = ?')
      .pluck()
      .get(production);
    if (id === undefined) throw new Error(`the catalog has no production ${production}`);
    const ranges = db
      .prepare<[number], string>(
        `select first_event || '+' || events || ' ' || seed from jobs
         where production_id = ? and kind in ('scout', 'fabrication') and state = 'Done' order by first_event, number`,
      )
      .pluck()
      .all(id);
    const events = world.grid === 'local' ? eventsInFiles(world, id) : checksums(db, id);
    return { ranges, content: `${events.length} ${digestOf(events)}` };
  } finally {
    db.close();
  }
}

/** How a run differs from the undisturbed one; empty if it does not. */
export function differences(made: Made, reference: Made): string[] {
  const missing = reference.ranges.filter((range) => !made.ranges.includes(range));
  const extra = made.ranges.filter((range) => !reference.ranges.includes(range));
  return [
    ...(missing.length + extra.length === 0
      ? []
      : [
          `event ranges: ${missing.length} missing (${missing[0] ?? '-'}), ${extra.length} others (${extra[0] ?? '-'})`,
        ]),
    ...(made.content === reference.content
      ? []
      : [`content: ${made.content} instead of ${reference.content}`]),
  ];
}

const digestOf = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

/** What jobs make is called so; archives of logs are not. */
const EVENTS = '.jsonl';

/** The lines of the final files, each file once however many copies it has, in order of the events. */
function eventsInFiles(world: World, id: number): string[] {
  const files = new Map<string, string>();
  for (const storage of STORAGES.filter((name) => name.endsWith('-DISK'))) {
    const root = storageRoot(world.folder, storage);
    for (const file of filesBelow(root)) {
      if (!file.endsWith(EVENTS) || !file.includes(`prod${String(id).padStart(8, '0')}`)) continue;
      files.set(path.relative(root, file), readFileSync(file, 'utf8'));
    }
  }
  const lines = [...files.values()].flatMap((text) =>
    text.split('\n').filter((line) => line !== ''),
  );
  const numberOf = (line: string): number => (JSON.parse(line) as { event: number }).event;
  return lines.sort((a, b) => numberOf(a) - numberOf(b));
}

/** A simulated file has no content but its checksum, which follows from the events and their seed. */
function checksums(db: Database.Database, id: number): string[] {
  return db
    .prepare<[number], string>(
      `select j.first_event || ' ' || f.level || ' ' || f.adler32 from files f
       join jobs j on j.production_id = f.production_id and j.number = f.job and j.attempt = f.attempt
       where f.production_id = ? and f.kind = 'output' and j.state = 'Done' order by j.first_event, f.level`,
    )
    .pluck()
    .all(id);
}

function filesBelow(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Jobs that computing elements still remember. */
export function jobsLeftAtSites(world: World): string[] {
  return SITES.flatMap((site) => {
    const folder = path.join(world.state, 'sites', site);
    return (world.grid === 'local' ? localJobs(folder) : simulatedJobs(folder, site)).map(
      (job) => `${job} at ${site}`,
    );
  });
}

function localJobs(spool: string): string[] {
  if (!existsSync(spool)) return [];
  return readdirSync(spool).flatMap((part) =>
    /^[0-9a-f]{2}$/.test(part) ? readdirSync(path.join(spool, part)) : [],
  );
}

function simulatedJobs(folder: string, site: string): string[] {
  const file = path.join(folder, `${site}.db`);
  if (!existsSync(file)) return [];
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare<[], string>('select name from jobs order by name').pluck().all();
  } finally {
    db.close();
  }
}
