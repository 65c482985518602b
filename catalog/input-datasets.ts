import { sql } from 'kysely';
import type { Definition } from '../domain/definition.js';
import type { CataloguedDataset } from '../domain/input-definition.js';
import type { FileKind } from '../domain/states/file.js';
import type { ProductionState } from '../domain/states/production.js';
import type { Db } from './catalog.js';
import { rowsOf } from './dialect.js';

/** A production that a dataset may consist of. */
export interface DatasetProduction {
  readonly id: number;
  readonly name: string;
  readonly state: ProductionState;
  /** That are asked for, whatever has become of them. */
  readonly events: number;
  /** Its final files are merged ones. */
  readonly merges: boolean;
}

/** Fields of a `dataset` section by which productions are found. */
const CRITERIA = [
  ...(['campaign', 'release', 'globalTag', 'experiment'] as const),
  ...(['run', 'beamEnergy', 'eventType'] as const),
] as const;

/** The production that a dataset names, or those whose `dataset` section has its values. In order of their registration. */
export async function productionsLike(
  db: Db,
  dataset: CataloguedDataset,
): Promise<DatasetProduction[]> {
  const { campaign, production } = dataset;
  const rows = await db
    .selectFrom('productions as p')
    .innerJoin('revisions as v', (join) =>
      join.onRef('v.production_id', '=', 'p.id').onRef('v.revision', '=', 'p.revision'),
    )
    .select(['p.id', 'p.name', 'p.state', 'p.events', 'v.definition'])
    .$if(production !== undefined, (query) => query.where('p.name', '=', production ?? ''))
    .$if(production === undefined, (query) => query.where('p.campaign', '=', campaign ?? ''))
    .orderBy('p.id')
    .execute();
  return rows.flatMap(({ definition, ...row }) => {
    // Written by `insertRevision` from checked values.
    const { dataset: made, merge } = JSON.parse(definition) as Definition;
    const alike = CRITERIA.every((key) => dataset[key] === undefined || dataset[key] === made[key]);
    return alike ? [{ ...row, merges: merge !== undefined }] : [];
  });
}

/** Data levels of the valid files of these kinds that productions have made. */
export async function finalLevels(
  db: Db,
  parts: readonly { readonly production: number; readonly kind: FileKind }[],
): Promise<string[]> {
  const rows = rowsOf(
    parts.map((part) => ({ ...part })),
    { production: 'integer', kind: 'text' },
  );
  const found = await sql<{ level: string }>`
    select distinct f.level from ${rows} as r
    cross join blocks b
    cross join files f
    where b.production_id = r.production and f.production_id = b.production_id and f.block = b.number
      and f.state <> 'Removed' and f.kind = r.kind and f.state = 'Valid' order by f.level`.execute(
    db,
  );
  return found.rows.map(({ level }) => level);
}
