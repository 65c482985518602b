import { sql } from 'kysely';
import type { FailureStep } from '../../domain/bundle.js';
import type { Blame, FailureClass } from '../../domain/failure-class.js';
import type { Db } from '../catalog.js';
import { chosenFailures, type FailureFilter } from './failure-table.js';
import { logAt, type LogAt, type LogFacts } from './log-place.js';

/** One failed attempt. Times in ms since 1970, durations in s, memory in MB. */
export interface FailureView {
  readonly production: string;
  readonly job: number;
  readonly attempt: number;
  readonly block: number;
  readonly site: string;
  readonly node: string;
  readonly ceId: string;
  readonly step: FailureStep | null;
  readonly exitCode: number | null;
  readonly class: FailureClass;
  readonly blame: Blame | null;
  readonly rule: string | null;
  readonly endedAt: number | null;
  readonly wallSeconds: number | null;
  readonly cpuSeconds: number | null;
  readonly memoryMB: number | null;
  /** The raw text. */
  readonly reason: string;
  readonly logAt: LogAt;
}

/** Failed attempts, the newest first; `more` tells that there are others beyond the limit. */
export async function listFailures(
  db: Db,
  filter: FailureFilter,
  limit: number,
): Promise<{ attempts: FailureView[]; more: boolean }> {
  const { rows } = await sql<Omit<FailureView, 'logAt'> & LogFacts>`
    select p.name as production, a.job, a.attempt, b.block, a.site, a.node, a.ce_id as ceId, a.step,
           a.exit_code as exitCode, a.class, a.blame, a.rule, a.ended_at as endedAt, a.wall_seconds as wallSeconds,
           a.cpu_seconds as cpuSeconds, a.memory_mb as memoryMB, a.reason, a.log_tail as logTail,
           a.log_kept as kept, b.cleared_at as clearedAt, f.state as fileState
    from attempts a join productions p on p.id = a.production_id join bundles b on b.id = a.bundle
    left join files f on f.id = b.log_file
    where ${chosenFailures(filter)} order by a.ended_at desc limit ${limit + 1}`.execute(db);
  return {
    attempts: rows.slice(0, limit).map(({ kept, clearedAt, fileState, logTail, ...row }) => ({
      ...row,
      logAt: logAt({ kept, clearedAt, fileState, logTail, step: row.step }),
    })),
    more: rows.length > limit,
  };
}
