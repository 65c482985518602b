import path from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import {
  createControlActivities,
  type ControlActivities,
} from '../../../activities/control/index.js';
import type { RemovalBatch } from '../../../activities/control/clearing.js';
import type { StepAnswer } from '../../../activities/control/next-step.js';
import type { SettleAnswer } from '../../../activities/control/settle.js';
import { pack } from '../../../activities/packed.js';
import type { Catalog } from '../../../catalog/catalog.js';
import { GUARDED, guardTransitions } from '../../../catalog/transition-guards.js';
import { syncResources } from '../../../catalog/resources.js';
import {
  jobsOf,
  type AttemptReport,
  type BundleHandle,
  type BundleOrder,
  type JobOrder,
} from '../../../domain/bundle.js';
import type { Configuration } from '../../../domain/configuration.js';
import { defaultConfiguration } from '../../../domain/default-configuration.js';
import type { DefinitionInput } from '../../../domain/definition.js';
import { lfnOf, physicalPath } from '../../../domain/lfn.js';
import { RecordingLog } from '../../worker/recording-log.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';
import { newCatalog } from './new-catalog.js';

/** A clock that stands still until it is moved. */
export class HandClock {
  #time = Date.UTC(2026, 0, 1);

  now(): number {
    return this.#time;
  }

  pass(seconds: number): void {
    this.#time += seconds * 1000;
  }
}

type Part<K extends keyof DefinitionInput> = Partial<NonNullable<DefinitionInput[K]>>;

/** A production of 60 events: 2 scouts and 4 jobs of 10 events, merged by 20 events, two copies. */
export function definition(
  more: Partial<Omit<DefinitionInput, 'fabrication' | 'scouts' | 'merge' | 'dataset'>> & {
    fabrication?: Part<'fabrication'>;
    scouts?: Part<'scouts'>;
    dataset?: Part<'dataset'>;
    merge?: Part<'merge'> | null;
  } = {},
): DefinitionInput {
  const { fabrication, scouts, merge, dataset, ...rest } = more;
  return {
    name: 'mumu',
    owner: 'tester',
    events: 60,
    dataset: {
      campaign: 'MC16',
      release: 'release-08',
      globalTag: 'DB1',
      experiment: 1003,
      eventType: 'mumu',
      ...dataset,
    },
    fabrication: {
      command: ['./gen', '{seed}'],
      outputs: [{ file: 'out.root' }],
      eventsPerJob: 10,
      ...fabrication,
    },
    scouts: { jobs: 2, ...scouts },
    retries: { attempts: 3, systemAttempts: 3, backoff: 60, maximumBackoff: 600 },
    ...(merge === null
      ? {}
      : { merge: { command: ['./join', '{output}', '{inputs}'], targetEvents: 20, ...merge } }),
    distribution: { copies: 2, areas: ['asia', 'america'] },
    ...rest,
  };
}

export interface Ref {
  readonly epoch: string;
  readonly production: string;
}

/** What a site would report of an attempt. */
export type Outcome = (job: JobOrder, order: BundleOrder) => AttemptReport;

const NOTHING = {
  step: 'none',
  exitCode: null,
  reason: '',
  logTail: '',
  ceId: '1',
  node: 'wn1',
  startedAt: 1,
  endedAt: 2,
  wallSeconds: null,
  cpuSeconds: null,
  memoryMB: null,
  events: null,
  outputs: [],
} as const;

/** The outputs that a job should leave, on the first of its destinations. */
export function outputsFor(job: JobOrder, order: BundleOrder): AttemptReport['outputs'] {
  return order.recipe.outputs.map((output) => ({
    level: output.level,
    storage: order.recipe.destinations[0] ?? '',
    path: physicalPath(order.epoch, lfnOf(output.naming, job)),
    size: 100 * job.events,
    adler32: '0000abcd',
  }));
}

