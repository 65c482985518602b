import { counted } from '../domain/counted.js';
import type { Definition } from '../domain/definition.js';
import { changedFields, presentDefinition } from '../domain/definition-content.js';
import { formatDuration, formatSize, parseDuration, parseSize } from '../domain/quantity.js';
import type { Estimate } from './estimate.js';

/** Why a field of a live production can not become another one. */
export interface AmendmentRefusal {
  readonly field: string;
  readonly why: string;
  /** No state of the production would allow it. */
  readonly never: boolean;
}

interface Rule {
  /** A field, or what is below it. */
  readonly field: string;
  /** Empty: it may change at any time. */
  readonly why: string;
  /** It may change until there is a verdict on the scouts. */
  readonly beforeVerdict?: true;
}

const ONE_WAY = 'events of one production are made in one way';
const FIXED = 'the files that it reads are fixed when it is registered';
const PLANNED = 'the scouts are planned when the production begins';

/** The longest field that fits counts. What is new in a definition can not be amended until it has a rule here. */
const RULES: readonly Rule[] = [
  ...['group', 'description', 'owner', 'priority', 'sites', 'tolerance'].map(free),
  ...['retries', 'diagnosis', 'holding', 'throttle'].map(free),
  ...['fabrication.limits', 'merge.limits'].map(free),
  ...['fabrication.eventsPerJob', 'fabrication.targetWallTime'].map(free),
  ...['merge.targetSize', 'merge.targetEvents'].map(free),
  { field: 'name', why: 'it is the name of the production' },
  { field: 'events', why: '`fabrica extend` and `fabrica finish` change it' },
  {
    field: 'dataset',
    why: 'it is in the names of files that exist, and seeds belong to a campaign',
  },
  { field: 'input', why: FIXED },
  { field: 'overlay', why: FIXED },
  { field: 'fabrication', why: ONE_WAY },
  { field: 'validation', why: 'outputs of one production are checked in one way' },
  { field: 'merge', why: 'files of one production are merged in one way' },
  { field: 'distribution', why: 'blocks that are finished are distributed already' },
  { field: 'scouts.jobs', why: PLANNED },
  { field: 'scouts.eventsPerJob', why: PLANNED },
  { field: 'scouts', why: 'there is a verdict on the scouts already', beforeVerdict: true },
];

function free(field: string): Rule {
  return { field, why: '' };
}

/** What of an amendment can not change in a live production, and why; empty if all of it can. */
export function amendmentRefusals(
  before: Definition,
  after: Definition,
  { verdict }: { readonly verdict: boolean },
): AmendmentRefusal[] {
  return changedFields(before, after).flatMap((field) => {
    const { beforeVerdict = false, why } = ruleOf(field);
    const free = why === '' || (beforeVerdict && !verdict);
    return free ? [] : [{ field, why, never: !beforeVerdict }];
  });
}

/**
 * What a whole definition is compared with: the registered one as it is now. One that repeats the priority of the registered one asks for no other,
 * whatever a person has given the production since.
 */
export function besideGiven(
  registered: Definition,
  given: Definition,
  now: { readonly priority: number },
): Definition {
  return given.priority === registered.priority ? registered : presentDefinition(registered, now);
}

/** The fields that differ and that an amendment can change now. */
export function amendableFields(
  before: Definition,
  after: Definition,
  at: { readonly verdict: boolean },
): string[] {
  const fixed = amendmentRefusals(before, after, at).map(({ field }) => field);
  return changedFields(before, after).filter((field) => !fixed.includes(field));
}

function ruleOf(field: string): Rule {
  const [rule] = RULES.filter(
    (one) => field === one.field || ['.', '['].some((next) => field.startsWith(one.field + next)),
  ).sort((a, b) => b.field.length - a.field.length);
  return rule ?? { field, why: 'it can not change in a live production' };
}

/** What of an amendment the measurements of the scouts have to be read anew for. */
export function changesEstimate(before: Definition, after: Definition): boolean {
  return changedFields(before, after).some((field) =>
    /^(fabrication\.(limits|eventsPerJob|targetWallTime)|merge\.target)/.test(field),
  );
}

/**
 * Limits that an amendment lowers below what a job needs, by what the scouts have measured (`needs` is read by the amended definition), each with
 * both figures; empty if there are none. What is low already may be raised a little, and where nothing was measured nothing is too low.
 */
export function limitsBelowNeeds(before: Definition, after: Definition, needs: Estimate): string[] {
  const { bytesPerEvent, eventsPerJob, jobSeconds, memoryMB } = needs;
  const [old, now] = [before.fabrication.limits, after.fabrication.limits];
  const measured = [
    ['wallTime', jobSeconds, formatDuration, parseDuration],
    ['memory', memoryMB === null ? null : memoryMB * 1e6, formatSize, parseSize],
    ['disk', bytesPerEvent === null ? null : bytesPerEvent * eventsPerJob, formatSize, parseSize],
  ] as const;
  return measured.flatMap(([limit, need, format, parse]) => {
    if (need === null || now[limit] >= old[limit]) return [];
    // The figure that is told is enough: nobody is refused what a refusal has named.
    const told = format(need);
    if (now[limit] >= (parse(told) ?? need)) return [];
    return [
      `fabrication.limits.${limit}: a job would have ${format(now[limit])}, and by what the scouts have measured one of ${counted(eventsPerJob, 'event')} needs ${told}`,
    ];
  });
}
