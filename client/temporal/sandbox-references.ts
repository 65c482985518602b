import type { Definition, StoredPayload } from '../../domain/definition.js';
import type { SandboxFile, SandboxPlan } from '../sandbox.js';

type Section = 'fabrication' | 'merge';

/**
 * The planned definition with the references that a registered one has for the same files: same content, same name, same place in the
 * list. Files that differ stay paths. So a definition that is submitted again equals what is registered, wherever its files were put.
 */
export function withRegisteredFiles(plan: SandboxPlan, registered: Definition): Definition {
  const { definition, files } = plan;
  const payload = (section: Section): Definition['fabrication']['payload'] =>
    (definition[section]?.payload ?? []).map((entry, i) => {
      const file = files.find((one) => one.section === section && one.index === i);
      const known = registered[section]?.payload[i];
      if (file === undefined || known === undefined || typeof known === 'string') return entry;
      return isSame(file, known) ? known : entry;
    });
  const { fabrication, merge } = definition;
  return {
    ...definition,
    owner: definition.owner === '' ? registered.owner : definition.owner,
    fabrication: { ...fabrication, payload: payload('fabrication') },
    ...(merge === undefined ? {} : { merge: { ...merge, payload: payload('merge') } }),
  };
}

function isSame(file: SandboxFile, known: StoredPayload): boolean {
  return known.lfn.endsWith(`/${file.sha256}/${file.name}`) && known.size === file.size;
}
