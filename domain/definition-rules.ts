import { type Definition, MAX_JOBS } from './definition.js';
import { inputProblems, inputWarnings } from './input-rules.js';
import { placeholderProblems } from './placeholders.js';
import { type FieldPath, type Problem, quoted } from './problem.js';
import { formatDuration, formatSize } from './quantity.js';

/** What the fields of a definition must be to each other; the schema sees them one by one. */

type Sound<T> = T extends readonly unknown[] ? T : T extends object ? Partial<T> : T;

/** The fields of a definition that the schema accepted: all of them, or what is sound in a faulty one. */
export type SoundDefinition = {
  readonly [K in keyof Definition]?: Sound<NonNullable<Definition[K]>> | undefined;
};

/** Every rule that these fields break. */
export function definitionProblems(definition: SoundDefinition): Problem[] {
  return [
    ...commandProblems(definition),
    ...fileProblems(definition),
    ...jobProblems(definition),
    ...inputProblems(definition),
    ...retryProblems(definition),
    ...mergeProblems(definition),
    ...repeatedRules(definition),
    ...repeated(['sites'], definition.sites),
    ...repeated(['distribution', 'areas'], definition.distribution?.areas),
  ];
}

/** Sentences about what is allowed but probably not meant. */
export function definitionWarnings(definition: Definition): string[] {
  const { command, eventsPerJob, targetWallTime, limits } = definition.fabrication;
  const warnings = inputWarnings(definition);
  // What is done to given events need not be drawn.
  const draws = definition.input === undefined;
  if (draws && !command.some((one) => one.includes('{seed}') || one.includes('FABRICA_SEED'))) {
    warnings.push(
      'fabrication.command: has no {seed}; unless the payload reads FABRICA_SEED, every job makes the same events',
    );
  }
  const shell = command.flatMap(
    (one) => /\$\{(seed|firstEvent|events|job|output|inputs|overlay)\}/.exec(one)?.[0] ?? [],
  );
  for (const one of new Set(shell)) {
    warnings.push(
      `fabrication.command: ${one} is no variable of the shell; the placeholder in it is replaced and the $ stays: write ${one.slice(1)}`,
    );
  }
  if (eventsPerJob === 'auto' && targetWallTime > limits.wallTime) {
    warnings.push(
      `fabrication.targetWallTime: ${formatDuration(targetWallTime)} is above limits.wallTime, ` +
        `${formatDuration(limits.wallTime)}: jobs can not run as long as auto would make them; lower it`,
    );
  }
  if (draws && eventsPerJob === 'auto' && definition.scouts.jobs === 0) {
    warnings.push(
      "scouts.jobs: is 0 while fabrication.eventsPerJob is 'auto': nothing measures the time per event, so the size of jobs is a guess; " +
        'let scouts run or give eventsPerJob',
    );
  }
  return warnings;
}

/** The data levels of the outputs of a job, in order. */
function levels({ fabrication, dataset }: SoundDefinition): (string | undefined)[] {
  return (fabrication?.outputs ?? []).map((output) => output.level ?? dataset?.dataLevel);
}

function commandProblems(definition: SoundDefinition): Problem[] {
  const known = levels(definition);
  const { fabrication, validation, merge } = definition;
  const job = {
    levels: known,
    inputs: definition.input !== undefined,
    overlay: definition.overlay !== undefined,
  };
  return [
    ...placeholderProblems(['fabrication', 'command'], fabrication?.command, 'job', job),
    ...placeholderProblems(['validation', 'command'], validation?.command, 'job', job),
    ...placeholderProblems(['merge', 'command'], merge?.command, 'merge', job),
    ...program(['fabrication', 'command'], fabrication?.command),
    ...program(['validation', 'command'], validation?.command),
    ...program(['merge', 'command'], merge?.command),
  ];
}

function program(path: FieldPath, command: readonly string[] | undefined): Problem[] {
  if (command?.[0] !== '') return [];
  return [{ path: [...path, 0], text: 'must name a program (got "")', remedy: 'write its name' }];
}

function fileProblems(definition: SoundDefinition): Problem[] {
  const outputs = definition.fabrication?.outputs ?? [];
  const problems: Problem[] = [];
  const files = new Map<string, string>();
  const seenLevels = new Map<string, number>();
  levels(definition).forEach((level, i) => {
    if (level === undefined) return;
    const first = seenLevels.get(level);
    if (first === undefined) seenLevels.set(level, i);
    else {
      problems.push({
        path: ['fabrication', 'outputs', i],
        text: `has the data level ${level} of fabrication.outputs[${first}]`,
        remedy: 'give each output a level of its own',
      });
    }
  });
  outputs.forEach(({ file }, i) => {
    const first = files.get(file);
    if (first === undefined) files.set(file, `fabrication.outputs[${i}].file`);
    else {
      problems.push({
        path: ['fabrication', 'outputs', i, 'file'],
        text: `names the file of ${first} (${file})`,
        remedy: 'give each output a file of its own',
      });
    }
  });
  for (const section of ['fabrication', 'merge'] as const) {
    problems.push(...payloadProblems(section, definition[section]?.payload ?? [], files));
  }
  return problems;
}

