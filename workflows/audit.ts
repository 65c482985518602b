import { ActivityFailure, continueAsNew, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { AuditConclusion } from '../activities/control/audit.js';
import type { VerificationPage } from '../activities/control/verification.js';
import type { ListingPlace } from '../activities/storage/index.js';
import type { Discrepancy } from '../domain/audit.js';
import { control, storageAt } from './activities.js';

const PAGE = 1000;

/** What one answer has room for; of more only their number is told. */
const MOST_FOUND = 4_000;

export interface AuditInput {
  readonly epoch: string;
  readonly production: string;
  /** How far earlier runs of the same audit have come. */
  readonly begun?: AuditProgress;
}

interface AuditProgress {
  /** The file after which to go on with what the catalog knows; null: all of that is audited. */
  readonly after: number | null;
  /** Where to go on listing a storage; null: it is audited. Storages that are not named have not been begun. */
  readonly listed: Readonly<Record<string, ListingPlace | null>>;
  readonly found: readonly Discrepancy[];
  /** Discrepancies beyond those. */
  readonly more: number;
}

/**
 * Compares the catalog with the storages, both ways, and Fabrica's counts with each other. Changes nothing but the event log. It goes on in
 * another run before its history becomes long.
 */
export async function audit({ begun, ...ref }: AuditInput): Promise<AuditConclusion> {
  const walk = new Audit(ref, begun);
  while (await walk.step()) {
    if (!workflowInfo().continueAsNewSuggested) continue;
    await continueAsNew<typeof audit>({ ...ref, begun: walk.progress() });
  }
  return control.concludeAudit({ ...ref, discrepancies: walk.discrepancies() });
}

const FROM_THE_BEGINNING: AuditProgress = { after: 0, listed: {}, found: [], more: 0 };

class Audit {
  readonly #ref: { readonly epoch: string; readonly production: string };
  readonly #listed: Map<string, ListingPlace | null>;
  readonly #found: Discrepancy[];
  #after: number | null;
  #more: number;
  #places: Awaited<ReturnType<typeof control.directoriesToAudit>> | null = null;

  constructor(
    ref: { epoch: string; production: string },
    { after, found, listed, more }: AuditProgress = FROM_THE_BEGINNING,
  ) {
    this.#ref = ref;
    this.#after = after;
    this.#found = [...found];
    this.#listed = new Map(Object.entries(listed));
    this.#more = more;
  }

  progress(): AuditProgress {
    const listed = Object.fromEntries(this.#listed);
    return { after: this.#after, listed, found: this.#found, more: this.#more };
  }

  discrepancies(): Discrepancy[] {
    if (this.#more === 0) return this.#found;
    return [...this.#found, { kind: 'missing', text: `and ${this.#more} more, of any kind` }];
  }

  /** A page of files, or of each storage. False if nothing was left. */
  async step(): Promise<boolean> {
    if (this.#after === null) return this.#unknownOnes(await this.#storagesToList());
    const page: VerificationPage = await control.filesToAudit({ ...this.#ref, after: this.#after });
    const pages = await Promise.all(
      page.batches.map((batch) => unlessSilent(batch.storage, () => verify(batch))),
    );
    this.#note(pages.flatMap(({ found }) => found));
    this.#after = page.next;
    return true;
  }

  async #storagesToList(): Promise<string[]> {
    this.#places ??= await control.directoriesToAudit(this.#ref);
    return this.#places.storages.filter((storage) => this.#listed.get(storage) !== null);
  }

  /** Files in the production's directories that the catalog can not explain: the next page of each storage. */
  async #unknownOnes(storages: readonly string[]): Promise<boolean> {
    const pages = await Promise.all(
      storages.map((storage) => unlessSilent(storage, () => this.#listSome(storage))),
    );
    for (const [i, { found, next }] of pages.entries()) {
      this.#note(found);
      this.#listed.set(storages[i] ?? '', next);
    }
    return storages.length > 0;
  }

  async #listSome(storage: string): Promise<Part> {
    const directories = this.#places?.directories ?? [];
    const from = this.#listed.get(storage) ?? { directory: 0, after: '' };
    const listing = { storage, directories, from, limit: PAGE };
    const { next, paths } = await storageAt(storage, '10 minutes').listFiles(listing);
    // Most storages have nothing of a small production.
    const unknown =
      paths.length === 0 ? [] : await control.unknownPaths({ ...this.#ref, storage, paths });
    const found = unknown.map((path) => {
      return {
        kind: 'dark' as const,
        text: `${path} on ${storage} is not catalogued`,
        storage,
        path,
      };
    });
    return { found, next };
  }

  #note(found: readonly Discrepancy[]): void {
    const kept = found.slice(0, Math.max(0, MOST_FOUND - this.#found.length));
    this.#found.push(...kept);
    this.#more += found.length - kept.length;
  }
}

/** What was found, and where to go on. */
interface Part {
  readonly found: readonly Discrepancy[];
  readonly next: ListingPlace | null;
}

async function verify(batch: VerificationPage['batches'][number]): Promise<Part> {
  const { storage } = batch;
  const problems = await storageAt(storage, '1 hour').verifyPage(batch);
  const found = problems.map(({ path, problem, text }) => ({ kind: problem, text, storage, path }));
  return { found, next: null };
}

/** A storage that does not answer can not be audited: that is a finding by itself. */
async function unlessSilent(storage: string, work: () => Promise<Part>): Promise<Part> {
  try {
    return await work();
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const text = `${storage} could not be audited: ${error.cause?.message ?? error.message}`;
    return { found: [{ kind: 'missing', text, storage }], next: null };
  }
}
