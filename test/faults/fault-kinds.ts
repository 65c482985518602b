/** What the sites and storages of a run are: processes and directories of this machine, or simulated ones. */
export const GRIDS = ['local', 'simulated'] as const;
export type Grid = (typeof GRIDS)[number];

/** How a kind of fault is drawn. */
export interface FaultTraits {
  /** How often, compared with the others. */
  readonly weight: number;
  readonly grids: readonly Grid[];
  /** How long it lasts, ms, at least and at most; null: it is over at once. */
  readonly lasts: readonly [number, number] | null;
  /** Faults of the same group never overlap: what one undoes would undo the other. */
  readonly group: string | null;
}

const BOTH: readonly Grid[] = GRIDS;
const LOCAL: readonly Grid[] = ['local'];
const kill = (weight: number, grids = BOTH): FaultTraits => ({
  ...{ weight, grids },
  ...{ lasts: null, group: null },
});
const stall = (weight: number, grids = BOTH): FaultTraits => ({
  ...{ weight, grids, lasts: [500, 12_000], group: null },
});
const storage = (weight: number): FaultTraits => ({
  ...{ weight, grids: BOTH, lasts: [1000, 15_000], group: 'storage' },
});

/** Every kind of fault, and nothing else: the plan, the injections and the table go by it. */
export const FAULT_KINDS = {
  'kill-temporal': kill(3),
  'kill-control': kill(4),
  'kill-site': kill(4),
  'kill-wrapper': kill(3, LOCAL),
  'kill-payload': kill(3, LOCAL),
  'kill-pilot': kill(2, LOCAL),
  'kill-up': kill(2),
  'stall-temporal': stall(2),
  'stall-control': stall(2),
  'stall-site': stall(2),
  'stall-wrapper': stall(2, LOCAL),
  'stall-payload': stall(2, LOCAL),
  'storage-read-only': storage(2),
  'storage-full': storage(2),
  'storage-gone': storage(2),
  'storage-slow': storage(2),
  'catalog-locked': { weight: 2, grids: BOTH, lasts: [1000, 15_000], group: 'catalog' },
  'catalog-disk-full': { weight: 2, grids: BOTH, lasts: [1000, 10_000], group: 'catalog' },
  'second-site-worker': { weight: 2, grids: BOTH, lasts: [4000, 15_000], group: 'second' },
  'clock-forward': kill(2),
  'clock-back': kill(2),
  'temporal-state-lost': { weight: 2, grids: BOTH, lasts: null, group: 'up' },
} as const satisfies Record<string, FaultTraits>;

export type FaultKind = keyof typeof FAULT_KINDS;
export const ALL_KINDS = Object.keys(FAULT_KINDS) as readonly FaultKind[];

export const traitsOf = (kind: FaultKind): FaultTraits => FAULT_KINDS[kind];
