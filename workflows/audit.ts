import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { AuditConclusion } from '../activities/control/audit.js';
import type { VerificationPage } from '../activities/control/verification.js';
import type { StoredExpectation } from '../activities/storage/index.js';
import type { Discrepancy } from '../domain/audit.js';
import { control, storageAt } from './activities.js';

const PAGE = 1000;

/** Compares the catalog with the storages, both ways, and Fabrica's counts with each other. Changes nothing but the event log. */
export async function audit(ref: { epoch: string; production: string }): Promise<AuditConclusion> {
  const discrepancies = [...(await auditKnown(ref)), ...(await auditUnknown(ref))];
  return control.concludeAudit({ ...ref, discrepancies });
}

/** Files that the catalog has and a storage has not, or has otherwise. */
async function auditKnown(ref: { epoch: string; production: string }): Promise<Discrepancy[]> {
  const found: Discrepancy[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const page: VerificationPage = await control.filesToAudit({ ...ref, after });
    const pages = await Promise.all(
      page.batches.map(({ storage, files }) => unlessSilent(storage, () => verify(storage, files))),
    );
    found.push(...pages.flat());
    after = page.next;
  }
  return found;
}

async function verify(
  storage: string,
  files: readonly StoredExpectation[],
): Promise<Discrepancy[]> {
  const problems = await storageAt(storage, '10 minutes').verifyFiles({ storage, files });
  return problems.map(({ path, problem, text }) => ({ kind: problem, text, storage, path }));
}

/** Files in the production's directories that the catalog can not explain. */
async function auditUnknown(ref: { epoch: string; production: string }): Promise<Discrepancy[]> {
  const { storages, directories } = await control.directoriesToAudit(ref);
  const found = await Promise.all(
    storages.flatMap((storage) =>
      directories.map((directory) => unlessSilent(storage, () => dark(ref, storage, directory))),
    ),
  );
  return found.flat();
}

async function dark(
  ref: { epoch: string; production: string },
  storage: string,
  directory: string,
): Promise<Discrepancy[]> {
  const found: Discrepancy[] = [];
  let after = '';
  while (true) {
    const page = await storageAt(storage, '10 minutes').listFiles({
      storage,
      directory,
      after,
      limit: PAGE,
    });
    const unknown = await control.unknownPaths({ ...ref, storage, paths: page.paths });
    for (const path of unknown) {
      found.push({ kind: 'dark', text: `${path} on ${storage} is not catalogued`, storage, path });
    }
    if (!page.more) return found;
    after = page.paths.at(-1) ?? after;
  }
}

/** A storage that does not answer can not be audited: that is a finding by itself. */
async function unlessSilent(
  storage: string,
  work: () => Promise<Discrepancy[]>,
): Promise<Discrepancy[]> {
  try {
    return await work();
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const reason = error.cause?.message ?? error.message;
    return [{ kind: 'missing', text: `${storage} could not be audited: ${reason}`, storage }];
  }
}
