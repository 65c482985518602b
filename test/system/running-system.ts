import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Catalog } from '../../catalog/catalog.js';
import { openCatalogReadOnly } from '../../catalog/open.js';
import { systemClock } from '../../domain/clock.js';
import type { Configuration } from '../../domain/configuration.js';
import { defaultConfiguration } from '../../domain/default-configuration.js';
import type { DefinitionInput } from '../../domain/definition.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { fileLog } from '../../worker/log.js';
import { StateLayout } from '../../worker/state-directory.js';
import { up, type RunningSystem } from '../../worker/up.js';
import { independentAudit } from './independent-audit.js';
import { standing } from './standing.js';

/** A whole Fabrica of its own: server, control, sites, storages, in a folder that goes away. */
export interface TestSystem {
  readonly folder: string;
  readonly configuration: Configuration;
  readonly system: RunningSystem;
  readonly client: Client;
  readonly catalog: Catalog;
  start(definition: DefinitionInput): Promise<WorkflowHandle>;
  /** Audits a production whose events were all made, or with other options of `audit.py`. */
  audit(production: string, expected: number | readonly string[]): Promise<void>;
  /** Ends its processes; the folder stays. */
  stop(): Promise<void>;
  end(): Promise<void>;
}

export interface Place {
  /** A folder that a system has used before. (Default: a new one) */
  readonly folder?: string;
  /** The built package that its processes run. (Default: `dist` of this checkout) */
  readonly dist?: string;
}

/** Starts it; vitest compiles TypeScript itself, but processes run what `npm run build` has made. */
export async function startSystem(
  change: (configuration: Configuration) => Configuration = (same) => same,
  place: Place = {},
): Promise<TestSystem> {
  const folder = place.folder ?? mkdtempSync(path.join(tmpdir(), 'fabrica-system-'));
  const standard = defaultConfiguration(folder);
  const configuration = change({
    ...standard,
    temporal: { ...standard.temporal, port: 0, uiPort: 0 },
  });
  const catalogFile = path.join(folder, 'catalog.db');
  const system = await up({
    configuration,
    stateDirectory: folder,
    catalogFile,
    env: process.env,
    clock: systemClock,
    log: fileLog({ name: 'up', clock: systemClock, file: new StateLayout(folder).logFile('up') }),
    childEntry: path.resolve(place.dist ?? 'dist', 'program/process.js'),
  });
  const connection = await Connection.connect({ address: system.address });
  const client = new Client({ connection, namespace: system.namespace });
  const catalog = await openCatalogReadOnly({ file: catalogFile });
  standing.set(catalog, async () => `${await standingOf(client)}\n${troubles(folder)}`);
  const stop = async (): Promise<void> => {
    standing.delete(catalog);
    await catalog.close();
    await connection.close();
    await system.stop();
  };
  return {
    folder,
    configuration,
    system,
    client,
    catalog,
    start: (definition) =>
      client.workflow.start('production', {
        taskQueue: 'fabrica',
        workflowId: `production/${definition.name}`,
        args: [{ definition, by: 'test' }],
      }),
    audit: (production, expected) =>
      independentAudit(
        catalogFile,
        production,
        ...(typeof expected === 'number'
          ? ['--expect-events', String(expected), '--content', 'jsonl']
          : expected),
      ),
    stop,
    async end() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What its processes have logged as a warning or as worse. */
function troubles(folder: string): string {
  const { logs } = new StateLayout(folder);
  return readdirSync(logs)
    .flatMap((file) => readFileSync(path.join(logs, file), 'utf8').split('\n'))
    .filter((line) => /"level":"(warn|error)"/.test(line))
    .slice(-50)
    .join('\n');
}

/** The workflows that run: what they show, and what they wait for. */
async function standingOf(client: Client): Promise<string> {
  const lines: string[] = [];
  for await (const { runId, type, workflowId } of client.workflow.list({
    query: 'ExecutionStatus = "Running"',
  })) {
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    const activities = (raw.pendingActivities ?? []).map(
      ({ activityType, attempt, lastFailure }) =>
        `${activityType?.name} (attempt ${attempt}) ${lastFailure?.message ?? ''}`,
    );
    const children = (raw.pendingChildren ?? []).map(({ workflowId: id }) => id);
    lines.push(`${workflowId} waits for ${[...activities, ...children].join(', ') || 'nothing'}`);
    if (type !== 'production') continue;
    const progress = await client.workflow.getHandle(workflowId, runId).query('progress');
    lines.push(`  ${JSON.stringify(progress)}`);
  }
  return lines.join('\n');
}

/** Waits until the production's progress fulfils a condition; fails with the last progress after `seconds`. */
export async function until(
  handle: WorkflowHandle,
  condition: (progress: ProductionProgress) => boolean,
  seconds = 50,
): Promise<ProductionProgress> {
  let last: ProductionProgress | null = null;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    last = await handle.query<ProductionProgress | null>('progress');
    if (last !== null && condition(last)) return last;
  }
  throw new Error(`not reached within ${seconds} s; the last progress was ${JSON.stringify(last)}`);
}

/** What jobs of the test productions do; `behaviour` is JavaScript that may end the process. */
export function payload(behaviour: string): string[] {
  const program = `
    const [seed, first, events, output, job] = process.argv.slice(1);
    const attempt = Number(process.env.FABRICA_ATTEMPT);
    const fs = require('node:fs');
    const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    ${behaviour}
    let lines = '';
    for (let i = 0; i < Number(events); i++) lines += JSON.stringify({ event: Number(first) + i, seed: Number(seed) }) + '\\n';
    fs.writeFileSync(output, lines);
    fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: Number(events) }));`;
  return ['node', '-e', program, '{seed}', '{firstEvent}', '{events}', '{output}', '{job}'];
}

const MERGE = `
  const [output, ...inputs] = process.argv.slice(1);
  const fs = require('node:fs');
  const text = inputs.map((input) => fs.readFileSync(input, 'utf8')).join('');
  fs.writeFileSync(output, text);
  fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: text.split('\\n').length - 1 }));`;

/** A small production whose jobs run in a fraction of a second. */
export function smallProduction(
  name: string,
  change: {
    events?: number;
    behaviour?: string;
    fabrication?: Partial<DefinitionInput['fabrication']>;
  } & Omit<Partial<DefinitionInput>, 'fabrication' | 'events'> = {},
): DefinitionInput {
  const { behaviour = '', events = 100, fabrication, ...rest } = change;
  return {
    name,
    dataset: {
      campaign: 'MCtest',
      release: 'release-08-00-00',
      globalTag: 'DB00002649',
      experiment: 1003,
      eventType: 'mumu',
    },
    events,
    fabrication: {
      command: payload(behaviour),
      outputs: [{ file: 'out.jsonl' }],
      eventsPerJob: 10,
      ...fabrication,
    },
    scouts: { jobs: 2 },
    retries: { attempts: 3, backoff: 0.2 },
    merge: { command: ['node', '-e', MERGE, '{output}', '{inputs}'], targetEvents: 50 },
    distribution: { copies: 2, areas: ['asia', 'america'] },
    ...rest,
  };
}
