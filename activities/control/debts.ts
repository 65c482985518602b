import {
  debtsOn,
  debtStorages,
  forgetDebtor,
  gatherDebts,
  noteDebtor,
  noteRefusals,
  type Debt,
} from '../../catalog/debts.js';
import type { Db } from '../../catalog/catalog.js';
import { unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { condemnLogs, expiredLogs } from '../../catalog/logs.js';
import { confirmRemoved } from '../../catalog/remnants.js';
import { counted } from '../../domain/counted.js';
import { nextTry } from '../../policy/debt-payment.js';
import { requireEpoch, type ControlContext } from './context.js';

/** Debts in one payment. */
const PAGE = 500;
/** Condemned replicas that are noted in one transaction: others wait for it. */
const GATHERED = 2_000;

/** What still lies on storages that did not answer, and is to be removed. */
export function payingDebts(context: ControlContext) {
  const { catalog, clock, configuration } = context;

  /**
   * Condemns logs that have been kept for long enough, notes what ended productions have left, and answers the storages that have debts and whose time has come; all of them if a person
   * asks (`all`). `more`: there is more to be noted; ask again. None at all before a new epoch is recovered: a restored catalog
   * may call debts what has been wanted again since.
   */
  async function debtorsDue(input: { all: boolean }): Promise<{
    epoch: string;
    storages: string[];
    more: boolean;
  }> {
    return catalog.write(async (db) => {
      if ((await unrecovered(db)) !== null)
        return { epoch: catalog.epoch, storages: [], more: false };
      const now = clock.now();
      const expired = await expiredLogs(db, now, configuration.logs.keepFor, GATHERED);
      await condemnLogs(db, expired);
      const gathered = await gatherDebts(db, now, GATHERED);
      const more = Math.max(gathered, expired.length) === GATHERED;
      const storages = (await debtStorages(db))
        .filter(({ next }) => input.all || next <= now)
        .map(({ storage }) => storage);
      return { epoch: catalog.epoch, storages, more };
    });
  }

  /** The next debts of a storage. `next` is where the following page begins; null after the last one. */
  async function planPayment(input: {
    epoch: string;
    storage: string;
    after: number;
  }): Promise<{ paths: Omit<Debt, 'id'>[]; next: number | null }> {
    requireEpoch(context, input.epoch);
    return catalog.read(async (db) => {
      const debts = await debtsOn(db, input.storage, { after: input.after, limit: PAGE });
      return {
        paths: debts.map(({ path, shape }) => ({ path, shape })),
        next: debts.length < PAGE ? null : (debts.at(-1)?.id ?? null),
      };
    });
  }

  /** The storage has confirmed that `gone` is not there any more, and has refused the others. */
  async function recordPayment(input: {
    epoch: string;
    storage: string;
    gone: readonly string[];
    refused: readonly { path: string; reason: string }[];
  }): Promise<void> {
    requireEpoch(context, input.epoch);
    await catalog.write(async (db) => {
      await confirmRemoved(
        db,
        input.storage,
        input.gone.map((path) => ({ path })),
      );
      await noteRefusals(db, input.storage, input.refused);
    });
  }

  /** The end of a payment: `failure` is why the storage did not answer, or why it refused some; empty if all is paid. */
  async function closePayment(input: {
    epoch: string;
    storage: string;
    paid: number;
    failure: string;
  }): Promise<void> {
    requireEpoch(context, input.epoch);
    await catalog.write(async (db) => {
      const { failure, paid, storage } = input;
      if (failure === '') await forgetDebtor(db, storage);
      else await noteUnpaid(context, db, storage, failure);
      if (paid === 0) return;
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        what: `${counted(paid, 'debt')} on ${storage} paid`,
        why: failure,
      });
    });
  }

  return { debtorsDue, planPayment, recordPayment, closePayment };
}

/** A storage does not answer, or refuses removals: it is asked again later, each time after a longer while. */
export async function noteUnpaid(
  { clock, configuration }: ControlContext,
  db: Db,
  storage: string,
  reason: string,
): Promise<void> {
  const now = clock.now();
  const next = (tries: number): number => nextTry(now, tries, configuration.janitor.every);
  await noteDebtor(db, storage, { reason, now, next });
}
