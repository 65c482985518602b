import {
  jobsOf,
  type BundleOrder,
  type JobInputs,
  type JobOrder,
  type StageIn,
} from '../../domain/bundle.js';
import { lfnOf, physicalPath } from '../../domain/lfn.js';
import { ceJobName } from '../../domain/names.js';
import { substituteArguments } from '../../domain/substitution.js';
import type { CeJob } from '../../grid/compute/compute-element.js';
import type { WrapperInput, WrapperSpec } from '../../grid/compute/wrapper.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';
import { unpack } from '../packed.js';

/** The jobs of a bundle as a computing element gets them. */
export function* ceJobs(order: BundleOrder, storages: StorageElements): Generator<CeJob> {
  const inputs = new Map(unpack(order.inputs).map((one) => [one.job, one]));
  const payload = order.recipe.payload.map((file) => wrapperInput(file, storages));
  for (const job of jobsOf(order.ranges)) {
    const files = { ...NO_FILES, ...inputs.get(job.job), payload };
    const wrapper = wrapperOf(order, job, files, storages);
    yield { name: wrapper.name, wrapper };
  }
}

/** What a job reads. */
interface JobFiles extends Pick<JobInputs, 'files' | 'overlay'> {
  readonly payload: readonly WrapperInput[];
}

const NO_FILES = { files: [], overlay: [] };

function wrapperOf(
  order: BundleOrder,
  job: JobOrder,
  { files: inputs, overlay, payload }: JobFiles,
  storages: StorageElements,
): WrapperSpec {
  const { recipe } = order;
  const name = ceJobName({ ...order, ...job });
  const url = (storage: string, path: string): string => storages.get(storage).url(path);
  const destinations = recipe.destinations.filter((storage) => storages.has(storage));
  const values = {
    seed: job.seed,
    firstEvent: job.firstEvent,
    events: job.events,
    job: job.job,
    inputs: inputs.map((input) => input.name),
    overlay: overlay.map((file) => file.name),
    outputs: new Map(recipe.outputs.map((output) => [output.level, output.file])),
  };
  const claim = `${recipe.claims}/${Math.floor(job.job / 1000)}/${job.job}.${job.attempt}`;
  return {
    name,
    command: substituteArguments(recipe.command, values),
    environment: recipe.environment,
    validation: substituteArguments(recipe.validation, values),
    stageIn: [...payload, ...[...inputs, ...overlay].map((file) => wrapperInput(file, storages))],
    outputs: recipe.outputs.map((output) => {
      const path = physicalPath(order.epoch, lfnOf(output.naming, job));
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
      FABRICA_PRODUCTION: order.production,
      FABRICA_SITE: order.site,
      FABRICA_JOB: String(job.job),
      FABRICA_ATTEMPT: String(job.attempt),
      FABRICA_SEED: String(job.seed),
      FABRICA_FIRST_EVENT: String(job.firstEvent),
      FABRICA_EVENTS: String(job.events),
      ...(inputs.length === 0 ? {} : { FABRICA_INPUTS: values.inputs.join(' ') }),
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
