import type { LogText } from '../../activities/log-text.js';
import type { AttemptView } from '../../catalog/views/job-view.js';
import { messageOf } from '../../domain/errors.js';
import { grouped } from './text.js';
import type { Session } from './session.js';

/** s for a site to answer, and for a storage, which may have to read a long archive. */
const PATIENCE = { site: 5, storage: 30 };

/** A log, where it was found, and what a person should know of that. */
export interface FoundLog {
  readonly log: LogText | null;
  readonly source: 'site' | 'archive' | 'catalog' | null;
  readonly notes: readonly string[];
}

export interface LogKey {
  readonly epoch: string;
  readonly production: string;
  readonly job: number;
  readonly attempt: number;
  /** Of a long log its beginning or its end. */
  readonly part: 'head' | 'tail';
}

/** The log of an attempt: of its site while it is there, else of its archive, else what the catalog has kept. */
export async function findLog(
  session: Session,
  key: LogKey,
  attempt: AttemptView,
): Promise<FoundLog> {
  const notes: string[] = [];
  if (attempt.log.at === 'site') {
    const log = await ofSite(session, key, attempt.site, notes);
    if (log !== null) return { log, source: 'site', notes: [...cutNote(log, key.part)] };
  }
  const log = await ofArchive(session, key, attempt, notes);
  if (log !== null) return { log, source: 'archive', notes: [...notes, ...cutNote(log, key.part)] };
  if (attempt.logTail === '') {
    return { log: null, source: null, notes: [...notes, `(${nothingKept(attempt)})`] };
  }
  const size = Buffer.byteLength(attempt.logTail);
  return {
    log: { text: attempt.logTail, size, shown: size },
    source: 'catalog',
    notes: [...notes, '(this is the end that the catalog has kept)'],
  };
}

async function ofSite(
  session: Session,
  key: LogKey,
  site: string,
  notes: string[],
): Promise<LogText | null> {
  try {
    const activities = await standalone(session);
    const log = await activities.site(site, 'readLog', key, PATIENCE.site);
    if (log === null) notes.push(`(the site ${site} has no log of it)`);
    return log;
  } catch (error) {
    notes.push(`(the site ${site} can not be asked: ${messageOf(error)})`);
    return null;
  }
}

async function ofArchive(
  session: Session,
  key: LogKey,
  { log: { archive, replicas } }: AttemptView,
  notes: string[],
): Promise<LogText | null> {
  for (const { storage, path } of replicas) {
    try {
      const activities = await standalone(session);
      const { job, attempt, part } = key;
      const input = { storage, path, job, attempt, part };
      const log = await activities.storage(storage, 'readArchivedLog', input, PATIENCE.storage);
      if (log !== null) return log;
      notes.push(`(the archive ${path} on ${storage} does not have it)`);
    } catch (error) {
      notes.push(`(its archive on ${storage} can not be read: ${messageOf(error)})`);
    }
  }
  if (archive !== null && replicas.length === 0) {
    notes.push(`(its archive ${archive.lfn} is ${archive.state}: it has expired or was removed)`);
  }
  return null;
}

async function standalone(session: Session) {
  const { client } = await session.temporal();
  const { standaloneActivities } = await import('../temporal/standalone-activities.js');
  return standaloneActivities(client);
}

function cutNote({ size, shown }: LogText, part: 'head' | 'tail'): string[] {
  if (shown >= size) return [];
  const what = part === 'head' ? 'first' : 'last';
  const other = part === 'head' ? 'the end without --head' : 'the beginning with --head';
  return [`(the ${what} ${grouped(shown)} of ${grouped(size)} bytes; ${other})`];
}

function nothingKept(attempt: AttemptView): string {
  if (attempt.step === 'submission') return 'it never came to a site, so it has no log';
  return attempt.state === 'Done'
    ? 'the logs of good attempts are kept for a sample of them only (logs.sampleOfGood in fabrica.yaml)'
    : 'nothing of its log has been kept';
}
