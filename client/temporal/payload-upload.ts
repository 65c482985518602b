import type { Configuration } from '../../domain/configuration.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { StorageElement } from '../../grid/storage/storage-element.js';
import { configuredStorages } from '../../grid/storage/storage-elements.js';
import { uploadSandbox, type SandboxPlan } from '../sandbox.js';

/**
 * Puts the payload files of definitions on the first final storage that takes all of them, each file once; returns the definitions that
 * refer to them, in the same order. Throws `FABRICA_STORAGE_UNREACHABLE`, telling what each storage said, and what `uploadSandbox`
 * throws about the files themselves.
 */
export async function uploadPayloads(
  plans: readonly SandboxPlan[],
  configuration: Configuration,
  epoch: string,
): Promise<Definition[]> {
  if (plans.every(({ files }) => files.length === 0)) {
    return plans.map(({ definition }) => definition);
  }
  const elements = configuredStorages(configuration);
  const finals = configuration.storages.filter(({ purpose }) => purpose === 'final');
  const refusals: string[] = [];
  for (const { name } of finals) {
    const storage = elements.get(name);
    try {
      return await upload(plans, storage, configuration, epoch);
    } catch (error) {
      if (!isStorageFault(error)) throw error;
      refusals.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `No final storage takes the payload files:\n${refusals.join('\n')}`,
    {},
    { remedy: 'Bring one of these storages back, or free space on it; nothing is registered.' },
  );
}

async function upload(
  plans: readonly SandboxPlan[],
  storage: StorageElement,
  { lfn }: Configuration,
  epoch: string,
): Promise<Definition[]> {
  await storage.check();
  const sent = new Set<string>();
  const definitions: Definition[] = [];
  for (const plan of plans) {
    definitions.push(await uploadSandbox(plan, storage, epoch, lfn, sent));
  }
  return definitions;
}

/** Another storage may do better. */
function isStorageFault(error: unknown): boolean {
  return (
    error instanceof FabricaError &&
    error.code.startsWith('FABRICA_STORAGE_') &&
    error.code !== 'FABRICA_STORAGE_UNKNOWN'
  );
}
