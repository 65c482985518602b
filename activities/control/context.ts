import { ApplicationFailure } from '@temporalio/common';
import type { Catalog, Db } from '../../catalog/catalog.js';
import { unrecovered } from '../../catalog/epochs.js';
import { getProduction, type ProductionRow } from '../../catalog/productions.js';
import type { Clock } from '../../domain/clock.js';
import type { Configuration } from '../../domain/configuration.js';
import { ERRORS, FabricaError } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';

/** What control activities work with. */
export interface ControlContext {
  readonly catalog: Catalog;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly log: Log;
}

/** What every control activity is told: the production, and the epoch that its workflow belongs to. */
export interface ProductionRef {
  readonly epoch: string;
  readonly production: string;
}

export interface BlockRef extends ProductionRef {
  readonly block: number;
}

/**
 * The production, once it is certain that the workflow that asks and the catalog belong together, and that nothing else runs; else
 * `FABRICA_CATALOG_EPOCH`, which holds the workflow until `fabrica recover`.
 */
export async function productionFor(
  context: ControlContext,
  db: Db,
  ref: ProductionRef,
): Promise<ProductionRow> {
  if (ref.epoch !== context.catalog.epoch) {
    throw new FabricaError(
      'FABRICA_CATALOG_EPOCH',
      `Production ${ref.production} runs for epoch ${ref.epoch}, but the catalog is of epoch ${context.catalog.epoch}.`,
      { production: ref.production },
    );
  }
  const waiting = await unrecovered(db);
  if (waiting !== null) {
    throw new FabricaError(
      'FABRICA_CATALOG_EPOCH',
      `Production ${ref.production} waits: ${waiting.why}, and nothing has been brought into epoch ${waiting.epoch} yet.`,
      { production: ref.production },
    );
  }
  return getProduction(db, ref.production);
}

/**
 * The same for work on storages that belongs to no production. It is not held but ends, not retryable, with `FABRICA_CATALOG_EPOCH`: such
 * work is begun again at any time.
 */
export function requireEpoch({ catalog }: ControlContext, epoch: string): void {
  if (epoch === catalog.epoch) return;
  throw notBefore(
    `This work was begun in epoch ${epoch}, but the catalog is of epoch ${catalog.epoch}.`,
  );
}

/** The failure of work that must not be done before `fabrica recover`, and does not wait for it. */
export function notBefore(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${message} ${ERRORS.FABRICA_CATALOG_EPOCH.remedy}`,
    'FABRICA_CATALOG_EPOCH',
  );
}
