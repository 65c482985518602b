import { rmSync } from 'node:fs';
import path from 'node:path';
import { changedBuild, type Change } from '../replay/changed-build.js';
import { startSystem, type TestSystem } from './running-system.js';

/** A whole Fabrica whose processes run a build with these changes; the build goes away with it. */
export async function startChangedSystem(changes: readonly Change[]): Promise<TestSystem> {
  const { folder } = await changedBuild(changes);
  const removed = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const system = await startSystem((same) => same, { dist: path.join(folder, 'dist') });
    return { ...system, end: () => system.end().finally(removed) };
  } catch (error) {
    removed();
    throw error;
  }
}