/** Payload files share one folder with each other and with the outputs. */
function payloadProblems(
  section: 'fabrication' | 'merge',
  payload: Definition['fabrication']['payload'],
  outputs: ReadonlyMap<string, string>,
): Problem[] {
  const seen = new Map(outputs);
  const problems: Problem[] = [];
  payload.forEach((entry, i) => {
    const name = payloadName(entry);
    const other = seen.get(name);
    if (other === undefined) seen.set(name, `${section}.payload[${i}]`);
    else {
      problems.push({
        path: [section, 'payload', i],
        text: `has the file name ${name} of ${other}`,
        remedy: 'rename one: they share the folder of the job',
      });
    }
  });
  return problems;
}

/** The name that a payload file has in the folder of a job. */
export function payloadName(entry: Definition['fabrication']['payload'][number]): string {
  return typeof entry === 'string' ? entry.slice(entry.lastIndexOf('/') + 1) : entry.name;
}

/** Jobs that make the events, as far as the definition says; null where the scouts decide. */
export function jobsAsked({ events, fabrication }: SoundDefinition): number | null {
  const perJob = fabrication?.eventsPerJob;
  if (events === undefined || typeof perJob !== 'number') return null;
  return Math.ceil(events / perJob);
}

function jobProblems(definition: SoundDefinition): Problem[] {
  const jobs = jobsAsked(definition);
  const { events, fabrication } = definition;
  if (jobs === null || jobs <= MAX_JOBS || events === undefined) return [];
  const least = Math.ceil(events / MAX_JOBS);
  return [
    {
      path: ['fabrication', 'eventsPerJob'],
      text: `is ${String(fabrication?.eventsPerJob)}, which makes ${jobs} jobs of ${events} events; a production may have ${MAX_JOBS}, for which file names and the catalog have room`,
      remedy: `use at least ${least} events per job, or ask for fewer events and divide the rest over several productions (\`fabrica campaign\`)`,
    },
  ];
}

function retryProblems({ retries }: SoundDefinition): Problem[] {
  const { backoff, maximumBackoff } = retries ?? {};
  if (backoff === undefined || maximumBackoff === undefined || backoff <= maximumBackoff) return [];
  return [
    {
      path: ['retries', 'backoff'],
      text: `is ${formatDuration(backoff)}, above maximumBackoff, ${formatDuration(maximumBackoff)}`,
      remedy: 'lower backoff or raise maximumBackoff',
    },
  ];
}

function repeatedRules({ diagnosis }: SoundDefinition): Problem[] {
  const ids = (diagnosis ?? []).map(({ id }) => id);
  return ids.flatMap((id, i) =>
    ids.indexOf(id) === i
      ? []
      : [
          {
            path: ['diagnosis', i, 'id'],
            text: `names the rule ${id} again`,
            remedy: 'give each rule a name of its own',
          },
        ],
  );
}

function mergeProblems({ merge }: SoundDefinition): Problem[] {
  const { limits, targetEvents, targetSize } = merge ?? {};
  if (targetSize === undefined) return [];
  const problems: Problem[] = [];
  if (targetEvents !== undefined) {
    problems.push({
      path: ['merge', 'targetEvents'],
      text: 'is given together with merge.targetSize',
      remedy: 'remove one: merged files are sized by bytes or by events',
    });
  }
  if (limits?.disk !== undefined && limits.disk < 2 * targetSize) {
    problems.push({
      path: ['merge', 'limits', 'disk'],
      text: `is ${formatSize(limits.disk)}, less than twice merge.targetSize, ${formatSize(targetSize)}: a merge has its inputs and its output on disk`,
      remedy: `raise it above ${formatSize(2 * targetSize)}, or lower targetSize`,
    });
  }
  return problems;
}

function repeated(path: FieldPath, names: readonly string[] | undefined): Problem[] {
  return (names ?? []).flatMap((name, i) =>
    names?.indexOf(name) === i
      ? []
      : [{ path: [...path, i], text: `names ${quoted(name)} again`, remedy: 'remove it' }],
  );
}
