/** A storage that might collect the outputs of a block. */
export interface HomeCandidate {
  readonly name: string;
  readonly purpose: 'temporary' | 'final';
  readonly usable: boolean;
  /** Slots of the usable sites near it. */
  readonly nearSlots: number;
  /** Unfinished blocks that it is the home of. */
  readonly blocks: number;
}

/**
 * The storage that collects a block's outputs: a usable temporary one (a final one if there is none), near many slots and not yet the
 * home of many blocks. Null if no storage is usable.
 */
export function chooseHome(candidates: readonly HomeCandidate[]): string | null {
  const usable = candidates.filter((one) => one.usable);
  const temporary = usable.filter((one) => one.purpose === 'temporary');
  const pool = temporary.length > 0 ? temporary : usable;
  const score = (one: HomeCandidate): number => (1 + one.nearSlots) / (1 + one.blocks);
  return (
    [...pool].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1))[0]?.name ?? null
  );
}
