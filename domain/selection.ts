import { FAILURE_CLASSES, type FailureClass } from './failure-class.js';
import { parseJobNumbers, type NumberRange } from './job-numbers.js';
import { quoted } from './problem.js';

/** Fields by which a request may name a part of a production's jobs. */
export const SELECTION_FIELDS = {
  release: ['jobs', 'class', 'site'],
  waive: ['jobs', 'class', 'site'],
  kill: ['jobs', 'class', 'site'],
  reprocess: ['jobs', 'files', 'lost', 'site', 'since'],
} as const;
export type SelectingKind = keyof typeof SELECTION_FIELDS;

/** The copy of a file on a storage. */
export interface ReplicaName {
  readonly storage: string;
  readonly path: string;
}

/** A part of a production's jobs: those that fulfil every field that is given. */
export interface JobSelection {
  readonly jobs?: readonly NumberRange[];
  /** Where the latest attempt is, or the accepted one was. */
  readonly site?: string;
  /** How the latest attempt failed. */
  readonly class?: FailureClass;
  /** The accepted attempt ended at this time or later, ms since 1970. */
  readonly since?: number;
  /** LFNs of outputs or merged files, or of folders of them: the jobs that they were made from. */
  readonly files?: readonly string[];
  /** Copies that are lost or damaged: what is needed to have their files again, and no more. */
  readonly lost?: readonly ReplicaName[];
}

export function selects(kind: string): kind is SelectingKind {
  return Object.hasOwn(SELECTION_FIELDS, kind);
}

const MOST_FILES = 10_000;

/** What a request selects, from its fields as they came with a signal; or what is wrong with them. */
export function parseSelection(
  fields: unknown,
): { readonly selection: JobSelection } | { readonly problem: string } {
  if (fields === undefined) return { selection: {} };
  if (!isMapping(fields)) return { problem: `a selection is a mapping, not ${quoted(fields)}` };
  const selection: { -readonly [K in keyof JobSelection]: JobSelection[K] } = {};
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const problem = take(selection, field, value);
    if (problem !== null) return { problem };
  }
  return { selection };
}

function take(
  selection: { -readonly [K in keyof JobSelection]: JobSelection[K] },
  field: string,
  value: unknown,
): string | null {
  switch (field) {
    case 'jobs': {
      if (typeof value !== 'string' && typeof value !== 'number') {
        return `jobs are a text such as "3,5-9", not ${quoted(value)}`;
      }
      const parsed = parseJobNumbers(String(value));
      if ('problem' in parsed) return parsed.problem;
      selection.jobs = parsed.ranges;
      return null;
    }
    case 'site':
      if (typeof value !== 'string') return `a site is a name, not ${quoted(value)}`;
      selection.site = value;
      return null;
    case 'class': {
      const found = FAILURE_CLASSES.find((one) => one === value);
      if (found === undefined) {
        return `a class is one of ${FAILURE_CLASSES.join(', ')}, not ${quoted(value)}`;
      }
      selection.class = found;
      return null;
    }
    case 'since': {
      const time = typeof value === 'string' ? Date.parse(value) : value;
      if (typeof time !== 'number' || !Number.isFinite(time) || time < 0) {
        return `since is a time such as "2026-03-01T12:00:00Z" or ms since 1970, not ${quoted(value)}`;
      }
      selection.since = time;
      return null;
    }
    case 'files': {
      if (!isList(value, (one) => typeof one === 'string' && one.startsWith('/'))) {
        return `files are a list of at most ${MOST_FILES} LFNs that begin with "/", not ${quoted(value)}`;
      }
      selection.files = value as string[];
      return null;
    }
    case 'lost': {
      if (!isList(value, isReplicaName)) {
        return `lost is a list of at most ${MOST_FILES} {"storage", "path"}, not ${quoted(value)}`;
      }
      selection.lost = value as ReplicaName[];
      return null;
    }
    default:
      return `${quoted(field)} selects nothing`;
  }
}

function isList(value: unknown, fits: (one: unknown) => boolean): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.length <= MOST_FILES && value.every(fits)
  );
}

function isReplicaName(value: unknown): boolean {
  return (
    isMapping(value) && typeof value['storage'] === 'string' && typeof value['path'] === 'string'
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
