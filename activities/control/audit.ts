import { blocksOf, countsOf, type BlockRow } from '../../catalog/blocks.js';
import { productionReplicas } from '../../catalog/files.js';
import {
  changeProductionState,
  revisionOf,
  type ProductionRow,
} from '../../catalog/productions.js';
import { productionCounts } from '../../catalog/audit-counts.js';
import { epochsOf } from '../../catalog/epochs.js';
import { knownPaths } from '../../catalog/known-paths.js';
import { countRemnants } from '../../catalog/remnants.js';
import { allStorages } from '../../catalog/resources.js';
import { countSince, recordEvent } from '../../catalog/events.js';
import type { Db } from '../../catalog/catalog.js';
import { counted } from '../../domain/counted.js';
import type { Discrepancy } from '../../domain/audit.js';
import { logDirectory, physicalPath } from '../../domain/lfn.js';
import type { ProductionState } from '../../domain/states/production.js';
import { auditCounts, mendableCopies } from '../../policy/audit.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { levelsOf } from '../../domain/definition.js';
import { directoriesOf } from './production-directories.js';
import { reprocess } from './reprocess.js';
import { VERIFIED_AT_ONCE, verificationPage, type VerificationPage } from './verification.js';

const REPAIR = 'the audit has found copies lost or damaged';

export interface AuditConclusion {
  readonly passed: boolean;
  readonly state: ProductionState;
  readonly reason: string;
  readonly discrepancies: readonly Discrepancy[];
}

/** Comparing what was asked, what the catalog says and what the storages hold. */
export function auditing(context: ControlContext) {
  const { catalog, clock } = context;

  /** A page of what must be on the storages. `next` is null after the last page. */
  async function filesToAudit(input: ProductionRef & { after: number }): Promise<VerificationPage> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const replicas = await productionReplicas(db, production.id, {
        after: input.after,
        limit: VERIFIED_AT_ONCE,
      });
      return verificationPage(replicas);
    });
  }

  /** The directories, on each storage, that hold nothing but this production's files. */
  async function directoriesToAudit(
    input: ProductionRef,
  ): Promise<{ storages: string[]; directories: string[] }> {
    return catalog.read(async (db) => {
      const production = await productionFor(context, db, input);
      const revision = await revisionOf(db, production);
      const epochs = (await epochsOf(db)).map(({ epoch }) => epoch);
      return {
        storages: (await allStorages(db)).map((storage) => storage.name),
        directories: epochs.flatMap((epoch) => directoriesOf(revision, production.id, epoch)),
      };
    });
  }

  /** Of these paths on a storage: those that the catalog does not know. */
  async function unknownPaths(
    input: ProductionRef & { storage: string; paths: readonly string[] },
  ): Promise<string[]> {
    return catalog.read(async (db) => {
      await productionFor(context, db, input);
      const known = await knownPaths(db, input.storage, input.paths);
      return input.paths.filter((path) => !known.has(path));
    });
  }

  /**
   * The end of an audit: adds the discrepancies of the counts to those of the storages, and logs the result. A production that is
   * `Completing` becomes `Completed`, or `Held` with what is wrong.
   */
  async function concludeAudit(
    input: ProductionRef & { discrepancies: readonly Discrepancy[] },
  ): Promise<AuditConclusion> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const { definition, scheme } = await revisionOf(db, production);
      const blocks = await blocksOf(db, production.id);
      const counts = await productionCounts(db, production.id);
      const ended = ['Completing', 'Completed'].includes(production.state);
      const discrepancies = [
        ...auditCounts({
          ...counts,
          written: production.inputs > 0 ? counts.written : null,
          asked: production.finish === null ? production.events : plannedEvents(blocks),
          waived: blocks
            .filter((block) => block.state !== 'Discarded')
            .reduce((sum, block) => sum + countsOf(block).waived, 0),
          levels: levelsOf(definition),
          wantedCopies: definition.distribution.copies,
          merges: definition.merge !== undefined,
          ended,
        }),
        ...input.discrepancies,
      ];
      const debts = (await countRemnants(db, production.id)).filter((one) => one.state === 'Debt');
      // What is known of the jobs is all in the catalog: their logs only tell more of it.
      const epochs = await epochsOf(db);
      const logs = epochs.map(
        ({ epoch }) => `${physicalPath(epoch, logDirectory(scheme, production.id))}/`,
      );
      const isOfLogs = ({ path }: Discrepancy): boolean =>
        logs.some((directory) => path?.startsWith(directory));
      const ofLogs = discrepancies.filter(isOfLogs).length;
      const passed = discrepancies.length === ofLogs;
      const reason = passed
        ? summary(counts, production, ended, { debts, ofLogs })
        : `the audit found ${discrepancies.length} discrepancies: ${discrepancies[0]?.text ?? ''}`;
      const now = clock.now();
      await recordEvent(db, {
        at: now,
        who: 'fabrica',
        production: production.id,
        what: passed ? 'audit passed' : 'audit failed',
        why: reason,
        data: { discrepancies: discrepancies.slice(0, 50), debts },
      });
      const wrong = input.discrepancies.filter((one) => !isOfLogs(one));
      const mended = !passed && (await mend(db, production, wrong, counts.copies));
      if (production.state === 'Completing' && !mended) {
        await changeProductionState(db, production, {
          to: passed ? 'Completed' : 'Held',
          why: reason,
          who: 'fabrica',
          now,
        });
      }
      return {
        passed,
        state: production.state,
        reason,
        discrepancies: discrepancies.slice(0, 200),
      };
    });
  }

  /** Has lost copies made again before the audit is repeated, where no person needs to look first. True if it goes on so. */
  async function mend(
    db: Db,
    production: ProductionRow,
    discrepancies: readonly Discrepancy[],
    copies: readonly { copies: number; files: number }[],
  ): Promise<boolean> {
    if (production.state !== 'Completing') return false;
    const lost = mendableCopies({
      discrepancies,
      copies: copies.reduce((sum, one) => sum + one.copies * one.files, 0),
      repairs: await countSince(db, production.id, { why: REPAIR, after: 'audit passed' }),
    });
    if (lost.length === 0) return false;
    const request = { selection: { lost }, who: 'fabrica', why: REPAIR };
    const moment = { epoch: catalog.epoch, now: clock.now() };
    const answer = await reprocess(db, production, request, moment);
    return answer.refused === null && answer.blocks.length > 0;
  }

  return { filesToAudit, directoriesToAudit, unknownPaths, concludeAudit };
}

