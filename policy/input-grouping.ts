import type { BlockPlan } from './job-plan.js';

/** A file that jobs are to read, in the order in which they get them. Size in bytes. */
export interface GroupedFile {
  readonly position: number;
  readonly file: number;
  /** Files of one job share a storage. */
  readonly storage: string;
  readonly size: number;
  readonly events: number;
}

/** What one job may read. A file that is beyond a bound alone is a job by itself: files are not divided. */
export interface GroupingLimits {
  readonly maxFiles: number;
  /** Bytes. */
  readonly maxSize: number;
  readonly maxEvents: number;
}

/** The files in groups that follow each other, each on one storage and within the limits; none is empty. */
export function groupInputs<T extends Omit<GroupedFile, 'position'>>(
  files: readonly T[],
  limits: GroupingLimits,
): T[][] {
  const groups: T[][] = [];
  let size = 0;
  let events = 0;
  for (const file of files) {
    const group = groups.at(-1);
    const fits =
      group !== undefined &&
      group[0]?.storage === file.storage &&
      group.length < limits.maxFiles &&
      size + file.size <= limits.maxSize &&
      events + file.events <= limits.maxEvents;
    if (fits) group.push(file);
    else {
      groups.push([file]);
      size = 0;
      events = 0;
    }
    size += file.size;
    events += file.events;
  }
  return groups;
}

/** A block whose jobs read files. */
export type InputBlockPlan = Required<BlockPlan>;

/**
 * The next block of a production that reads files: `files` are the next of its input, `more` tells that others follow them. Null if there are
 * none. A rest of less than half a block goes into the last block, unless `exact`.
 */
export function planInputBlock(input: {
  readonly files: readonly GroupedFile[];
  readonly more: boolean;
  readonly limits: GroupingLimits;
  readonly blockJobs: number;
  readonly exact?: boolean;
  /** Events in blocks already. */
  readonly planned: number;
}): InputBlockPlan | null {
  const groups = groupInputs(input.files, input.limits);
  // The next files may belong to the last group.
  const whole = input.more && groups.length > 1 ? groups.slice(0, -1) : groups;
  const all = !input.more && input.exact !== true && whole.length <= input.blockJobs * 1.5;
  const taken = all ? whole : whole.slice(0, input.blockJobs);
  const last = taken.at(-1)?.at(-1);
  if (last === undefined) return null;
  return {
    firstEvent: input.planned + 1,
    jobEvents: taken.map((group) => group.reduce((sum, { events }) => sum + events, 0)),
    jobFiles: taken.map((group) => group.map(({ file }) => file)),
    lastInput: last.position,
  };
}

/** How many files must be read to plan a block of so many jobs, at most. */
export function filesForBlock(blockJobs: number, limits: GroupingLimits): number {
  return Math.min(FILES_AT_ONCE, Math.ceil(blockJobs * 1.5) * limits.maxFiles + 1);
}

/** Files that are planned in one transaction, about: others wait for it. */
export const FILES_AT_ONCE = 20_000;

/** The jobs of a production that reads files, before any has run. */
export interface InputShape {
  /** Events of a usual group. */
  readonly eventsPerJob: number;
  /** Events of the largest file: no group is smaller than its files. */
  readonly mostPerFile: number;
  /** Events of the largest group that there may be. */
  readonly mostPerJob: number;
  /** Events per file, on average. */
  readonly eventsPerFile: number;
}

/** What groups will be like, from the sums over all files. */
export function inputShape(
  totals: {
    readonly files: number;
    readonly events: number;
    readonly size: number;
    readonly mostEvents: number;
  },
  limits: GroupingLimits,
): InputShape {
  const files = Math.max(1, totals.files);
  const eventsPerFile = Math.max(1, totals.events / files);
  const bytesPerFile = Math.max(1, totals.size / files);
  const filesPerJob = Math.max(
    1,
    Math.min(
      files,
      limits.maxFiles,
      Math.floor(limits.maxSize / bytesPerFile),
      Math.floor(limits.maxEvents / eventsPerFile),
    ),
  );
  return {
    eventsPerJob: Math.max(1, Math.round(filesPerJob * eventsPerFile)),
    mostPerFile: totals.mostEvents,
    mostPerJob: Math.max(
      totals.mostEvents,
      Math.min(limits.maxEvents, totals.events, limits.maxFiles * totals.mostEvents),
    ),
    eventsPerFile,
  };
}

/**
 * One storage for each set of storages that files lie on together, so that few storages hold all files: groups end where the storage
 * changes. Of storages that hold as many, the first by name. `turn` is the order of the storages.
 */
export function shareStorages(
  places: readonly { readonly storages: readonly string[]; readonly files: number }[],
): { storages: readonly string[]; storage: string; turn: number }[] {
  const chosen: { storages: readonly string[]; storage: string; turn: number }[] = [];
  let left = [...places];
  for (let turn = 1; left.length > 0; turn++) {
    const counts = new Map<string, number>();
    for (const { files, storages } of left) {
      for (const storage of storages) counts.set(storage, (counts.get(storage) ?? 0) + files);
    }
    const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    if (first === undefined) break;
    const [storage] = first;
    const here = left.filter(({ storages }) => storages.includes(storage));
    chosen.push(...here.map(({ storages }) => ({ storages, storage, turn })));
    left = left.filter(({ storages }) => !storages.includes(storage));
  }
  return chosen;
}

/**
 * The places, from 1, of the overlay files of a job in a set of `files`: they follow from its seed alone, so that each attempt gets the
 * same. Seeds follow each other, so that a round of jobs gets each file once; no job gets a file twice as long as there are enough.
 */
export function overlayPlaces(seed: number, perJob: number, files: number): number[] {
  const first = (seed % files) * (perJob % files);
  return Array.from({ length: perJob }, (_, i) => 1 + ((first + i) % files));
}
