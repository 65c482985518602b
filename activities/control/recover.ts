import { liveProductions } from '../../catalog/productions.js';
import type { ControlContext } from './context.js';

/** A production that the catalog calls live. */
export interface LiveProduction {
  readonly epoch: string;
  readonly production: string;
  readonly state: string;
}

/** What `fabrica recover` starts from: it asks Temporal for each of these, and starts those that it does not have. */
export function recovering({ catalog }: ControlContext) {
  async function listLive(): Promise<LiveProduction[]> {
    const rows = await catalog.read((db) => liveProductions(db));
    return rows.map((row) => ({
      epoch: catalog.epoch,
      production: row.name,
      state: row.state,
    }));
  }
  return { listLive };
}
