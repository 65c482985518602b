import type { Definition } from '../../domain/definition.js';
import type { StoredPayload } from '../../domain/payload.js';
import {
  replaceFiles,
  type SandboxFile,
  type SandboxPlan,
  type SandboxSection,
} from '../sandbox.js';

/**
 * The planned definition with the references that a registered one has for the same files: same content, same name, same place in the
 * list. Files that differ stay paths. So a definition that is submitted again equals what is registered, wherever its files were put.
 */
export function withRegisteredFiles(plan: SandboxPlan, registered: Definition): Definition {
  const { definition, files } = plan;
  const known = (section: SandboxSection, i: number): string | StoredPayload | undefined =>
    section === 'fabrication' || section === 'merge'
      ? registered[section]?.payload[i]
      : registered[section]?.list;
  return {
    ...replaceFiles(definition, (section, i) => {
      const file = files.find((one) => one.section === section && one.index === i);
      const stored = known(section, i);
      if (file === undefined || stored === undefined || typeof stored === 'string')
        return undefined;
      return isSame(file, stored) ? stored : undefined;
    }),
    owner: definition.owner === '' ? registered.owner : definition.owner,
  };
}

function isSame(file: SandboxFile, known: StoredPayload): boolean {
  return known.lfn.endsWith(`/${file.sha256}/${file.name}`) && known.size === file.size;
}
