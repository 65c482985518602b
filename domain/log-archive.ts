import type { AttemptKey, AttemptRange, StoredAt } from './bundle.js';

/** Where the logs of a bundle go, and how much of each. */
export interface ArchiveOrder {
  readonly path: string;
  /** The first of these storages that takes it. */
  readonly storages: readonly string[];
  /** Bytes of a log; what is longer loses its middle. */
  readonly largest: number;
}

/** What is left to do for a bundle none of whose attempts is open. */
export interface BundleClosing {
  /** All of its attempts. */
  readonly attempts: readonly AttemptRange[];
  /** Those whose logs shall be kept and are not yet. */
  readonly logs: readonly AttemptRange[];
  readonly archive: ArchiveOrder;
}

/** An archive of logs as it lies on a storage, and the attempts whose logs are in it. */
export interface ArchivedLogs extends StoredAt {
  readonly size: number;
  readonly adler32: string;
  readonly attempts: readonly AttemptRange[];
}

/** What became of the logs of a bundle. `lost` tells why they could not be kept; empty if they are, or if there are none. */
export interface ArchiveAnswer {
  readonly archived: ArchivedLogs | null;
  readonly lost: string;
  /** The site has forgotten what it was to forget as well. */
  readonly done?: true;
}

/** A bundle of which nothing is left at its site, and what became of its logs. */
export interface ClearedBundle extends Pick<ArchiveAnswer, 'archived' | 'lost'> {
  readonly bundle: number;
  /** When its site had taken it, ms since 1970; null if that is not known. */
  readonly submittedAt: number | null;
}

/** What the log of an attempt is called in the archive of its bundle. */
export function logMember({ job, attempt }: AttemptKey): string {
  return `${job}.${attempt}.log`;
}

/** The attempt whose log has this name in an archive; null if it is no such name. */
export function attemptOfMember(name: string): AttemptKey | null {
  const found = /^(\d{1,8})\.(\d{1,3})\.log$/.exec(name);
  return found === null ? null : { job: Number(found[1]), attempt: Number(found[2]) };
}
