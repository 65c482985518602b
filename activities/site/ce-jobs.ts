import { jobsOf, type BundleOrder, type JobOrder, type StageIn } from '../../domain/bundle.js';
import { lfnOf, physicalPath } from '../../domain/lfn.js';
import { ceJobName } from '../../domain/names.js';
import { substituteArguments } from '../../domain/substitution.js';
import type { CeJob } from '../../grid/compute/compute-element.js';
import type { WrapperInput, WrapperSpec } from '../../grid/compute/wrapper.js';
import type { StorageElements } from '../../grid/storage/storage-element.js';

/** The jobs of a bundle as a computing element gets them. */
export function* ceJobs(order: BundleOrder, storages: StorageElements): Generator<CeJob> {
  for (const job of jobsOf(order.ranges)) {
    const name = ceJobName({ ...order, ...job });
    yield { name, wrapper: wrapperOf(order, job, name, storages) };
  }
}

function wrapperOf(
  order: BundleOrder,
  job: JobOrder,
  name: string,
  storages: StorageElements,
): WrapperSpec {
  const { recipe } = order;
  const inputs = order.inputs[String(job.job)] ?? [];
  const url = (storage: string, path: string): string => storages.get(storage).url(path);
  const destinations = recipe.destinations.filter((storage) => storages.has(storage));
  const values = {
    seed: job.seed,
    firstEvent: job.firstEvent,
    events: job.events,
    job: job.job,
    inputs: inputs.map((input) => input.name),
    outputs: new Map(recipe.outputs.map((output) => [output.level, output.file])),
  };
  const wrapperInput = (file: StageIn): WrapperInput => ({
    name: file.name,
    size: file.size,
    adler32: file.adler32,
    urls: file.replicas
      .filter((replica) => storages.has(replica.storage))
      .map((replica) => url(replica.storage, replica.path)),
  });
  const claim = `${recipe.claims}/${Math.floor(job.job / 1000)}/${job.job}.${job.attempt}`;
  return {
    name,
    command: substituteArguments(recipe.command, values),
    environment: recipe.environment,
    validation: substituteArguments(recipe.validation, values),
    stageIn: [...recipe.payload, ...inputs].map(wrapperInput),
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
    },
  };
}
