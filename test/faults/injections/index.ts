import type { Injection } from '../fault.js';
import type { FaultKind } from '../fault-kinds.js';
import { catalogDiskFull, catalogLocked } from './catalog.js';
import { clockJump } from './clock-jump.js';
import { kill, stall } from './kill.js';
import { secondSiteWorker } from './second-site-worker.js';
import { storageFull, storageGone, storageReadOnly, storageSlow } from './storage.js';
import { temporalStateLost } from './temporal-state-lost.js';

/** How each kind of fault is injected. */
export const INJECTIONS: Record<FaultKind, Injection> = {
  'kill-temporal': kill('temporal'),
  'kill-control': kill('control'),
  'kill-site': kill('site'),
  'kill-wrapper': kill('wrapper'),
  'kill-payload': kill('payload'),
  'kill-pilot': kill('pilot'),
  'kill-up': kill('up'),
  'stall-temporal': stall('temporal'),
  'stall-control': stall('control'),
  'stall-site': stall('site'),
  'stall-wrapper': stall('wrapper'),
  'stall-payload': stall('payload'),
  'storage-read-only': storageReadOnly,
  'storage-full': storageFull,
  'storage-gone': storageGone,
  'storage-slow': storageSlow,
  'catalog-locked': catalogLocked,
  'catalog-disk-full': catalogDiskFull,
  'second-site-worker': secondSiteWorker,
  'clock-forward': clockJump(1),
  'clock-back': clockJump(-1),
  'temporal-state-lost': temporalStateLost,
};
