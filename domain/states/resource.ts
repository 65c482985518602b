import type { TransitionTable } from '../transition.js';

/**
 * Sites and storages. `Banned` gets nothing new and comes back only by way of `Probing`; `Degraded` still works.
 * A person's override stands beside the state and wins until it expires.
 */
export const RESOURCE_STATES = ['Active', 'Degraded', 'Probing', 'Banned'] as const;
export type ResourceState = (typeof RESOURCE_STATES)[number];

export const RESOURCE_TRANSITIONS: TransitionTable<ResourceState> = {
  Active: ['Degraded', 'Banned'],
  Degraded: ['Active', 'Banned'],
  Probing: ['Active', 'Degraded', 'Banned'],
  Banned: ['Probing'],
};
