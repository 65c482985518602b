import { countMoves, type BlockRow } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { condemnReplicas } from '../../catalog/files.js';
import { doubtfulInputs, lostInputs, ownersOf, type LostInput } from '../../catalog/job-inputs.js';
import { changeJobs, postponeJobs, type PlaceableJob } from '../../catalog/jobs.js';
import { getProduction, type ProductionRow } from '../../catalog/productions.js';
import { followReplacedInputs } from '../../catalog/replaced-inputs.js';
import { replicasNamed } from '../../catalog/reprocess.js';
import { counted } from '../../domain/counted.js';
import { jobNumbersText, someJobNumbers } from '../../domain/job-numbers.js';
import type { ReplicaName } from '../../domain/selection.js';
import type { StorageProblem } from '../storage/index.js';
import { productionFor, type BlockRef, type ControlContext } from './context.js';
import { lossText } from './input-readers.js';
import { reprocess } from './reprocess.js';
import { VERIFIED_AT_ONCE, verificationPage, type VerificationPage } from './verification.js';

/** Whose copies were found bad: it is to mend them. */
export interface InputRepair {
  /** The production that made the files. */
  readonly owner: string;
  readonly replicas: readonly ReplicaName[];
}

/** What becomes of files that jobs could not read. */
export function losingInputs(context: ControlContext) {
  const { catalog, clock } = context;

  /** A page of the files that jobs of a block could not read lately, with all of their copies, to be verified where they lie. */
  async function inputsToVerify(input: BlockRef & { after: number }): Promise<VerificationPage> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const key = { production: production.id, block: input.block };
      return verificationPage(await doubtfulInputs(db, key, input.after, VERIFIED_AT_ONCE));
    });
  }

  /** Notes which copies a verification of input files has found bad, and answers who is to mend them. */
  async function recordBadInputs(
    input: BlockRef & { storage: string; problems: readonly StorageProblem[] },
  ): Promise<{ repairs: InputRepair[] }> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const { problems, storage } = input;
      const bad = problems.map(({ path }) => ({ storage, path }));
      const owners = await ownersOf(db, bad);
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        production: production.id,
        block: input.block,
        what: `${counted(bad.length, 'bad copy', 'bad copies')} of input files on ${storage}`,
        why: problems[0]?.text ?? '',
        data: { problems: problems.slice(0, 20) },
      });
      return {
        repairs: owners.map(({ name, paths }) => ({
          owner: name,
          replicas: paths.map((path) => ({ storage, path })),
        })),
      };
    });
  }

  /**
   * Has an ended production mend copies of its files; its workflow must be started afterwards. `problem` tells why it does not; then these copies
   * are condemned, so that no job reads them, and go with their production. Empty if it does.
   */
  async function repairInputs(
    input: BlockRef & { owner: string; replicas: readonly ReplicaName[]; why: string },
  ): Promise<{ problem: string }> {
    return catalog.write(async (db) => {
      await productionFor(context, db, input);
      const owner = await getProduction(db, input.owner);
      const { replicas, why } = input;
      const request = { selection: { lost: replicas }, who: 'fabrica', why };
      const moment = { epoch: catalog.epoch, now: clock.now() };
      const { refused } = await reprocess(db, owner, request, moment);
      if (refused === null) return { problem: '' };
      await condemnReplicas(db, await replicasNamed(db, owner.id, replicas));
      return { problem: refused.message };
    });
  }

  return { inputsToVerify, recordBadInputs, repairInputs };
}

/** Jobs whose files are made again are looked at again after so long, ms. */
const REMAKING = 30_000;

/**
 * Parks jobs that wait for files of which no good copy is left. Those whose files have been replaced by others with the same events get these, and those
 * whose files are being made again wait on. `able`: the jobs that can be placed; `parked`: how many were parked; `changed`: something was written,
 * which the caller must not take back.
 */
export async function parkWithoutInputs(
  db: Db,
  production: ProductionRow,
  block: BlockRow,
  jobs: readonly PlaceableJob[],
  now: number,
): Promise<{ able: PlaceableJob[]; parked: number; changed: boolean }> {
  const numbers = jobs.map(({ number }) => number);
  let lost = await lostInputs(db, production.id, numbers);
  if (lost.length === 0) return { able: [...jobs], parked: 0, changed: false };
  if ((await followReplacedInputs(db, production.id, numbers)) > 0) {
    lost = await lostInputs(db, production.id, numbers);
  }
  const waiting = lost.filter(({ remade }) => remade).map(({ job }) => job);
  await postponeJobs(db, production.id, waiting, now + REMAKING);
  const gone = lost.filter(({ remade }) => !remade);
  if (gone.length > 0) await park(db, production, block, { jobs, gone, now });
  const unable = new Set(lost.map(({ job }) => job));
  const able = jobs.filter(({ number }) => !unable.has(number));
  return { able, parked: gone.length, changed: true };
}

async function park(
  db: Db,
  production: ProductionRow,
  block: BlockRow,
  given: {
    readonly jobs: readonly PlaceableJob[];
    readonly gone: readonly LostInput[];
    readonly now: number;
  },
): Promise<void> {
  const { gone, jobs, now } = given;
  const numbers = new Set(gone.map(({ job }) => job));
  const parked = jobs.filter(({ number }) => numbers.has(number));
  await changeJobs(
    db,
    production.id,
    parked.map(({ avoid, charged, number, raised, uncharged }) => ({
      ...{ number, from: 'Waiting' as const, state: 'Parked' as const },
      ...{ charged, uncharged, avoid, raised, not_before: 0 },
    })),
  );
  await countMoves(db, block, [{ from: 'Waiting', to: 'Parked', jobs: parked.length, events: 0 }]);
  await recordEvent(db, {
    at: now,
    who: 'fabrica',
    production: production.id,
    block: block.number,
    what: `${counted(parked.length, 'job')} parked (${someJobNumbers([...numbers])})`,
    why: lossText(gone[0]),
    data: { jobs: jobNumbersText([...numbers]), lost: gone.slice(0, 20) },
  });
}
