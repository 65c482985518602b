import type { HandlePage } from '../activities/control/ending.js';
import type { BundleHandle } from '../domain/bundle.js';
import { control } from './activities.js';

/** Bundles of a production, or of one of its blocks, of which something may still be at a site, with their open attempts. */
export async function openHandles(
  ref: { epoch: string; production: string },
  block: number | null,
): Promise<BundleHandle[]> {
  const handles: BundleHandle[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page: HandlePage = await control.openHandles({ ...ref, block, after });
    handles.push(...page.handles);
    after = page.next;
  }
  return handles;
}
