import type { WrapperSpec, WrapperTarget } from '../compute/wrapper.js';

/** What a simulated job looks at of its wrapper. */
export type SimulatedWrapper = Omit<
  WrapperSpec,
  'command' | 'environment' | 'validation' | 'diskMB'
>;

/** One path on several storages, or places that have nothing in common. */
type PackedTargets =
  { readonly path: string; readonly storages: readonly string[] } | readonly WrapperTarget[];

const urlOf = (storage: string, path: string): string => `simulated:${storage}${path}`;

/** A wrapper in few words: there are as many of them as jobs. */
export function wrapperText(wrapper: SimulatedWrapper): string {
  const { claims, memoryMB, name, outputs, stageIn, variables, wallSeconds } = wrapper;
  return JSON.stringify({
    ...{ name, wallSeconds, memoryMB, variables, stageIn },
    claims: packed(claims),
    outputs: outputs.map(({ destinations, file, level }) => ({
      ...{ level, file },
      destinations: packed(destinations),
    })),
  });
}

/** The wrapper of a `wrapperText`. */
export function parseWrapperText(text: string): SimulatedWrapper {
  // Written by `wrapperText` only.
  const { claims, outputs, ...wrapper } = JSON.parse(text) as Omit<
    SimulatedWrapper,
    'claims' | 'outputs'
  > & {
    claims: PackedTargets;
    outputs: { level: string; file: string; destinations: PackedTargets }[];
  };
  return {
    ...wrapper,
    claims: unpacked(claims),
    outputs: outputs.map(({ destinations, file, level }) => ({
      ...{ level, file },
      destinations: unpacked(destinations),
    })),
  };
}

function packed(targets: readonly WrapperTarget[]): PackedTargets {
  const [first] = targets;
  if (first === undefined) return targets;
  const path = first.url.slice(urlOf(first.storage, '').length);
  return targets.every(({ storage, url }) => url === urlOf(storage, path))
    ? { path, storages: targets.map(({ storage }) => storage) }
    : targets;
}

function unpacked(targets: PackedTargets): readonly WrapperTarget[] {
  if (!('path' in targets)) return targets;
  const { path, storages } = targets;
  return storages.map((storage) => ({ storage, url: urlOf(storage, path) }));
}
