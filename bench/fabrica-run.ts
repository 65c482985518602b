import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Catalog } from '../catalog/catalog.js';
import { openCatalogReadOnly } from '../catalog/open.js';
import { systemClock } from '../domain/clock.js';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import { silentLog } from '../domain/log.js';
import { readUpRecord } from '../worker/up-record.js';
import { up } from '../worker/up.js';
import { historySizes, type HistorySize } from './history-sizes.js';
import { descendantsCpuMs, familyCpuMs } from './processor-time.js';

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
  const { folder } = run;
  const catalogFile = path.join(folder, 'catalog.db');
  const system = await up({
    configuration: run.configuration,
    stateDirectory: folder,
    catalogFile,
    env: process.env,
    clock: systemClock,
    log: silentLog,
  });
  const connection = await Connection.connect({ address: system.address });
  const catalog = await openCatalogReadOnly({ file: catalogFile });
  try {
    const client = new Client({ connection, namespace: system.namespace });
    const cpuBefore = descendantsCpuMs();
    const cpuByBefore = cpuBy(folder);
    const began = performance.now();
    const handle = await client.workflow.start('production', {
      taskQueue: 'fabrica',
      workflowId: `production/${run.definition.name}`,
      args: [{ definition: run.definition, by: 'bench' }],
      workflowExecutionTimeout: run.longestSeconds * 1000,
    });
    while (!(await run.counts(catalog, handle))) {
      if (performance.now() - began > run.longestSeconds * 1000) {
        throw new Error(`the production has not come so far within ${run.longestSeconds} s`);
      }
      await sleep(100);
    }
    const seconds = (performance.now() - began) / 1000;
    const cpuMs = descendantsCpuMs() - cpuBefore;
    const cpuMsBy = Object.fromEntries(
      Object.entries(cpuBy(folder)).map(([name, ms]) => [name, ms - (cpuByBefore[name] ?? 0)]),
    );
    await handle.result();
    await run.after?.(catalog);
    const control = readUpRecord(folder)?.children.find((child) => child.name === 'control');
    const status = readFileSync(`/proc/${control?.pid ?? 'self'}/status`, 'utf8');
    const controlRssMb = Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) / 1000;
    const histories = await historySizes(client);
    const largest = (what: 'events' | 'bytes'): number =>
      Math.max(...Object.values(histories).map((size) => size[what]));
    return {
      ...{ seconds, cpuMs, cpuMsBy, controlRssMb, histories },
      largestHistoryEvents: largest('events'),
      largestHistoryBytes: largest('bytes'),
    };
  } finally {
    await catalog.close();
    await connection.close();
    await system.stop();
  }
}

/** Processor time so far of each kind of process of a system, ms. */
function cpuBy(folder: string): Record<string, number> {
  const times: Record<string, number> = {};
  for (const { name, pid } of readUpRecord(folder)?.children ?? []) {
    const kind = name.replace(/[ -].*/, '');
    times[kind] = (times[kind] ?? 0) + familyCpuMs(pid);
  }
  return times;
}
