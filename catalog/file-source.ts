import { sql, type RawBuilder } from 'kysely';
import type { ListedFile } from '../domain/input-list.js';
import type { FileKind } from '../domain/states/file.js';
import { rowsOf } from './dialect.js';

/** Files that a definition names: line by line, by a list that has been read into the catalog, or as what productions have made. */
export type FileSource =
  | { readonly by: 'lines'; readonly files: readonly ListedFile[] }
  | { readonly by: 'list'; readonly list: string }
  | {
      readonly by: 'dataset';
      readonly parts: readonly { readonly production: number; readonly kind: FileKind }[];
      /** Null: any. */
      readonly level: string | null;
    };

/** The files of a source as a derived table of `line` (from 1; 0 in datasets) and `lfn`, among them what is none (`NO_LFN`). */
export function named(source: FileSource): RawBuilder<unknown> {
  switch (source.by) {
    case 'lines': {
      const rows = source.files.map(({ lfn, line }) => ({ line, lfn }));
      return rowsOf(rows, { line: 'integer', lfn: 'text' });
    }
    case 'list':
      return sql`(select line, lfn from listed_inputs where list = ${source.list})`;
    // Block by block, by the index of files that are not `Removed`: most that a production has made are.
    case 'dataset': {
      const rows = source.parts.map((part) => ({ ...part }));
      const parts = rowsOf(rows, { production: 'integer', kind: 'text' });
      const level = source.level === null ? sql`` : sql`and f.level = ${source.level}`;
      return sql`(
        select 0 as line, f.lfn from ${parts} as r
        cross join blocks b
        cross join files f
        where b.production_id = r.production and b.state = 'Finished'
          and f.production_id = b.production_id and f.block = b.number and f.state <> 'Removed'
          and f.kind = r.kind and f.state = 'Valid' ${level})`;
    }
  }
}
