import { jobsOf, type BundleOrder, type JobInputs, type StageIn } from '../../domain/bundle.js';
import { claimPath, lfnOf, physicalPath } from '../../domain/lfn.js';
import { ceJobName } from '../../domain/names.js';
import { substituteArguments } from '../../domain/substitution.js';
import type { CeJob, CeTask } from '../../grid/compute/compute-element.js';
import type { WrapperInput, WrapperSpec } from '../../grid/compute/wrapper.js';
import { wrapperAccess } from '../../grid/compute/wrapper-access.js';
import type { JobAccess } from '../../grid/storage/job-access.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';
import { unpack } from '../packed.js';

/** The jobs of a bundle as a computing element gets them. */
export function* ceJobs(order: BundleOrder, storages: StorageElements): Generator<CeJob> {
  const { epoch, production, recipe, site } = order;
  const bundle = { epoch, production, recipe, site };
  const inputs = new Map(unpack(order.inputs).map((one) => [one.job, one]));
  for (const job of jobsOf(order.ranges)) {
    const { files, overlay } = inputs.get(job.job) ?? NO_FILES;
    yield new BundleJob({ bundle, job, files, overlay }, storages);
  }
}

const NO_FILES: Pick<JobInputs, 'files' | 'overlay'> = { files: [], overlay: [] };

class BundleJob implements CeJob {
  readonly name: string;
  readonly task: CeTask;
  readonly #storages: StorageElements;

  constructor(task: CeTask, storages: StorageElements) {
    const { bundle, job } = task;
    this.name = ceJobName({
      ...{ epoch: bundle.epoch, production: bundle.production },
      ...{ job: job.job, attempt: job.attempt },
    });
    this.task = task;
    this.#storages = storages;
  }

  get wrapper(): WrapperSpec {
    return wrapperOf(this.name, this.task, this.#storages);
  }

  access(): Promise<JobAccess[]> {
    const elements = this.#storages.names().map((name) => this.#storages.get(name));
    const guarded = elements.filter((element) => 'jobAccess' in element);
    return wrapperAccess(this.wrapper, guarded);
  }
}

function wrapperOf(
  name: string,
  { bundle, files, job, overlay }: CeTask,
  storages: StorageElements,
): WrapperSpec {
  const { recipe } = bundle;
  const url = (storage: string, path: string): string => storages.get(storage).url(path);
  const destinations = recipe.destinations.filter((storage) => storages.has(storage));
  const values = {
    seed: job.seed,
    firstEvent: job.firstEvent,
    events: job.events,
    job: job.job,
    inputs: files.map((input) => input.name),
    overlay: overlay.map((file) => file.name),
    outputs: new Map(recipe.outputs.map((output) => [output.level, output.file])),
  };
  const claim = claimPath(recipe.claims, job);
  return {
    name,
    command: substituteArguments(recipe.command, values),
    environment: recipe.environment,
    validation: substituteArguments(recipe.validation, values),
    stageIn: [...recipe.payload, ...files, ...overlay].map((file) => wrapperInput(file, storages)),
    outputs: recipe.outputs.map((output) => {
      const path = physicalPath(bundle.epoch, lfnOf(output.naming, job));
      return {
        level: output.level,
        file: output.file,
        destinations: destinations.map((storage) => ({ storage, url: url(storage, path) })),
      };
    }),
    claims: destinations.map((storage) => ({ storage, url: url(storage, claim) })),
    wallSeconds: recipe.wallSeconds,
    memoryMB: recipe.memoryMB,
    diskMB: recipe.diskMB,
    variables: {
      FABRICA_PRODUCTION: bundle.production,
      FABRICA_SITE: bundle.site,
      FABRICA_JOB: String(job.job),
      FABRICA_ATTEMPT: String(job.attempt),
      FABRICA_SEED: String(job.seed),
      FABRICA_FIRST_EVENT: String(job.firstEvent),
      FABRICA_EVENTS: String(job.events),
      ...(files.length === 0 ? {} : { FABRICA_INPUTS: values.inputs.join(' ') }),
      ...(overlay.length === 0 ? {} : { FABRICA_OVERLAY: values.overlay.join(' ') }),
    },
  };
}

function wrapperInput(
  { adler32, name, replicas, size }: StageIn,
  storages: StorageElements,
): WrapperInput {
  return {
    ...{ name, size, adler32 },
    urls: replicas
      .filter(({ storage }) => storages.has(storage))
      .map(({ path, storage }) => storages.get(storage).url(path)),
  };
}
