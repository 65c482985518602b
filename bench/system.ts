import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Catalog } from '../catalog/catalog.js';
import { openCatalogReadOnly } from '../catalog/open.js';
import { systemClock } from '../domain/clock.js';
import type { Configuration } from '../domain/configuration.js';
import type { DefinitionInput } from '../domain/definition.js';
import { silentLog } from '../domain/log.js';
import { readUpRecord } from '../worker/up-record.js';
import { up } from '../worker/up.js';
import { familyCpuMs } from './processor-time.js';

/** A whole Fabrica that is looked at while it works. */
export class BenchSystem {
  constructor(
    readonly client: Client,
    readonly catalog: Catalog,
    readonly folder: string,
  ) {}

  /** Starts the workflow of a production; it is ended after so long, s. */
  async start(definition: DefinitionInput, longestSeconds: number): Promise<WorkflowHandle> {
    return this.client.workflow.start('production', {
      taskQueue: 'fabrica',
      workflowId: `production/${definition.name}`,
      args: [{ definition, by: 'bench' }],
      workflowExecutionTimeout: longestSeconds * 1000,
    });
  }

  /** Processor time so far of Temporal, control, and the sites together, ms. */
  cpuMsBy(): Record<string, number> {
    return this.#byKind((pid) => familyCpuMs(pid));
  }

  /** Resident memory of each of them now, or the highest so far, MB. */
  memoryMbBy(which: 'now' | 'highest'): Record<string, number> {
    const line = which === 'now' ? /VmRSS:\s*(\d+)/ : /VmHWM:\s*(\d+)/;
    return this.#byKind((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(line.exec(status)?.[1] ?? 0) / 1000;
    });
  }

  #byKind(measure: (pid: number) => number): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { name, pid } of readUpRecord(this.folder)?.children ?? []) {
      const kind = name.replace(/[ -].*/, '');
      found[kind] = (found[kind] ?? 0) + measure(pid);
    }
    return found;
  }
}

/** Starts a system of its own in a folder, and stops it when the work is done. */
export async function withSystem<T>(
  { configuration, folder }: { folder: string; configuration: Configuration },
  work: (system: BenchSystem) => Promise<T>,
): Promise<T> {
  const catalogFile = path.join(folder, 'catalog.db');
  const running = await up({
    configuration,
    stateDirectory: folder,
    catalogFile,
    env: process.env,
    clock: systemClock,
    log: silentLog,
  });
  const end = (): void => {
    void running.stop().finally(() => process.exit(1));
  };
  for (const signal of SIGNALS) process.once(signal, end);
  const connection = await Connection.connect({ address: running.address });
  const catalog = await openCatalogReadOnly({ file: catalogFile });
  try {
    const client = new Client({ connection, namespace: running.namespace });
    return await work(new BenchSystem(client, catalog, folder));
  } finally {
    await catalog.close();
    await connection.close();
    for (const signal of SIGNALS) process.off(signal, end);
    await running.stop();
  }
}

/** Whoever ends a bench ends its system. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
