import type { Client } from '@temporalio/client';
import { FabricaError } from '../../domain/errors.js';
import { standaloneActivities } from './standalone-activities.js';

/** s. */
const PATIENCE = 3;

/** Bytes that are free on each of these storages now; those that do not answer are left out. */
export async function storageRoom(
  client: Client,
  names: readonly string[],
): Promise<Map<string, number>> {
  const activities = standaloneActivities(client);
  const room = new Map<string, number>();
  await Promise.all(
    names.map(async (storage) => {
      try {
        const { free } = await activities.storage(storage, 'measureSpace', { storage }, PATIENCE);
        room.set(storage, free);
      } catch (error) {
        if (!(error instanceof FabricaError)) throw error;
      }
    }),
  );
  return room;
}