/** The events that the blocks of a production are to make. */
function plannedEvents(blocks: readonly BlockRow[]): number {
  return blocks
    .filter(({ state }) => state !== 'Discarded')
    .reduce((sum, { events }) => sum + events, 0);
}

function summary(
  counts: { made: number; waivedJobs: readonly number[] },
  { events: asked, finish, state }: Pick<ProductionRow, 'events' | 'finish' | 'state'>,
  ended: boolean,
  left: {
    readonly debts: readonly { storage: string; remnants: number }[];
    readonly ofLogs: number;
  },
): string {
  const { debts, ofLogs } = left;
  const parts = [
    ended
      ? `${counts.made} of ${asked} events are made, distributed and verified`
      : `the catalog and the storages agree; it is ${state}: ${counts.made} of ${asked} events are made`,
  ];
  if (finish !== null) {
    parts.push(`finished early by a person, ${asked - counts.made} events are missing`);
  }
  if (counts.waivedJobs.length > 0) {
    const { length } = counts.waivedJobs;
    const were = `${counted(length, 'job')} ${length === 1 ? 'was' : 'were'} waived`;
    parts.push(`${were} (${counts.waivedJobs.slice(0, 20).join(', ')})`);
  }
  for (const { storage, remnants } of debts) {
    parts.push(
      `${counted(remnants, 'remnant')} ${remnants === 1 ? 'waits' : 'wait'} on ${storage}`,
    );
  }
  if (ofLogs > 0) parts.push(`${counted(ofLogs, 'archive')} of logs missing, damaged or unknown`);
  return parts.join('; ');
}
