import type { Configuration } from '../../domain/configuration.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError, messageOf } from '../../domain/errors.js';
import type { StorageElement } from '../../grid/storage/storage-element.js';
import { createStorageElements } from '../../grid/storage/storage-elements.js';
import { uploadSandbox, type SandboxPlan } from '../sandbox.js';

/**
 * Puts the payload files of a definition on the first final storage that takes them; returns the definition that refers to them. Throws
 * `FABRICA_STORAGE_UNREACHABLE`, telling what each storage said, and what `uploadSandbox` throws about the files themselves.
 */
export async function uploadPayload(
  plan: SandboxPlan,
  configuration: Configuration,
  epoch: string,
): Promise<Definition> {
  if (plan.files.length === 0) return plan.definition;
  const elements = createStorageElements(configuration.storages, configuration.simulation);
  const finals = configuration.storages.filter(({ purpose }) => purpose === 'final');
  const refusals: string[] = [];
  for (const { name } of finals) {
    const storage = elements.get(name);
    try {
      return await upload(plan, storage, configuration, epoch);
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
  plan: SandboxPlan,
  storage: StorageElement,
  { lfn }: Configuration,
  epoch: string,
): Promise<Definition> {
  await storage.check();
  return uploadSandbox(plan, storage, epoch, lfn);
}

/** Another storage may do better. */
function isStorageFault(error: unknown): boolean {
  return (
    error instanceof FabricaError &&
    error.code.startsWith('FABRICA_STORAGE_') &&
    error.code !== 'FABRICA_STORAGE_UNKNOWN'
  );
}
