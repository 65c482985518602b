import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { Catalog } from '../catalog/catalog.js';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import { difference } from './difference.js';
import { historySizes, type HistorySize } from './history-sizes.js';
import { descendantsCpuMs } from './processor-time.js';
import { withSystem } from './system.js';

export interface FabricaRun {
  /** From the start of the production until `counts`. */
  readonly seconds: number;
  /** Processor time of all processes meanwhile. */
  readonly cpuMs: number;
  /** The same by process: Temporal, control, and the sites together. */
  readonly cpuMsBy: Readonly<Record<string, number>>;
  /** Highest resident memory of the control process, MB. */
  readonly controlRssMb: number;
  /** Of all workflows; Temporal allows 51,200. */
  readonly largestHistoryEvents: number;
  /** Of all workflows; Temporal allows 50 MB. */
  readonly largestHistoryBytes: number;
  /** The same by workflow type. */
  readonly histories: Readonly<Record<string, HistorySize>>;
}

/** Runs one production from nothing to its end, in a system of its own; fails if it is not `Completed` within the time. */
export async function fabricaRun(run: {
  readonly folder: string;
  readonly configuration: Configuration;
  readonly definition: DefinitionInput;
  readonly longestSeconds: number;
  /** True when what is measured is over; the production goes on to its end. */
  readonly counts: (catalog: Catalog, handle: WorkflowHandle) => Promise<boolean>;
  /** Looks at what it has come to. */
  readonly after?: (catalog: Catalog) => Promise<void>;
}): Promise<FabricaRun> {
  return withSystem(run, async (system) => {
    const { catalog, client } = system;
    const cpuBefore = descendantsCpuMs();
    const cpuByBefore = system.cpuMsBy();
    const began = performance.now();
    const handle = await system.start(run.definition, run.longestSeconds);
    while (!(await run.counts(catalog, handle))) {
      if (performance.now() - began > run.longestSeconds * 1000) {
        throw new Error(`the production has not come so far within ${run.longestSeconds} s`);
      }
      await sleep(100);
    }
    const seconds = (performance.now() - began) / 1000;
    const cpuMs = descendantsCpuMs() - cpuBefore;
    const cpuMsBy = difference(system.cpuMsBy(), cpuByBefore);
    await handle.result();
    await run.after?.(catalog);
    const controlRssMb = system.memoryMbBy('highest').control ?? 0;
    const histories = await historySizes(client);
    const largest = (what: 'events' | 'bytes'): number =>
      Math.max(...Object.values(histories).map((size) => size[what]));
    return {
      ...{ seconds, cpuMs, cpuMsBy, controlRssMb, histories },
      largestHistoryEvents: largest('events'),
      largestHistoryBytes: largest('bytes'),
    };
  });
}
