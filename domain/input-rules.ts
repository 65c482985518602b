import type { SoundDefinition } from './definition-rules.js';
import { INPUT_ROLES, type InputRole } from './input-definition.js';
import { type Problem, quoted } from './problem.js';
import { formatSize } from './quantity.js';

/** What the sections `input` and `overlay` must be to the rest of a definition. */
export function inputProblems(definition: SoundDefinition): Problem[] {
  return [
    ...eventProblems(definition),
    ...INPUT_ROLES.flatMap((role) => fileSetProblems(definition, role)),
    ...groupingProblems(definition),
    ...nameProblems(definition),
  ];
}

/** Sentences about what is allowed but probably not meant. */
export function inputWarnings({ fabrication, input, overlay }: SoundDefinition): string[] {
  const command = fabrication?.command ?? [];
  const lacks = (word: string, variable: string): boolean =>
    !command.some((one) => one.includes(word) || one.includes(variable));
  return [
    ...(input !== undefined && lacks('{inputs}', 'FABRICA_INPUTS')
      ? [
          'fabrication.command: has no {inputs}; unless the payload reads FABRICA_INPUTS, it does not know its input files',
        ]
      : []),
    ...(overlay !== undefined && lacks('{overlay}', 'FABRICA_OVERLAY')
      ? [
          'fabrication.command: has no {overlay}; unless the payload reads FABRICA_OVERLAY, it does not know its overlay files',
        ]
      : []),
  ];
}

/** What must be there, or not beside something else: asked of what is written, for a field that is faulty is no missing one. */
export function missingProblems(value: unknown): Problem[] {
  return [
    ...missingEvents(value),
    ...INPUT_ROLES.flatMap((role) => namingProblems(fieldOf(value, role), role)),
  ];
}

/** A production makes as many events as it is asked for, unless it has input. */
function missingEvents(value: unknown): Problem[] {
  if (!isMapping(value) || givenOf(value, ['events', 'input']).length > 0) return [];
  return [
    {
      path: ['events'],
      text: 'is missing',
      remedy: 'add it, a whole number: Events to make in all',
    },
  ];
}

/** The events of a production are asked for, or are those of its input. */
function eventProblems({ events, fabrication, input, scouts }: SoundDefinition): Problem[] {
  if (input === undefined) return [];
  const problems: Problem[] = [];
  const refuse = (path: Problem['path'], remedy: string): void => {
    problems.push({ path, text: 'is given together with input', remedy });
  };
  if (events !== undefined) {
    refuse(['events'], 'remove it: the events of a production with input are those of its files');
  }
  if (typeof fabrication?.eventsPerJob === 'number') {
    refuse(
      ['fabrication', 'eventsPerJob'],
      'remove it: jobs get whole files; input.grouping.maxEvents bounds their events',
    );
  }
  if (scouts?.eventsPerJob !== undefined) {
    refuse(['scouts', 'eventsPerJob'], 'remove it: scouts get the first groups of input files');
  }
  return problems;
}

/** One way to name files, and enough to find some by. */
function namingProblems(set: unknown, role: InputRole): Problem[] {
  if (!isMapping(set)) return [];
  const problems: Problem[] = [];
  const given = givenOf(set, ['files', 'list', 'dataset']);
  if (given.length !== 1) {
    const ways = `${role}.files, ${role}.list and ${role}.dataset`;
    problems.push({
      path: [role],
      text: given.length === 0 ? 'names no files' : `names files by ${given.join(' and ')}`,
      remedy: `give one of ${ways}`,
    });
  }
  const dataset = fieldOf(set, 'dataset');
  if (isMapping(dataset) && givenOf(dataset, ['production', 'campaign']).length === 0) {
    problems.push({
      path: [role, 'dataset'],
      text: 'names neither a production nor a campaign',
      remedy: 'add production, or campaign with what narrows it',
    });
  }
  return problems;
}

/** What names files must not repeat or contradict itself. */
function fileSetProblems(definition: SoundDefinition, role: InputRole): Problem[] {
  const { dataset, files } = definition[role] ?? {};
  const problems: Problem[] = [];
  (files ?? []).forEach((lfn, i) => {
    const first = files?.indexOf(lfn) ?? i;
    if (first === i) return;
    problems.push({
      path: [role, 'files', i],
      text: `names ${quoted(lfn)} again, which is ${role}.files[${first}]`,
      remedy: 'remove it',
    });
  });
  if (dataset?.production === undefined) return problems;
  const criteria = Object.entries(dataset).filter(
    ([name, value]) => value !== undefined && !['kind', 'level', 'production'].includes(name),
  );
  if (criteria.length > 0) {
    const names = criteria.map(([name]) => name).join(', ');
    problems.push({
      path: [role, 'dataset', 'production'],
      text: `is given together with ${names}`,
      remedy: `remove ${names}: the production alone tells them`,
    });
  }
  return problems;
}

function groupingProblems({ fabrication, input }: SoundDefinition): Problem[] {
  const maxSize = input?.grouping?.maxSize;
  const disk = fabrication?.limits?.disk;
  if (maxSize === undefined || disk === undefined || maxSize < disk) return [];
  return [
    {
      path: ['input', 'grouping', 'maxSize'],
      text: `is ${formatSize(maxSize)}, not below fabrication.limits.disk, ${formatSize(disk)}: inputs and outputs of a job are on disk together`,
      remedy: 'lower it, or raise the limit',
    },
  ];
}

/** What files from storages are called in the folder of a job. */
const STAGED_NAME = /^(input|overlay)\d{4}/;

function nameProblems({ fabrication, input, overlay }: SoundDefinition): Problem[] {
  if (input === undefined && overlay === undefined) return [];
  const problem = (path: Problem['path'], name: string): Problem[] =>
    STAGED_NAME.test(name)
      ? [{ path, text: `has the name of a staged-in file (${name})`, remedy: 'rename it' }]
      : [];
  const payload = fabrication?.payload ?? [];
  return [
    ...(fabrication?.outputs ?? []).flatMap(({ file }, i) =>
      problem(['fabrication', 'outputs', i, 'file'], file),
    ),
    ...payload.flatMap((entry, i) =>
      problem(
        ['fabrication', 'payload', i],
        typeof entry === 'string' ? entry.slice(entry.lastIndexOf('/') + 1) : entry.name,
      ),
    ),
  ];
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldOf(value: unknown, name: string): unknown {
  return isMapping(value) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** Which of these fields a mapping has. */
function givenOf(value: object, names: readonly string[]): string[] {
  return names.filter((name) => fieldOf(value, name) !== undefined);
}
