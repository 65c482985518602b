import { forgetLists, stagedList, stageLines } from '../../catalog/input-lists.js';
import type { Definition } from '../../domain/definition.js';
import { INPUT_ROLES, type InputRole } from '../../domain/input-definition.js';
import type { ListedFile } from '../../domain/input-list.js';
import type { Packed } from '../../domain/packed.js';
import type { StoredPayload } from '../../domain/payload.js';
import { unpack } from '../packed.js';
import type { ControlContext } from './context.js';

/** A stored list whose lines are to be brought into the catalog before its production is registered. */
export interface ListToStage {
  readonly production: string;
  readonly lfn: string;
  readonly storage: string;
  readonly path: string;
}

/** Lists of input files on their way into the catalog. */
export function listStaging({ catalog, clock }: ControlContext) {
  /** Takes in a part of a list; the first part makes room for it. */
  async function stageList(
    input: Pick<ListToStage, 'production' | 'lfn'> & {
      first: boolean;
      files: Packed<ListedFile>;
    },
  ): Promise<void> {
    const list = stagedList(input.production, input.lfn);
    const now = clock.now();
    await catalog.write(async (db) => {
      if (input.first) await forgetLists(db, [list], now - ABANDONED);
      await stageLines(db, list, unpack(input.files), now);
    });
  }

  return { stageList };
}

/** After this time, ms, nobody will register what a list was read for. */
const ABANDONED = 86_400_000;

/** The lists of a definition, each with its role. */
export function listsOf(definition: Definition): { role: InputRole; list: StoredPayload }[] {
  return INPUT_ROLES.flatMap((role) => {
    const list = definition[role]?.list;
    return list === undefined || typeof list === 'string' ? [] : [{ role, list }];
  });
}
