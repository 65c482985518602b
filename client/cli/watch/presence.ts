import type { Client } from '@temporalio/client';
import { productionWorkflowId } from '../../../domain/names.js';
import type { Clock } from '../../../domain/clock.js';
import type { LoadedConfiguration } from '../../../worker/configuration-file.js';
import type { ConnectedClient } from '../../temporal/connection.js';

/** ms between two questions to Temporal. */
const EVERY = 5_000;
const CALL = 3_000;

/**
 * Whether anybody works on a production, asked in the background now and then: a display that reads the catalog alone would show a
 * dead system as a slow one.
 */
export class Presence {
  /** What a person should know; empty if all is well or not known yet. */
  note = '';
  readonly #loaded: LoadedConfiguration;
  readonly #clock: Clock;
  readonly #workflowId: string;
  #connected: ConnectedClient | null = null;
  #asking: Promise<void> | null = null;
  #next: number;

  constructor(loaded: LoadedConfiguration, clock: Clock, production: string) {
    this.#loaded = loaded;
    this.#clock = clock;
    this.#workflowId = productionWorkflowId(production);
    this.#next = clock.now() + CALL;
  }

  /** Asks if it is time to; never waits for the answer. */
  refresh(): void {
    if (this.#asking !== null || this.#clock.now() < this.#next) return;
    this.#asking = this.#ask().finally(() => {
      this.#asking = null;
      this.#next = this.#clock.now() + EVERY;
    });
  }

  async close(): Promise<void> {
    await this.#asking;
    await this.#connected?.connection.close();
  }

  async #ask(): Promise<void> {
    try {
      this.#connected ??= await this.#connect();
      const { client, connection } = this.#connected;
      this.note = await connection.withDeadline(Date.now() + CALL, async () => this.#look(client));
    } catch {
      this.note = 'Temporal does not answer: nothing goes on. Start `fabrica up`.';
    }
  }

  async #connect(): Promise<ConnectedClient> {
    const { connectClient } = await import('../../temporal/connection.js');
    return connectClient(this.#loaded, { clock: this.#clock, tell: () => undefined, seconds: 0 });
  }

  async #look(client: Client): Promise<string> {
    const { status } = await client.workflow.getHandle(this.#workflowId).describe();
    return status.name === 'RUNNING' || status.name === 'COMPLETED'
      ? ''
      : `Its workflow is ${status.name}: nothing goes on. Run \`fabrica recover\`.`;
  }
}
