import type { Db } from '../../catalog/catalog.js';
import { getProduction } from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { failuresByClass, type FailureClassRow } from '../../catalog/views/failure-table.js';
import { listFiles, type FileView } from '../../catalog/views/file-list.js';
import { BLAME_OF } from '../../domain/failure-class.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { formatSize } from '../../domain/quantity.js';
import type { Session } from '../cli/session.js';
import type { Cell } from '../cli/table.js';
import { counted, countsText, grouped, safe } from '../cli/text.js';

/** What a production has come to. */
export interface Summary {
  readonly progress: ProductionProgress;
  readonly failures: readonly FailureClassRow[];
  readonly files: readonly FileView[];
}

const MOST_FILES = 20;

export async function summarize(db: Db, name: string, now: number): Promise<Summary> {
  const production = await getProduction(db, name);
  const merged = await listFiles(db, production.id, { kind: 'merged', limit: MOST_FILES });
  return {
    progress: await progressOf(db, production, now),
    failures: await failuresByClass(db, { production: production.id }),
    files: merged.files,
  };
}

/** The summary for a person. */
export function summaryText(summary: Summary, look: Pick<Session, 'style' | 'table'>): string {
  const { events, jobs, merges, reason, state } = summary.progress;
  const { style } = look;
  const verdict = state === 'Completed' ? style.good(state) : style.bad(state);
  return [
    `${style.bold(safe(summary.progress.production))} is ${verdict}: ${safe(reason, 300)}`,
    `Events: ${grouped(events.asked)} asked, ${grouped(events.made)} made, ${grouped(events.merged)} merged, ${grouped(events.distributed)} distributed.`,
    `Jobs: ${countsText(jobs)}; merges: ${countsText(merges) || 'none'}.`,
    '',
    failuresText(summary.failures, look),
    '',
    filesText(summary.files, look),
  ].join('\n');
}

function failuresText(
  failures: readonly FailureClassRow[],
  look: Pick<Session, 'style' | 'table'>,
): string {
  if (failures.length === 0) return 'No attempt has failed.';
  const rows = failures.map((row): Cell[] => [
    row.class,
    row.attempts,
    BLAME_OF[row.class],
    countsText(row.sites),
    row.example?.reason ?? '',
  ]);
  const all = failures.reduce((sum, { attempts }) => sum + attempts, 0);
  return (
    `${counted(all, 'attempt')} failed; what they left was removed, and their jobs ran again:\n` +
    look.table(['class', 'attempts', 'blamed on', 'sites', 'for example'], rows)
  );
}

function filesText(files: readonly FileView[], look: Pick<Session, 'style' | 'table'>): string {
  const rows = files.map((file): Cell[] => [
    file.events,
    formatSize(file.size),
    file.replicas.map(({ storage }) => storage).join(' '),
    file.lfn,
  ]);
  return `Final files:\n${look.table(['events', 'size', 'storages', 'LFN'], rows)}`;
}
