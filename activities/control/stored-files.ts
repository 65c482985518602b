import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import type { StoredPayload } from '../../domain/payload.js';
import { listsOf } from './list-staging.js';

/** Payload files by reference, of fabrication and merge; a plain path here was never uploaded. */
export function storedPayloads(definition: Definition): StoredPayload[] {
  const lists = {
    'fabrication.payload': definition.fabrication.payload,
    'merge.payload': definition.merge?.payload ?? [],
  };
  return Object.entries(lists).flatMap(([field, list]) =>
    list.map((payload, i) => {
      if (typeof payload !== 'string') return payload;
      throw new FabricaError(
        'FABRICA_DEFINITION_INVALID',
        `${field}[${i}]: ${payload} is a path on the machine of whoever wrote it, and no reference to a stored file.`,
        { field: `${field}[${i}]` },
        {
          remedy:
            'Start it with `fabrica submit`, which uploads payload files, or give references.',
        },
      );
    }),
  );
}

/** All stored files that a definition refers to: its payload, and lists of input files. */
export function storedFiles(definition: Definition): StoredPayload[] {
  return [...storedPayloads(definition), ...listsOf(definition).map(({ list }) => list)];
}
