import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createSiteActivities } from '../../../activities/site/index.js';
import type { BundleHandle } from '../../../domain/bundle.js';
import { configurationSchema } from '../../../domain/configuration.js';
import { systemClock } from '../../../domain/clock.js';
import { silentLog } from '../../../domain/log.js';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import type { WrappedJob } from '../../../grid/compute/compute-element.js';
import { prepareDirectoryStorage } from '../../../grid/storage/directory.js';
import { createStorageElements } from '../../../grid/storage/storage-elements.js';
import { jobOf } from '../../grid/compute/job-fixture.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';

/** A site with a real local computing element and two directory storages, and its activities without Temporal. */
export class SiteRoom {
  readonly folder = temporaryFolder();
  readonly configuration = configurationSchema.parse({
    areas: ['asia'],
    sites: [{ name: 'HERE', area: 'asia', slots: 4, storages: ['A', 'B'] }],
    storages: [
      { name: 'A', kind: 'directory', area: 'asia', root: this.at('A'), purpose: 'temporary' },
      { name: 'B', kind: 'directory', area: 'asia', root: this.at('B'), purpose: 'final' },
    ],
  });
  readonly storages = createStorageElements(
    this.configuration.storages,
    this.configuration.simulation,
  );
  readonly compute = new LocalComputeElement({ site: 'HERE', slots: 4, folder: this.at('spool') });

  static async open(): Promise<SiteRoom> {
    const room = new SiteRoom();
    for (const name of ['A', 'B']) await prepareDirectoryStorage(room.at(name));
    return room;
  }

  at(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  close(): Promise<void> {
    return this.compute.close();
  }

  get activities() {
    const [site] = this.configuration.sites;
    if (site === undefined) throw new Error('no site');
    const { compute, storages } = this;
    return createSiteActivities({ site, compute, storages, clock: systemClock, log: silentLog }).io;
  }

  /** Runs an activity as a worker would. */
  run<I, R>(activity: (input: I) => Promise<R>, input: I): Promise<R> {
    return new MockActivityEnvironment().run(activity, input);
  }

  /** Jobs of production `p` from number 1, each a shell command, run to their ends. */
  async ran(commands: readonly string[]): Promise<BundleHandle> {
    const jobs: WrappedJob[] = commands.map((command, i) =>
      jobOf(`e1aaaaaa.p.${i + 1}.1`, command),
    );
    await this.compute.submit(jobs);
    const names = jobs.map(({ name }) => name);
    for (;;) {
      const statuses = await this.compute.poll(names);
      if (statuses.every(({ state }) => state === 'ended')) break;
      await this.compute.changed(1000, new AbortController().signal);
    }
    return {
      epoch: 'e1aaaaaa',
      production: 'p',
      block: 0,
      bundle: 1,
      site: 'HERE',
      attempts: [{ job: 1, count: commands.length, attempt: 1 }],
    };
  }
}
