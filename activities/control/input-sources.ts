import type { Db } from '../../catalog/catalog.js';
import { stagedList } from '../../catalog/input-lists.js';
import {
  finalLevels,
  productionsLike,
  type DatasetProduction,
} from '../../catalog/input-datasets.js';
import type { FileSource } from '../../catalog/file-source.js';
import { counted } from '../../domain/counted.js';
import type { Definition } from '../../domain/definition.js';
import type { CataloguedDataset, InputRole } from '../../domain/input-definition.js';
import type { ListedFile } from '../../domain/input-list.js';
import type { ProductionState } from '../../domain/states/production.js';

/** The files that a section of a definition names. */
export interface NamedSource {
  readonly source: FileSource;
  /** The list that names them, as people call it; null if none does. */
  readonly list: string | null;
  /** What was left out. */
  readonly notes: readonly string[];
}

export type ResolvedSource = NamedSource | { readonly problem: string };

/** A list of input files that is not stored yet: its path for people, and what its lines name. */
export interface GivenList {
  readonly path: string;
  readonly files: readonly ListedFile[];
}

export type GivenLists = Readonly<Partial<Record<InputRole, GivenList>>>;

/** The files that the section of a role names; null if there is no such section. */
export async function sourceOf(
  db: Db,
  definition: Definition,
  role: InputRole,
  given?: GivenList,
): Promise<ResolvedSource | null> {
  const set = definition[role];
  if (set === undefined) return null;
  if (set.dataset !== undefined) return datasetSource(db, set.dataset, definition.name, role);
  if (given !== undefined) {
    return { source: { by: 'lines', files: given.files }, list: given.path, notes: [] };
  }
  const { files, list } = set;
  if (files !== undefined) {
    const lines = files.map((lfn, i) => ({ line: i + 1, lfn }));
    return { source: { by: 'lines', files: lines }, list: null, notes: [] };
  }
  if (list === undefined || typeof list === 'string') {
    return { problem: `${role}.list: it is a path on the machine of whoever wrote it` };
  }
  const staged = stagedList(definition.name, list.lfn);
  return { source: { by: 'list', list: staged }, list: list.name, notes: [] };
}

/** Productions whose final files stay as they are. */
const ENDED: readonly ProductionState[] = ['Completed', 'Cancelled'];

/** Productions of which nothing stays, whatever they have made. */
const GONE: readonly ProductionState[] = ['Cleaning', 'Cleaned', 'Archived'];

async function datasetSource(
  db: Db,
  dataset: CataloguedDataset,
  own: string,
  role: InputRole,
): Promise<ResolvedSource> {
  const problem = (text: string): ResolvedSource => ({ problem: `${role}.dataset: ${text}` });
  const found = (await productionsLike(db, dataset)).filter(({ name }) => name !== own);
  const named = dataset.production;
  if (named !== undefined) {
    const [one] = found;
    if (one === undefined) return problem(`no production is named ${named}`);
    if (GONE.includes(one.state)) {
      return problem(
        `${named} is ${one.state}: its files are removed, or just being removed, and no more are made; name another production, or have the events made again under another name`,
      );
    }
    if (!ENDED.includes(one.state)) {
      return problem(
        `${named} is ${one.state}: what it makes is whole when it is Completed; wait for it, or name its finished files one by one`,
      );
    }
  }
  const completed = found.filter(({ name, state }) => state === 'Completed' || name === named);
  const fitting = completed.filter(
    ({ merges }) => dataset.kind === undefined || dataset.kind === (merges ? 'merged' : 'output'),
  );
  if (fitting.length === 0) {
    if (completed.length > 0) {
      return problem(
        dataset.kind === 'output'
          ? `${names(completed)} merge what they make, and keep merged files only: leave kind out`
          : `${names(completed)} merge nothing: leave kind out`,
      );
    }
    return problem(
      found.length === 0
        ? 'it matches no production'
        : `it matches no completed production, only ${names(found)} (${[...new Set(found.map(({ state }) => state))].join(', ')})`,
    );
  }
  const parts = fitting.map(({ id, merges }) => ({
    production: id,
    kind: merges ? ('merged' as const) : ('output' as const),
  }));
  const levels = await finalLevels(db, parts);
  const { level } = dataset;
  const have = fitting.length === 1 ? 'has' : 'have';
  if (level !== undefined && !levels.includes(level)) {
    return problem(
      `no files of data level ${level} are there; ${names(fitting)} ${have} ${levels.join(', ') || 'no files'}`,
    );
  }
  if (levels.length === 0) return problem(`${names(fitting)} ${have} no files`);
  if (level === undefined && levels.length > 1) {
    return problem(`it matches files of the data levels ${levels.join(', ')}: name one as level`);
  }
  const left = found.filter((one) => !fitting.includes(one));
  return {
    source: { by: 'dataset', parts, level: level ?? null },
    list: null,
    notes: [
      ...fitting.filter(({ state }) => state === 'Cancelled').map(cutShort),
      ...(left.length === 0
        ? []
        : [`left out: ${left.map((o) => `${o.name} (${o.state})`).join(', ')}`]),
    ],
  };
}

/** Only a production that is named itself may have ended so. */
function cutShort({ events, name, state }: DatasetProduction): string {
  return `${name} is ${state}: these are the files that it had finished, not all of its ${counted(events, 'event')}`;
}

/** Some names, and how many more. */
function names(productions: readonly { readonly name: string }[]): string {
  const shown = productions.slice(0, 5).map(({ name }) => name);
  const more = productions.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