export const good: Outcome = (job, order) => ({
  ...NOTHING,
  job: job.job,
  attempt: job.attempt,
  state: 'done',
  exitCode: 0,
  wallSeconds: 20,
  cpuSeconds: 18,
  memoryMB: 300,
  events: job.events,
  outputs: outputsFor(job, order),
});

export const failing =
  (more: Partial<AttemptReport> = {}): Outcome =>
  (job) => ({
    ...NOTHING,
    job: job.job,
    attempt: job.attempt,
    state: 'failed',
    step: 'payload',
    exitCode: 1,
    reason: 'exit 1',
    ...more,
  });

/** A control process without Temporal: its activities on a real catalog, and the steps that workflows would take. */
export class ControlRoom {
  readonly clock = new HandClock();
  readonly log = new RecordingLog();
  readonly folder = temporaryFolder();
  readonly configuration: Configuration = defaultConfiguration(this.folder);
  #catalog: Catalog | null = null;
  #activities: ControlActivities | null = null;
  #tickets = 0;

  /** Opens a catalog, or takes the given one, with the sites and storages of the default configuration. */
  static async open(take?: (room: ControlRoom) => Promise<Catalog>): Promise<ControlRoom> {
    const room = new ControlRoom();
    const file = path.join(room.folder, 'catalog.db');
    const catalog = await (take?.(room) ?? newCatalog(file, room.clock));
    room.#catalog = catalog;
    await catalog.write((db) => syncResources(db, room.configuration, room.clock.now()));
    room.#activities = createControlActivities({
      catalog,
      configuration: room.configuration,
      clock: room.clock,
      log: room.log,
    });
    return room;
  }

  get catalog(): Catalog {
    if (this.#catalog === null) throw new Error('the room is not open');
    return this.#catalog;
  }

  get do(): ControlActivities {
    if (this.#activities === null) throw new Error('the room is not open');
    return this.#activities;
  }

  async close(): Promise<void> {
    await this.#catalog?.close();
  }

  async register(input: DefinitionInput = definition()): Promise<Ref> {
    const request = { definition: input, workflowId: `production/${input.name}`, by: 'tester' };
    await this.do.validateDefinition(request);
    const { epoch, production } = await this.do.register(request);
    return { epoch, production };
  }

  step(ref: Ref, running: readonly number[] = []): Promise<StepAnswer> {
    return this.do.nextStep({ ...ref, running, ending: [] });
  }

  place(ref: Ref, block: number, stage: 'events' | 'merge' = 'events', ticket?: string) {
    return this.do.place({ ...ref, block, stage, ticket: ticket ?? `t${this.#tickets++}` });
  }

  settle(order: BundleOrder, reports: readonly AttemptReport[]): Promise<SettleAnswer> {
    const { epoch, production, block, bundle } = order;
    return this.do.settle({ epoch, production, block, bundle, reports: pack(reports) });
  }

  report(order: BundleOrder, outcome: Outcome = good): AttemptReport[] {
    return [...jobsOf(order.ranges)].map((job) => outcome(job, order));
  }

  /** Places and settles until no job of the stage waits; time passes while none can be placed. */
  async runJobs(
    ref: Ref,
    block: number,
    stage: 'events' | 'merge',
    outcome: Outcome = good,
  ): Promise<void> {
    for (let round = 0; round < 200; round++) {
      try {
        const { bundles, waiting } = await this.place(ref, block, stage);
        for (const order of bundles) await this.settle(order, this.report(order, outcome));
        if (bundles.length === 0 && waiting === 0) return;
      } catch (error) {
        if (codeOf(error) !== 'FABRICA_PLACE_WAIT') throw error;
        this.clock.pass(60);
      }
    }
    throw new Error(`block ${block} never ends`);
  }

  /** One block as its workflow would run it, up to its distribution. */
  async makeBlock(ref: Ref, block: number, outcome: Outcome = good): Promise<void> {
    const at = { ...ref, block };
    await this.do.openBlock(at);
    await this.runJobs(ref, block, 'events', outcome);
    await this.do.closeStage({ ...at, stage: 'events' });
    await this.do.planMergeJobs(at);
    await this.runJobs(ref, block, 'merge', outcome);
    await this.do.closeStage({ ...at, stage: 'merge' });
    await this.do.advanceBlock({ ...at, to: 'Distributing' });
  }

  /** Makes every copy that a block still needs. */
  async copy(ref: Ref, block: number): Promise<void> {
    const at = { ...ref, block };
    for (;;) {
      const { batches } = await this.do.planTransfers(at);
      if (batches.length === 0) return;
      for (const { storage, files } of batches) {
        const results = files.map(({ transfer }) => ({ transfer, failure: '' }));
        await this.do.recordCopies({ ...at, copies: [{ storage, results }] });
      }
    }
  }

  /** Bundles of which something may still be at a site: the first page. */
  async handles(ref: Ref, block: number | null): Promise<readonly BundleHandle[]> {
    return (await this.do.openHandles({ ...ref, block, after: 0 })).handles;
  }

  /** Confirms every removal that is due. */
  async remove(ref: Ref, block: number | null): Promise<void> {
    for (let gone: readonly RemovalBatch[] = []; ;) {
      const { batches } = await this.do.planRemovals({ ...ref, block, except: [], gone });
      if (batches.length === 0) return;
      gone = batches;
    }
  }

  async finishBlock(ref: Ref, block: number, outcome: Outcome = good): Promise<void> {
    await this.makeBlock(ref, block, outcome);
    await this.copy(ref, block);
    await this.do.condemnLeftovers({ ...ref, block });
    await this.remove(ref, block);
    await this.do.finishBlock({ ...ref, block });
  }

  /** Scouts that end as `outcome` says, and the step that follows. */
  async scout(ref: Ref, outcome: Outcome = good): Promise<StepAnswer> {
    await this.step(ref);
    const block = await this.lastBlock(ref);
    await this.do.openBlock({ ...ref, block });
    await this.runJobs(ref, block, 'events', outcome);
    return this.step(ref);
  }

  /** From registration to the audit. */
  async complete(ref: Ref, outcome: Outcome = good): Promise<void> {
    let answer = await this.scout(ref, outcome);
    for (let round = 0; answer.step.do === 'run' && round < 50; round++) {
      for (const block of answer.step.blocks) await this.finishBlock(ref, block, outcome);
      answer = await this.step(ref);
    }
  }

  async lastBlock(ref: Ref): Promise<number> {
    const rows = await this.rows<{ number: number }>(
      `select b.number from blocks b join productions p on p.id = b.production_id
       where p.name = '${ref.production}' order by b.number desc limit 1`,
    );
    return rows[0]?.number ?? -1;
  }

  async rows<T>(query: string): Promise<T[]> {
    return (await sql.raw<T>(query).execute(this.catalog.db)).rows;
  }

  /** Changes the catalog as no code of Fabrica may: whatever the transition tables say. */
  async change(statement: string): Promise<void> {
    await this.catalog.db.transaction().execute(async (db) => {
      for (const table of Object.keys(GUARDED)) {
        await sql.raw(`drop trigger ${table}_transitions`).execute(db);
      }
      await sql.raw(statement).execute(db);
      await guardTransitions(db);
    });
  }

  /** Everything that the catalog holds. */
  async dump(): Promise<Record<string, unknown[]>> {
    const tables = await this.rows<{ name: string }>(
      `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`,
    );
    const content: Record<string, unknown[]> = {};
    for (const { name } of tables) {
      // Transactions are counted whether or not they have changed anything.
      const where = name === 'meta' ? `where key <> 'changes'` : '';
      content[name] = await this.rows(`select * from "${name}" ${where}`);
    }
    return content;
  }
}

/** The error code that an activity failed with. */
export function codeOf(error: unknown): string | null | undefined {
  return error instanceof ApplicationFailure ? error.type : undefined;
}
