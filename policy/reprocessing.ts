/** What was made from what in one block: accepted outputs of its jobs, and its merges. */
export interface BlockLineage {
  readonly outputs: readonly {
    readonly file: number;
    readonly job: number;
    /** A good copy of it is still on a storage. */
    readonly here: boolean;
  }[];
  readonly merges: readonly { readonly job: number; readonly inputs: readonly number[] }[];
}

/** What runs again in a block. */
export interface Reprocessing {
  /** Jobs that make their events again; `because` is the merge that needs them, null if they were asked for. */
  readonly again: readonly { readonly job: number; readonly because: number | null }[];
  /** Merges that are done again with the same inputs. */
  readonly repeated: readonly number[];
  /** Merges that are given up with their merged files: the inputs that are here are merged anew with those made again. */
  readonly retired: readonly number[];
}

/**
 * What must run again so that the asked jobs and merges have new outputs, and no more. A job makes all of its outputs again, so each
 * merge that has one of them retires. What a retired merge has joined must be merged anew: jobs whose outputs are gone meanwhile (the block
 * was cleared) make them again, and so on until nothing more follows.
 */
export function planReprocessing(
  lineage: BlockLineage,
  asked: { readonly jobs: readonly number[]; readonly merges: readonly number[] },
): Reprocessing {
  const outputs = new Map(lineage.outputs.map((output) => [output.file, output]));
  const mergeInputs = new Map(lineage.merges.map(({ job, inputs }) => [job, inputs]));
  const mergesOfJob = new Map<number, Set<number>>();
  for (const { job, inputs } of lineage.merges) {
    for (const file of inputs) {
      const maker = outputs.get(file)?.job;
      if (maker === undefined) continue;
      const merges = mergesOfJob.get(maker) ?? new Set();
      mergesOfJob.set(maker, merges.add(job));
    }
  }
  const gone = (merge: number): number[] =>
    (mergeInputs.get(merge) ?? []).flatMap((file) => {
      const output = outputs.get(file);
      return output === undefined || output.here ? [] : [output.job];
    });

  const again = new Map<number, number | null>(asked.jobs.map((job) => [job, null]));
  const retired = new Set<number>();
  const jobs = [...again.keys()];
  const retire = (merge: number): void => {
    if (retired.has(merge)) return;
    retired.add(merge);
    for (const job of gone(merge)) {
      if (again.has(job)) continue;
      again.set(job, merge);
      jobs.push(job);
    }
  };
  for (const merge of asked.merges) if (gone(merge).length > 0) retire(merge);
  for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
    for (const merge of mergesOfJob.get(job) ?? []) retire(merge);
  }
  const ascending = (a: number, b: number): number => a - b;
  return {
    again: [...again]
      .map(([job, because]) => ({ job, because }))
      .sort((a, b) => ascending(a.job, b.job)),
    repeated: [...new Set(asked.merges)].filter((merge) => !retired.has(merge)).sort(ascending),
    retired: [...retired].sort(ascending),
  };
}
