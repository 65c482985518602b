import { sql } from 'kysely';
import { NO_LFN } from '../domain/input-list.js';
import type { BlockState } from '../domain/states/block.js';
import type { FileKind, FileState } from '../domain/states/file.js';
import type { ProductionState } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { named, type FileSource } from './file-source.js';

/** Why a file can not be read. */
export type FaultKind =
  /** No LFN at all. */
  | 'no-lfn'
  /** Not in the catalog. */
  | 'unknown'
  /** Named before. */
  | 'twice'
  /** No file of events. */
  | 'kind'
  /** Replaced or removed. */
  | 'state'
  /** Its production is being removed, or has been. */
  | 'ending'
  /** It is removed as soon as it is merged. */
  | 'unmerged'
  /** Its block has not come to its end. */
  | 'unfinished'
  /** No good copy of it is there. */
  | 'copies'
  /** It does not fit on the disk of a job. */
  | 'size';

export interface InputFault {
  readonly fault: FaultKind;
  readonly line: number;
  /** The first line that names the same. */
  readonly first: number;
  readonly lfn: string;
  readonly kind: FileKind | null;
  readonly state: FileState | null;
  readonly size: number | null;
  readonly production: string | null;
  readonly productionState: ProductionState | null;
  readonly block: number | null;
  readonly blockState: BlockState | null;
}

/** Productions whose files are not theirs to keep. */
const ENDING: readonly ProductionState[] = [
  ...['New', 'Scouting', 'AwaitingApproval', 'Rejected'],
  ...['Cancelling', 'Cleaning', 'Cleaned', 'Archived'],
] as ProductionState[];

/** The first files of a source that can not be read, and how many there are; `disk`: bytes that a job has for them. */
export async function inputFaults(
  db: Db,
  source: FileSource,
  { disk, limit }: { readonly disk: number; readonly limit: number },
): Promise<{ faults: InputFault[]; total: number }> {
  const ending = sql.join(ENDING.map((state) => sql.lit(state)));
  const { rows } = await sql<InputFault & { total: number }>`
    with merging as materialized (
      select p.id from productions p
      join revisions v on v.production_id = p.id and v.revision = p.revision
      where json_extract(v.definition, '$.merge') is not null)
    select *, count(*) over () as total from (
      select n.line, n.first, n.lfn, f.kind, f.state, f.size, p.name as production, p.state as "productionState",
             b.number as block, b.state as "blockState",
             case
               when substr(n.lfn, 1, 1) = ${NO_LFN} then 'no-lfn'
               when n.turn > 1 then 'twice'
               when f.id is null then 'unknown'
               when f.kind not in ('output', 'merged') then 'kind'
               when p.state in (${ending}) then 'ending'
               when f.state <> 'Valid' then 'state'
               when f.kind = 'output' and p.id in (select id from merging) then 'unmerged'
               when b.state <> 'Finished' then 'unfinished'
               when not exists (select 1 from replicas c where c.file_id = f.id and c.state = 'Available') then 'copies'
               when f.size >= ${disk} then 'size'
             end as fault
      from (select line, lfn, row_number() over same as turn, first_value(line) over same as first
            from ${named(source)} as l window same as (partition by lfn order by line)) n
      left join files f on f.lfn = n.lfn
      left join productions p on p.id = f.production_id
      left join blocks b on b.production_id = f.production_id and b.number = f.block)
    where fault is not null
    order by line, lfn limit ${limit}`.execute(db);
  return {
    faults: rows,
    total: Number(rows[0]?.total ?? 0),
  };
}
