import type { Clock } from '../../domain/clock.js';
import type { SiteConfiguration } from '../../domain/configuration.js';
import type { Log } from '../../domain/log.js';
import type { ComputeElement } from './compute-element.js';
import { LocalComputeElement } from './local.js';

export interface ComputeElementContext {
  /** Where job folders of a local site are, unless its configuration tells. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The computing element of a site, of the kind that it is configured to be. */
export function createComputeElement(
  site: SiteConfiguration,
  { folder, log }: ComputeElementContext,
): ComputeElement {
  const { kind } = site.compute;
  switch (kind) {
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the first of several kinds
    case 'local':
      return new LocalComputeElement({
        site: site.name,
        slots: site.slots,
        folder: site.compute.folder ?? folder,
        log,
      });
    default:
      return kind satisfies never;
  }
}
