import type { ChangeSince } from './changes-since.js';

/** What a definition is to the catalog: registered as it is, missing, or the next revision of a rejected production. */
export type Standing = 'same' | 'missing' | 'revision';

/** How a definition stands to the catalog, and what commands have changed since it was submitted. */
export interface Registered {
  readonly standing: Standing;
  readonly changed: readonly ChangeSince[];
}

export const NOT_REGISTERED: Registered = { standing: 'missing', changed: [] };
