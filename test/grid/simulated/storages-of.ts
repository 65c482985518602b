import type { StorageElement, StorageElements } from '../../../grid/storage/storage-element.js';

/** These storages, as a process has them. */
export function storagesOf(...elements: StorageElement[]): StorageElements {
  const byName = new Map(elements.map((element) => [element.name, element]));
  return {
    get: (name) => {
      const element = byName.get(name);
      if (element === undefined) throw new Error(`no storage ${name}`);
      return element;
    },
    has: (name) => byName.has(name),
    names: () => [...byName.keys()],
  };
}
