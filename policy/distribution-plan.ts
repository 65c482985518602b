/** A storage that copies may go to. */
export interface CopyTarget {
  readonly name: string;
  readonly area: string;
  readonly purpose: 'temporary' | 'final';
  /** Bytes; null if not known. */
  readonly free: number | null;
  /** May be written now: neither banned nor full. */
  readonly usable: boolean;
}

export interface DistributionWish {
  readonly copies: number;
  /** Empty: any area. */
  readonly areas: readonly string[];
}

export interface DistributionPlan {
  /** Storages that shall get a copy, in order. */
  readonly copyTo: readonly string[];
  /** Storages whose copy is wanted there for good. */
  readonly keep: readonly string[];
  /** Storages whose copy is not wanted once all others are there. */
  readonly drop: readonly string[];
  /** Copies for which no storage can be found; 0 when the plan is complete. */
  readonly missing: number;
}

/** A storage is left alone when it would be filled beyond this share of what is free. */
const FREE_RESERVE = 0.95;

/**
 * Where a file shall go. Copies spread over the wanted areas as evenly as they can; within an area the storage with the most free
 * space comes first, and `turn` (any number that differs from file to file) rotates equals. A copy that is already on a final
 * storage in a wanted area counts.
 */
export function planDistribution(
  file: { readonly size: number; readonly present: readonly string[]; readonly turn: number },
  wish: DistributionWish,
  targets: readonly CopyTarget[],
  exclude: readonly string[] = [],
): DistributionPlan {
  const wanted = (target: CopyTarget): boolean =>
    target.purpose === 'final' && (wish.areas.length === 0 || wish.areas.includes(target.area));
  const here = targets.filter((target) => file.present.includes(target.name));
  const keep = here.filter(wanted).slice(0, wish.copies);
  const chosen: CopyTarget[] = [];
  const candidates = targets.filter(
    (target) =>
      wanted(target) &&
      target.usable &&
      !file.present.includes(target.name) &&
      !exclude.includes(target.name) &&
      (target.free === null || target.free * FREE_RESERVE > file.size),
  );
  while (keep.length + chosen.length < wish.copies) {
    const next = best(candidates, [...keep, ...chosen], file.turn);
    if (next === undefined) break;
    chosen.push(next);
  }
  return {
    copyTo: chosen.map((target) => target.name),
    keep: keep.map((target) => target.name),
    drop: file.present.filter((name) => !keep.some((target) => target.name === name)),
    missing: wish.copies - keep.length - chosen.length,
  };
}

function best(
  candidates: readonly CopyTarget[],
  taken: readonly CopyTarget[],
  turn: number,
): CopyTarget | undefined {
  const inArea = (area: string): number => taken.filter((one) => one.area === area).length;
  const open = candidates.filter((one) => !taken.includes(one));
  // Storages of about the same free space (a factor of two) are equals, and take turns.
  const roominess = (one: CopyTarget): number => Math.floor(Math.log2((one.free ?? 0) + 1));
  const ranked = open
    .map((one, i) => ({ one, order: (i + turn) % Math.max(1, open.length) }))
    .sort(
      (a, b) =>
        inArea(a.one.area) - inArea(b.one.area) ||
        roominess(b.one) - roominess(a.one) ||
        a.order - b.order,
    );
  return ranked[0]?.one;
}
