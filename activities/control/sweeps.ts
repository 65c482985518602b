import type { Db } from '../../catalog/catalog.js';
import { epochsOf, unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { neighbourOf } from '../../catalog/on-their-way.js';
import { getProduction, revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { allStorages } from '../../catalog/resources.js';
import {
  changeFindings,
  dropFindings,
  expectedFiles,
  getSweep,
  insertSweep,
  openFindings,
  storagesToSweep,
  suspect,
  type FindingChange,
  type NewFinding,
} from '../../catalog/sweeps.js';
import { counted } from '../../domain/counted.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { claimDirectory } from '../../domain/lfn.js';
import { type SweepReport } from '../../domain/sweep.js';
import type { Packed } from '../../domain/packed.js';
import { isOldEnough } from '../../policy/sweep.js';
import { pack, unpack } from '../packed.js';
import type { ListedFile, StorageProblem, StoredExpectation } from '../storage/index.js';
import { notBefore, requireEpoch, type ControlContext } from './context.js';
import { findings, isOwed, PAGE, remedyFor, type SweepRef } from './findings.js';
import { lfnAt, notOnTheirWay, unexplained } from './on-their-way.js';
import { directoriesOf } from './production-directories.js';
import { clause } from '../../domain/clause.js';

export interface SweepInput {
  readonly storage: string;
  /** Null for all productions. */
  readonly production: string | null;
  readonly checksums: boolean;
  readonly repair: boolean;
  /** A storage that lacks most of its files is repaired all the same. */
  readonly believeLost: boolean;
  readonly who: string;
}

/** Repaired findings are kept for so long, ms. */
const KEPT = 30 * 86_400_000;

/** Comparing a storage with the catalog, both ways. */
export function sweeping(context: ControlContext) {
  const { catalog, clock, configuration } = context;

  /** Storages whose sweep is due. */
  async function sweepsDue(): Promise<{ storages: string[]; repair: boolean }> {
    const { repair, sweepEvery } = configuration.janitor;
    return catalog.read(async (db) => ({
      storages:
        (await unrecovered(db)) === null
          ? await storagesToSweep(db, clock.now() - 1000 * sweepEvery)
          : [],
      repair,
    }));
  }

  /** Begins a sweep: the directories to look through, and those that are the catalog's at all. */
  async function beginSweep(
    input: SweepInput,
  ): Promise<{ epoch: string; sweep: number; directories: string[]; own: string[] }> {
    return catalog.write(async (db) => {
      const begun = await unrecovered(db);
      if (begun !== null && input.repair) {
        throw notBefore(
          `Nothing is repaired before the epoch ${begun.epoch} is recovered: ${clause(begun.why)}.`,
        );
      }
      const storages = (await allStorages(db)).map(({ name }) => name);
      if (!storages.includes(input.storage)) {
        throw new FabricaError(
          'FABRICA_STORAGE_UNKNOWN',
          `No storage is named ${quoted(input.storage)}; there are: ${storages.join(', ')}.`,
        );
      }
      const epochs = (await epochsOf(db)).map((row) => row.epoch);
      const own = epochs.map((epoch) => `/${epoch}`);
      const production =
        input.production === null ? null : await getProduction(db, input.production);
      const sweep = await insertSweep(db, {
        storage: input.storage,
        production_id: production?.id ?? null,
        checksums: Number(input.checksums),
        repair: Number(input.repair),
        who: String(input.who),
        started_at: clock.now(),
      });
      const directories = production === null ? own : await madeIn(db, production, epochs);
      return { epoch: catalog.epoch, sweep, directories: directories.sort(), own };
    });
  }

  /** The directories of a production in all epochs, and where its attempts claim themselves. */
  async function madeIn(
    db: Db,
    production: ProductionRow,
    epochs: readonly string[],
  ): Promise<string[]> {
    const revision = await revisionOf(db, production);
    return epochs.flatMap((epoch) => {
      const claims = claimDirectory(epoch, production.id, 0);
      return [
        ...directoriesOf(revision, production.id, epoch),
        claims.slice(0, claims.lastIndexOf('/')),
      ];
    });
  }

  /**
   * Compares a page of a listing, from `after` to `last`, with what the catalog expects there, and notes what differs as suspected. Answers
   * what is to be read for its checksum.
   */
  async function comparePage(
    input: SweepRef & { after: string; last: string; listing: Packed<ListedFile> },
  ): Promise<{ expected: Packed<StoredExpectation>; count: number }> {
    requireEpoch(context, input.epoch);
    const listed = new Map(unpack(input.listing).map((file) => [file[0], file]));
    return catalog.write(async (db) => {
      const now = clock.now();
      const sweep = await getSweep(db, input.sweep);
      const expected = await expectedFiles(db, input.storage, {
        after: input.after,
        last: input.last,
        production: sweep.production_id,
      });
      const found: NewFinding[] = [];
      const good: StoredExpectation[] = [];
      for (const { adler32, file, path, production, size } of expected) {
        const there = listed.get(path);
        const one = { path, production_id: production, file_id: file, found_at: now };
        if (there === undefined) {
          found.push({ ...one, kind: 'missing', size: null, why: 'it is missing' });
        } else if (there[1] !== size) {
          const why = `it has ${there[1]} bytes, not ${size}`;
          found.push({ ...one, kind: 'size', size: there[1], why });
        } else good.push({ path, size, adler32 });
      }
      const epochs = (await epochsOf(db)).map((row) => row.epoch);
      for (const path of await unexplained(db, input.storage, [...listed.keys()])) {
        const [, size = 0, modifiedAt = null] = listed.get(path) ?? [];
        found.push({
          ...{ path, size, kind: 'dark', file_id: null, why: 'nothing in the catalog explains it' },
          production_id: sweep.production_id ?? (await ownerOf(db, epochs, path)),
          found_at: Math.min(modifiedAt ?? now, now),
        });
      }
      await suspect(db, { storage: input.storage, sweep: input.sweep, now }, found);
      const read = sweep.checksums === 1 ? good : [];
      return { expected: pack(read), count: read.length };
    });
  }

  /** Notes files that were read and are not what they should be, as suspected. */
  async function suspectDamaged(
    input: SweepRef & { problems: readonly StorageProblem[] },
  ): Promise<void> {
    requireEpoch(context, input.epoch);
    await catalog.write(async (db) => {
      const now = clock.now();
      const found: NewFinding[] = [];
      for (const { path, problem, text } of input.problems) {
        const [known] = await db
          .selectFrom('replicas')
          .innerJoin('files', 'files.id', 'replicas.file_id')
          .select(['files.id', 'files.production_id', 'files.size'])
          .where('replicas.storage', '=', input.storage)
          .where('replicas.path', '=', path)
          .where('replicas.state', '=', 'Available')
          .execute();
        if (known === undefined) continue;
        const { id, production_id, size } = known;
        const gone = problem === 'missing';
        found.push({
          ...{ path, production_id, file_id: id, kind: problem, why: text, found_at: now },
          size: gone ? null : size,
        });
      }
      await suspect(db, { storage: input.storage, sweep: input.sweep, now }, found);
    });
  }

  /** A page of what is to be looked at again: unknown files, and replicas. `next` is null after the last page. */
  async function suspects(input: SweepRef & { after: string }): Promise<{
    dark: string[];
    replicas: StoredExpectation[];
    next: string | null;
  }> {
    requireEpoch(context, input.epoch);
    return catalog.read(async (db) => {
      const page = await findings(db, input, ['Suspected', 'Open']);
      return {
        dark: page.filter(({ kind }) => kind === 'dark').map(({ path }) => path),
        replicas: page.flatMap(({ adler32, file_size, kind, path, replica }) =>
          kind === 'dark' || replica !== 'Available' || adler32 === null || file_size === null
            ? []
            : [{ path, adler32, size: file_size }],
        ),
        next: page.length < PAGE ? null : (page.at(-1)?.path ?? null),
      };
    });
  }

  /**
   * The second look at a page has found `dark` still there and `problems` with replicas. What the catalog still can not explain, and is not
   * on its way, is open now; all else of the page has come to nothing, and is forgotten.
   */
  async function confirmSuspects(
    input: SweepRef & {
      after: string;
      next: string | null;
      dark: readonly string[];
      problems: readonly StorageProblem[];
    },
  ): Promise<void> {
    requireEpoch(context, input.epoch);
    await catalog.write(async (db) => {
      const now = clock.now();
      const { storage } = input;
      const page = await findings(db, input, ['Suspected', 'Open']);
      const epochs = (await epochsOf(db)).map((row) => row.epoch);
      const unknown = await unexplained(db, storage, input.dark);
      const dark = new Set(await notOnTheirWay(db, epochs, storage, unknown));
      const writing = new Set(unknown.filter((path) => !dark.has(path)));
      const problems = new Map(input.problems.map((one) => [one.path, one]));
      const changes: FindingChange[] = [];
      const nothing: string[] = [];
      for (const finding of page) {
        const { file_id, found_at, kind, path, state } = finding;
        if (input.next !== null && path > input.next) break;
        if (kind === 'dark') {
          const old = isOldEnough(found_at, now, configuration.janitor.minimumAge);
          const why = 'nothing in the catalog explains it';
          if (dark.has(path) && old) {
            changes.push({ path, kind, why, state: 'Open', remedy: 'remove' });
          } else if (!dark.has(path) && !writing.has(path)) nothing.push(path);
          else if (state === 'Open') {
            changes.push({ path, kind, why, state: 'Suspected', remedy: 'wait' });
          }
          continue;
        }
        const problem = problems.get(path);
        const owed = state === 'Open' && isOwed(finding);
        if (file_id === null || (problem === undefined && !owed)) nothing.push(path);
        else if (owed) continue;
        else {
          const what = problem?.problem ?? kind;
          const { remedy, why } = remedyFor({ ...finding, kind: what });
          const text = problem?.text ?? finding.why;
          changes.push({ path, kind: what, state: 'Open', remedy, why: `${text}; ${why}` });
        }
      }
      await changeFindings(db, storage, changes, now);
      await dropFindings(db, storage, nothing);
    });
  }

  /** The end of a sweep. */
  async function endSweep(
    input: SweepRef & {
      files: number;
      foreign: number;
      foreignMore: boolean;
      repaired: number;
      failure: string;
    },
  ): Promise<SweepReport> {
    requireEpoch(context, input.epoch);
    return catalog.write(async (db) => {
      const now = clock.now();
      const { failure, files, foreign, foreignMore, repaired, storage, sweep } = input;
      const row = await getSweep(db, sweep);
      await db
        .updateTable('sweeps')
        .set({
          state: failure === '' ? 'Done' : 'Failed',
          ...{ ended_at: now, files, foreign_files: foreign, reason: failure },
        })
        .where('id', '=', sweep)
        .execute();
      await db
        .deleteFrom('findings')
        .where('storage', '=', storage)
        .where('state', '=', 'Repaired')
        .where('updated_at', '<', now - KEPT)
        .execute();
      const open = await openFindings(db, storage, row.production_id);
      if (row.state === 'Running' && (repaired > 0 || Object.keys(open).length > 0)) {
        await recordEvent(db, {
          ...{ at: now, who: row.who, data: { open, repaired } },
          ...(row.production_id === null ? {} : { production: row.production_id }),
          what: `sweep of ${storage}`,
          why: `${counted(sum(open), 'finding')} open, ${repaired} repaired`,
        });
      }
      return { sweep, storage, files, foreign, foreignMore, open, repaired, failure };
    });
  }

  return {
    ...{ sweepsDue, beginSweep, comparePage, suspectDamaged, suspects, confirmSuspects },
    endSweep,
  };
}

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, one) => total + (one ?? 0), 0);

/** The production that a dark file seems to be of: as its claim says, or as what is catalogued beside it. */
async function ownerOf(db: Db, epochs: readonly string[], path: string): Promise<number | null> {
  const claim = /^\/[^/]+\/\.claims\/prod(\d{8})\//.exec(path)?.[1];
  if (claim !== undefined) {
    const row = await db
      .selectFrom('productions')
      .select('id')
      .where('id', '=', Number(claim))
      .executeTakeFirst();
    return row?.id ?? null;
  }
  const lfn = lfnAt(epochs, path);
  return lfn === null ? null : neighbourOf(db, lfn);
}
