import { promises as fs } from 'node:fs';
import path from 'node:path';

/** The folder in which a process writes what it moves into the spool of a computing element when it is whole. */
export class Staging {
  readonly #load: () => Promise<string>;
  #opened: Promise<string> | undefined;

  /** `load` opens the folder, and learns what the processes before have left. */
  constructor(load: () => Promise<string>) {
    this.#load = load;
  }

  /** Resolves once the jobs of the processes before are known; a failure is tried again by the next call. */
  ready(): Promise<string> {
    this.#opened ??= this.#load().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Writes there. Throws if that can not be; the next call opens it anew. */
  async probe(): Promise<void> {
    try {
      const probe = path.join(await this.ready(), 'check');
      await fs.writeFile(probe, 'x');
      await fs.rm(probe, { force: true });
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const folder = await this.#opened?.catch(() => undefined);
    if (folder !== undefined) await fs.rm(folder, { recursive: true, force: true });
  }
}
