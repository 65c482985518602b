import { epochsOf, unrecovered } from '../../catalog/epochs.js';
import { recordEvent } from '../../catalog/events.js';
import { knownPaths } from '../../catalog/known-paths.js';
import { liveProductions, productionOf } from '../../catalog/productions.js';
import {
  clearBundle,
  earlierBundles,
  recordAsked,
  recordRecovered,
  unasked,
  type Unasked,
} from '../../catalog/recovery.js';
import { counted } from '../../domain/counted.js';
import type { ControlContext } from './context.js';
import { endAttempts } from './ended-attempts.js';

/** A production that the catalog calls live. */
export interface LiveProduction {
  readonly epoch: string;
  readonly production: string;
  readonly state: string;
}

/** What is to be done before work may begin in the present epoch. */
export interface RecoveryPlan extends Unasked {
  readonly epoch: string;
  /** Epochs before the present one. */
  readonly earlier: readonly string[];
}

/** A site or storage that did not answer, and what it said. */
export interface Silent {
  readonly name: string;
  readonly why: string;
}

/** Bundles whose attempts are ended in one transaction. */
const BUNDLES = 20;

/** What `fabrica recover` starts from, and what it records. These activities alone work before everything is in the present epoch. */
export function recovering({ catalog, clock }: ControlContext) {
  async function listLive(): Promise<LiveProduction[]> {
    const rows = await catalog.read((db) => liveProductions(db));
    return rows.map((row) => ({
      epoch: catalog.epoch,
      production: row.name,
      state: row.state,
    }));
  }

  async function planRecovery(): Promise<RecoveryPlan> {
    return catalog.read(async (db) => {
      const epochs = (await epochsOf(db)).map((row) => row.epoch);
      return {
        epoch: catalog.epoch,
        earlier: epochs.filter((one) => one !== catalog.epoch),
        ...(await unasked(db, catalog.epoch)),
      };
    });
  }

  /** The site has confirmed that no job of an earlier epoch runs or will run there: it gets jobs again. */
  async function recordRetired(input: {
    epoch: string;
    site: string;
    ended: number;
  }): Promise<void> {
    await catalog.write(async (db) => {
      await recordAsked(db, 'sites', input.site, input.epoch);
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        what: `${counted(input.ended, 'job')} of earlier epochs ended at ${input.site}`,
        why: 'recovery',
        data: { site: input.site, epoch: input.epoch },
      });
    });
  }

  /** Attempts of earlier epochs that are open, some at a time: nobody listens to them any more. Their jobs wait again, uncharged. */
  async function endEarlierAttempts(): Promise<{ ended: number; more: boolean }> {
    return catalog.write(async (db) => {
      const bundles = await earlierBundles(db, catalog.epoch, BUNDLES);
      let ended = 0;
      for (const bundle of bundles) {
        const production = await productionOf(db, bundle.production_id);
        const reason = `of epoch ${bundle.epoch}, before a restore`;
        ended += await endAttempts(db, production, bundle, { reason, now: clock.now() });
        await clearBundle(db, bundle.id, clock.now());
      }
      return { ended, more: bundles.length === BUNDLES };
    });
  }

  /** Of these paths of earlier epochs on a storage: those that the catalog does not know. */
  async function unknownOfEarlier(input: {
    storage: string;
    paths: readonly string[];
  }): Promise<string[]> {
    return catalog.read(async (db) => {
      const known = await knownPaths(db, input.storage, input.paths);
      return input.paths.filter((path) => !known.has(path));
    });
  }

  /** The storage has nothing of earlier epochs that the catalog does not know. */
  async function recordSwept(input: {
    epoch: string;
    storage: string;
    removed: number;
  }): Promise<void> {
    await catalog.write(async (db) => {
      await recordAsked(db, 'storages', input.storage, input.epoch);
      await recordEvent(db, {
        at: clock.now(),
        who: 'fabrica',
        what: `${counted(input.removed, 'file')} of earlier epochs removed from ${input.storage}`,
        why: 'recovery: the catalog does not know them',
        data: { storage: input.storage, epoch: input.epoch },
      });
    });
  }

  /** Work may begin. Sites that did not answer get no jobs until a later recovery has asked them. */
  async function concludeRecovery(input: { by: string; silent: readonly Silent[] }): Promise<void> {
    await catalog.write(async (db) => {
      if ((await unrecovered(db)) === null && input.silent.length === 0) return;
      await recordRecovered(db, clock.now());
      await recordEvent(db, {
        at: clock.now(),
        who: input.by,
        what: `recovered into epoch ${catalog.epoch}`,
        why: input.silent.map(({ name, why }) => `${name} did not answer: ${why}`).join('; '),
      });
    });
  }

  return {
    ...{ listLive, planRecovery, recordRetired, endEarlierAttempts },
    ...{ unknownOfEarlier, recordSwept, concludeRecovery },
  };
}
