import type { Db } from '../../catalog/catalog.js';
import { epochsOf, unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { addReplicas, condemnReplicas } from '../../catalog/files.js';
import { neighbourOf } from '../../catalog/on-their-way.js';
import { getProduction, revisionOf, type ProductionRow } from '../../catalog/productions.js';
import { insertRemnants } from '../../catalog/remnants.js';
import { allStorages } from '../../catalog/resources.js';
import {
  changeFindings,
  dropFindings,
  expectedFiles,
  findingsOn,
  getSweep,
  insertSweep,
  openFindings,
  replicaPaths,
  replicasOn,
  storagesToSweep,
  suspect,
  type FindingChange,
  type FindingView,
  type NewFinding,
  type SweepRow,
} from '../../catalog/sweeps.js';
import { counted } from '../../domain/counted.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { claimDirectory } from '../../domain/lfn.js';
import type { ReplicaName } from '../../domain/selection.js';
import { REMOVING, type SweepReport } from '../../domain/sweep.js';
import { isOldEnough, looksLost, remedyOf } from '../../policy/sweep.js';
import { pack, unpack, type Packed } from '../packed.js';
import type {
  CopyOrder,
  CopyResult,
  ListedFile,
  StorageProblem,
  StoredExpectation,
} from '../storage/index.js';
import { notBefore, requireEpoch, type ControlContext } from './context.js';
import { reprocess } from './reprocess.js';
import { byStorage, type StorageBatch } from './storage-batches.js';
import { lfnAt, notOnTheirWay, unexplained } from './on-their-way.js';
import { directoriesOf } from './production-directories.js';

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

/** A replica to copy from that is bad, or whose storage does not answer. */
export interface DoubtfulSource extends ReplicaName {
  readonly bad: boolean;
}

/** What no good copy is left of: where it was found, and all copies that are lost. */
export interface LostFiles {
  readonly production: string;
  readonly paths: readonly string[];
  readonly replicas: readonly ReplicaName[];
}

export interface SweepRef {
  readonly epoch: string;
  readonly storage: string;
  readonly sweep: number;
}

const WHY_AGAIN = 'a sweep has found files lost';

/** Findings in one page. */
const PAGE = 200;
/** Repaired findings are kept for so long, ms. */
const KEPT = 30 * 86_400_000;

/** Comparing a storage with the catalog, both ways, and repairing what differs. */
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
          `Nothing is repaired before the epoch ${begun.epoch} is recovered: ${begun.why}.`,
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
      const page = await findings(db, input, ['Suspected', 'Open'], PAGE);
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
      const page = await findings(db, input, ['Suspected', 'Open'], PAGE);
      const epochs = (await epochsOf(db)).map((row) => row.epoch);
      const unknown = await unexplained(db, storage, input.dark);
      const dark = new Set(await notOnTheirWay(db, epochs, storage, unknown));
      const writing = new Set(unknown.filter((path) => !dark.has(path)));
      const problems = new Map(input.problems.map((one) => [one.path, one]));
      const changes: FindingChange[] = [];
      const nothing: string[] = [];
      for (const finding of page) {
        const { file_id, found_at, kind, path, replica, state } = finding;
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
        // Its removal is confirmed, and the copy that was to follow has failed: that is still to be done.
        const owed =
          state === 'Open' &&
          finding.remedy === 'copy' &&
          replica !== 'Available' &&
          finding.file_state === 'Valid';
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

  /** Why nothing is to be repaired: a storage that lacks most of what it should have may only have lost its disk for a while. Empty if nothing is. */
  async function repairObstacle(input: SweepRef): Promise<string> {
    requireEpoch(context, input.epoch);
    return catalog.read(async (db) => {
      const { missing = 0 } = await openFindings(db, input.storage);
      const expected = await replicasOn(db, input.storage);
      return looksLost(missing, expected)
        ? `${missing} of ${expected} files on ${input.storage} are missing: is its disk mounted? If it has lost them, \`fabrica sweep --storage ${input.storage} --repair --believe-lost\``
        : '';
    });
  }

  /** The good replicas that a page of repairs would copy from: to be verified first. */
  async function repairSources(
    input: SweepRef & { after: string },
  ): Promise<StorageBatch<StoredExpectation>[]> {
    requireEpoch(context, input.epoch);
    return catalog.read(async (db) => {
      const page = await findings(db, input, ['Open'], PAGE);
      return byStorage(page.flatMap(copyOf), ({ adler32, size, source, sourcePath }) => ({
        storage: source,
        file: { path: sourcePath, size, adler32 },
      }));
    });
  }

  /**
   * A page of open findings to repair: dark files become remnants, bad replicas are condemned; `remove` lists both, and `copies` what is to be
   * copied anew afterwards. `doubtful` are sources that are bad, so that the jobs must run again (`lost`), or could not be
   * verified, so that the copy waits. The same page again is the same answer.
   */
  async function planRepairs(
    input: SweepRef & { after: string; doubtful: readonly DoubtfulSource[] },
  ): Promise<{
    remove: { path: string; shape: 'file' }[];
    copies: CopyOrder[];
    lost: LostFiles[];
    next: string | null;
  }> {
    requireEpoch(context, input.epoch);
    return catalog.write(async (db) => {
      const { storage } = input;
      const page = await findings(db, input, ['Open'], PAGE);
      const dark = await stillDark(db, storage, page);
      await insertRemnantsOf(db, storage, dark);
      const doubts = new Map(input.doubtful.map((one) => [`${one.storage} ${one.path}`, one.bad]));
      const doubtOf = ({ source, source_path }: FindingView): boolean | undefined =>
        doubts.get(`${source ?? ''} ${source_path ?? ''}`);
      // What a finding was to be remedied by may have changed since it was confirmed.
      const bad = page.filter((one) => one.kind !== 'dark');
      const remedied = bad.filter(
        (one) => REMOVING.includes(remedyFor(one).remedy) && doubtOf(one) === undefined,
      );
      await condemnReplicas(
        db,
        remedied.flatMap(({ file_id, replica }) =>
          file_id === null || replica === null ? [] : [{ file: file_id, storage }],
        ),
      );
      return {
        remove: [...dark, ...remedied].map(({ path }) => ({ path, shape: 'file' as const })),
        copies: remedied.flatMap(copyOf),
        lost: await lostOf(db, bad, (one) => doubtOf(one) === true),
        next: page.length < PAGE ? null : (page.at(-1)?.path ?? null),
      };
    });
  }

  /** Of a page: the unknown files that still are. */
  async function stillDark(
    db: Db,
    storage: string,
    page: readonly FindingView[],
  ): Promise<FindingView[]> {
    const dark = page.filter(({ kind }) => kind === 'dark');
    const paths = dark.map(({ path }) => path);
    const epochs = (await epochsOf(db)).map((row) => row.epoch);
    const left = new Set(await notOnTheirWay(db, epochs, storage, paths));
    const known = await replicaPaths(db, storage, paths);
    return dark.filter(({ path }) => left.has(path) && !known.has(path));
  }

  async function insertRemnantsOf(
    db: Db,
    storage: string,
    dark: readonly FindingView[],
  ): Promise<void> {
    for (const { path, production_id: production } of dark) {
      const remnant = { storage, path, shape: 'file' as const };
      const why = 'a file that nobody knows';
      await insertRemnants(db, { production, block: 0 }, [remnant], why, clock.now());
    }
  }

  /**
   * Has the jobs of an ended production run again that made these lost files; its workflow must be started afterwards. `problem` tells why
   * that can not be; empty if it can.
   */
  async function reprocessLost(
    input: SweepRef & { production: string; replicas: readonly ReplicaName[] },
  ): Promise<{ problem: string }> {
    requireEpoch(context, input.epoch);
    return catalog.write(async (db) => {
      const production = await getProduction(db, input.production);
      const { who } = await getSweep(db, input.sweep);
      const selection = { lost: input.replicas };
      const moment = { epoch: catalog.epoch, now: clock.now() };
      const answer = await reprocess(db, production, { selection, who, why: WHY_AGAIN }, moment);
      return { problem: answer.problem ?? '' };
    });
  }

  /** What came of having jobs run again: `problem` is why they do not; empty if they do. */
  async function recordReprocess(
    input: SweepRef & { paths: readonly string[]; problem: string },
  ): Promise<void> {
    requireEpoch(context, input.epoch);
    await catalog.write(async (db) => {
      const { paths, problem, storage } = input;
      const rows = await rowsAt(db, storage, paths);
      const state = problem === '' ? 'Repaired' : 'Open';
      const changes = rows.map(({ kind, path, remedy, why }): FindingChange => ({
        ...{ kind, path, remedy, state },
        why: problem === '' ? why : `not reprocessed: ${problem}`,
      }));
      await changeFindings(db, storage, changes, clock.now());
    });
  }

  /** The removals of a page are recorded; `copied` are those of its copies that were tried. */
  async function recordRepairs(
    input: SweepRef & {
      gone: readonly string[];
      refused: readonly { path: string; reason: string }[];
      copied: readonly { order: CopyOrder; result: CopyResult }[];
    },
  ): Promise<{ repaired: number }> {
    requireEpoch(context, input.epoch);
    return catalog.write(async (db) => {
      const now = clock.now();
      const { storage } = input;
      const good = input.copied.filter(({ result }) => result.failure === '');
      await addReplicas(
        db,
        good.map(({ order }) => ({ file: order.transfer, storage, path: order.path })),
        now,
      );
      const failures = new Map([
        ...input.refused.map(({ path, reason }) => [path, `not removed: ${reason}`] as const),
        ...input.copied
          .filter(({ result }) => result.failure !== '')
          .map(({ order, result }) => [order.path, `not copied: ${result.failure}`] as const),
      ]);
      const copied = new Set(good.map(({ order }) => order.path));
      const gone = new Set(input.gone);
      const rows = await rowsAt(db, storage, [...gone, ...failures.keys()]);
      const changes = rows.flatMap(({ kind, path, remedy, why }): FindingChange[] => {
        const failure = failures.get(path);
        if (failure !== undefined) return [{ path, kind, remedy, state: 'Open', why: failure }];
        const done = remedy === 'copy' ? copied.has(path) : gone.has(path);
        return done ? [{ path, kind, remedy, state: 'Repaired', why }] : [];
      });
      await changeFindings(db, storage, changes, now);
      return { repaired: changes.filter(({ state }) => state === 'Repaired').length };
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
      const open = await openFindings(db, storage);
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
    ...{
      repairObstacle,
      repairSources,
      planRepairs,
      recordRepairs,
      reprocessLost,
      recordReprocess,
      endSweep,
    },
  };
}

const sum = (counts: Readonly<Record<string, number | undefined>>): number =>
  Object.values(counts).reduce<number>((total, one) => total + (one ?? 0), 0);

async function findings(
  db: Db,
  { after, storage, sweep }: SweepRef & { after: string },
  states: Parameters<typeof findingsOn>[2]['states'],
  limit: number,
): Promise<FindingView[]> {
  const { production_id: production }: SweepRow = await getSweep(db, sweep);
  return findingsOn(db, storage, { states, production, after, limit });
}

/** Findings at these places. */
async function rowsAt(db: Db, storage: string, paths: readonly string[]) {
  return db
    .selectFrom('findings')
    .selectAll()
    .where('storage', '=', storage)
    .where('path', 'in', [...paths])
    .execute();
}

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

/** What no good copy is left of, by production; `noSource` tells of a finding whose other copy has turned out to be bad as well. */
async function lostOf(
  db: Db,
  page: readonly FindingView[],
  noSource: (finding: FindingView) => boolean,
): Promise<LostFiles[]> {
  const lost = new Map<number, { paths: string[]; replicas: ReplicaName[] }>();
  for (const one of page) {
    const { path, production_id, replica, source, source_path, storage } = one;
    const both = noSource(one) && replica === 'Available';
    if (production_id === null || (remedyFor(one).remedy !== 'reprocess' && !both)) continue;
    const list = lost.get(production_id) ?? { paths: [], replicas: [] };
    lost.set(production_id, list);
    list.paths.push(path);
    list.replicas.push({ storage, path });
    if (both && source !== null && source_path !== null) {
      list.replicas.push({ storage: source, path: source_path });
    }
  }
  if (lost.size === 0) return [];
  const names = await db
    .selectFrom('productions')
    .select(['id', 'name'])
    .where('id', 'in', [...lost.keys()])
    .execute();
  return names.flatMap(({ id, name }) => {
    const files = lost.get(id);
    return files === undefined ? [] : [{ production: name, ...files }];
  });
}

function remedyFor(finding: FindingView): ReturnType<typeof remedyOf> {
  const { block, copies, file_kind, kind, production } = finding;
  if (kind === 'dark') return { remedy: 'remove', why: '' };
  return remedyOf({
    ...{ kind, block, production },
    fileKind: file_kind ?? 'output',
    goodCopies: copies,
  });
}

function copyOf(finding: FindingView): CopyOrder[] {
  const { adler32, file_id, file_size, path, source, source_path } = finding;
  if (
    remedyFor(finding).remedy !== 'copy' ||
    file_id === null ||
    adler32 === null ||
    file_size === null
  )
    return [];
  if (source === null || source_path === null) return [];
  return [{ transfer: file_id, path, source, sourcePath: source_path, size: file_size, adler32 }];
}
