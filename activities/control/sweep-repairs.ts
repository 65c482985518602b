import type { Db } from '../../catalog/catalog.js';
import { epochsOf } from '../../catalog/epochs.js';
import { addReplicas, condemnReplicas } from '../../catalog/files.js';
import { getProduction } from '../../catalog/productions.js';
import { insertRemnants } from '../../catalog/remnants.js';
import {
  badReplicas,
  changeFindings,
  getSweep,
  openFindings,
  replicaPaths,
  replicasOn,
  type FindingChange,
  type FindingView,
} from '../../catalog/sweeps.js';
import type { ReplicaName } from '../../domain/selection.js';
import { REMOVING } from '../../domain/sweep.js';
import { looksLost } from '../../policy/sweep.js';
import type { CopyOrder, CopyResult, StoredExpectation } from '../storage/index.js';
import { requireEpoch, type ControlContext } from './context.js';
import { findings, PAGE, remedyFor, type SweepRef } from './findings.js';
import { notOnTheirWay } from './on-their-way.js';
import { reprocess } from './reprocess.js';
import { byStorage, type StorageBatch } from './storage-batches.js';

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

const WHY_AGAIN = 'a sweep has found files lost';

/** Repairing what a sweep has found to differ. */
export function repairing(context: ControlContext) {
  const { catalog, clock } = context;

  /** Why nothing is to be repaired: a storage that lacks most of what it should have may only have lost its disk for a while. Empty if nothing is. */
  async function repairObstacle(input: SweepRef): Promise<string> {
    requireEpoch(context, input.epoch);
    return catalog.read(async (db) => {
      const { missing = 0 } = await openFindings(db, input.storage, null);
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
      const page = await findings(db, input, ['Open']);
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
      const page = await findings(db, input, ['Open']);
      const dark = await stillDark(db, storage, page);
      await insertRemnantsOf(db, storage, dark);
      const doubts = new Map(input.doubtful.map((one) => [`${one.storage} ${one.path}`, one.bad]));
      const doubtOf = ({ source, source_path }: FindingView): boolean | undefined =>
        doubts.get(`${source ?? ''} ${source_path ?? ''}`);
      // What a finding was to be remedied by may have changed since it was confirmed.
      const bad = page.filter((one) => one.kind !== 'dark' && !isOvertaken(one));
      const overtaken = page.filter(isOvertaken).map(({ kind, path, remedy }): FindingChange => ({
        ...{ kind, path, remedy, state: 'Repaired' },
        why: 'its jobs run again already',
      }));
      await changeFindings(db, storage, overtaken, clock.now());
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
      return { problem: answer.refused?.message ?? '' };
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

  return {
    ...{ repairObstacle, repairSources, planRepairs },
    ...{ recordRepairs, reprocessLost, recordReprocess },
  };
}

/** True if the file is not expected there any more: since it was found lost, its jobs were asked for again, by another sweep or by somebody else. */
function isOvertaken(finding: FindingView): boolean {
  if (finding.kind === 'dark' || finding.replica === 'Available') return false;
  const { remedy } = remedyFor(finding);
  return remedy === 'wait' || remedy === 'reprocess';
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

/**
 * What no good copy is left of, by production, with the copies that are known to be bad; `noSource` tells of a finding whose other copy has
 * turned out to be bad as well.
 */
async function lostOf(
  db: Db,
  page: readonly FindingView[],
  noSource: (finding: FindingView) => boolean,
): Promise<LostFiles[]> {
  const lost = new Map<number, { paths: string[]; files: number[]; sources: ReplicaName[] }>();
  for (const one of page) {
    const { file_id, path, production_id, replica, source, source_path } = one;
    const both = noSource(one) && replica === 'Available';
    if (production_id === null || file_id === null) continue;
    if (remedyFor(one).remedy !== 'reprocess' && !both) continue;
    const list = lost.get(production_id) ?? { paths: [], files: [], sources: [] };
    lost.set(production_id, list);
    list.paths.push(path);
    list.files.push(file_id);
    if (both && source !== null && source_path !== null) {
      list.sources.push({ storage: source, path: source_path });
    }
  }
  if (lost.size === 0) return [];
  const names = await db
    .selectFrom('productions')
    .select(['id', 'name'])
    .where('id', 'in', [...lost.keys()])
    .execute();
  return Promise.all(
    names.map(async ({ id, name }) => {
      const { files = [], paths = [], sources = [] } = lost.get(id) ?? {};
      // Other sweeps have found the other copies.
      const found = await badReplicas(db, files);
      return { production: name, paths, replicas: [...found, ...sources] };
    }),
  );
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
