import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import type { AuditConclusion } from '../activities/control/audit.js';
import type { VerificationPage } from '../activities/control/verification.js';
import type { ListingPlace } from '../activities/storage/index.js';
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
      page.batches.map((batch) => unlessSilent(batch.storage, () => verify(batch))),
    );
    found.push(...pages.flat());
    after = page.next;
  }
  return found;
}

async function verify(batch: VerificationPage['batches'][number]): Promise<Discrepancy[]> {
  const { storage } = batch;
  const problems = await storageAt(storage, '1 hour').verifyPage(batch);
  return problems.map(({ path, problem, text }) => ({ kind: problem, text, storage, path }));
}

/** Files in the production's directories that the catalog can not explain. */
async function auditUnknown(ref: { epoch: string; production: string }): Promise<Discrepancy[]> {
  const { storages, directories } = await control.directoriesToAudit(ref);
  const found = await Promise.all(
    storages.map((storage) => unlessSilent(storage, () => dark(ref, storage, directories))),
  );
  return found.flat();
}

async function dark(
  ref: { epoch: string; production: string },
  storage: string,
  directories: readonly string[],
): Promise<Discrepancy[]> {
  const found: Discrepancy[] = [];
  let from: ListingPlace | null = { directory: 0, after: '' };
  while (from !== null) {
    const page: { paths: string[]; next: ListingPlace | null } = await storageAt(
      storage,
      '10 minutes',
    ).listFiles({ storage, directories, from, limit: PAGE });
    // Most storages have nothing of a small production.
    const unknown =
      page.paths.length === 0
        ? []
        : await control.unknownPaths({ ...ref, storage, paths: page.paths });
    for (const path of unknown) {
      found.push({ kind: 'dark', text: `${path} on ${storage} is not catalogued`, storage, path });
    }
    from = page.next;
  }
  return found;
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
