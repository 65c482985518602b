import type { FieldPath, Problem } from './problem.js';
import { nearest } from './spelling.js';

/** What stands for a job's own values in a command; see `JobRecipe`. `{output:LEVEL}` stands beside these. */
const IN_JOBS = ['seed', 'firstEvent', 'events', 'job', 'output'] as const;
const IN_MERGES = ['inputs', 'output', 'events', 'job'] as const;
const ALL: readonly string[] = [...IN_JOBS, 'inputs', 'overlay'];
/** Each becomes one argument per file, so it has to be an argument by itself. */
const LISTS: readonly string[] = ['inputs', 'overlay'];

/** What the jobs of a definition have that placeholders stand for. */
export interface JobWords {
  /** Data levels of the outputs; undefined where not known. */
  readonly levels: readonly (string | undefined)[];
  /** They read input files. */
  readonly inputs: boolean;
  /** They get overlay files. */
  readonly overlay: boolean;
}

/** `{word}` or `{word:...}`; what a shell or awk writes in braces (`${HOME}`, `{ print }`) is none. */
const PLACEHOLDER = /(?<!\$)\{([A-Za-z][A-Za-z0-9]*)(?::([A-Za-z0-9._-]*))?\}/g;

/**
 * What is wrong with the placeholders of a command.
 * Jobs with several outputs must say which one they mean. A merge joins one level at a time: it has one `{output}`.
 */
export function placeholderProblems(
  path: FieldPath,
  command: readonly string[] | undefined,
  use: 'job' | 'merge',
  words: JobWords,
): Problem[] {
  if (command === undefined) return [];
  const problems: Problem[] = [];
  const used = new Set<string>();
  command.forEach((argument, i) => {
    for (const [whole, name = '', level] of argument.matchAll(PLACEHOLDER)) {
      used.add(name);
      const problem = fault(argument, whole, name, level, use, words);
      if (problem !== null) problems.push({ path: [...path, i], ...problem });
    }
  });
  if (use === 'merge') {
    for (const name of ['inputs', 'output']) {
      if (used.has(name)) continue;
      problems.push({
        path,
        text: `has no {${name}}`,
        remedy:
          name === 'inputs'
            ? 'add {inputs}; it becomes one argument for each input file'
            : 'add {output}; it becomes the name of the merged file',
      });
    }
  }
  return problems;
}

type Fault = Omit<Problem, 'path'>;

function fault(
  argument: string,
  whole: string,
  name: string,
  level: string | undefined,
  use: 'job' | 'merge',
  words: JobWords,
): Fault | null {
  const { levels } = words;
  const allowed: readonly string[] = use === 'job' ? wordsOfJobs(words) : IN_MERGES;
  if (!allowed.includes(name) || (level !== undefined && name !== 'output')) {
    return unknown(whole, name, use, allowed);
  }
  if (LISTS.includes(name) && argument !== whole) {
    const file = name === 'inputs' ? 'input file' : 'overlay file';
    return {
      text: `holds ${whole} inside an argument`,
      remedy: `make ${whole} an argument by itself; it becomes one argument for each ${file}`,
    };
  }
  if (name !== 'output') return null;
  const known = levels.filter((one) => one !== undefined);
  if (use === 'merge') {
    if (level === undefined) return null;
    return {
      text: `holds ${whole}, but a merge makes one file of one level`,
      remedy: 'write {output}; the merge runs for each level by itself',
    };
  }
  if (level === undefined) {
    if (levels.length < 2) return null;
    return {
      text: 'holds {output}, but the job has several outputs',
      remedy: `say which one: ${known.map((one) => `{output:${one}}`).join(' or ')}`,
    };
  }
  if (known.includes(level) || known.length < levels.length || levels.length === 0) return null;
  return {
    text: `holds ${whole}, but no output has that level`,
    remedy: `the levels of fabrication.outputs are ${known.join(', ')}`,
  };
}

function wordsOfJobs({ inputs, overlay }: JobWords): string[] {
  return [...IN_JOBS, ...(inputs ? ['inputs'] : []), ...(overlay ? ['overlay'] : [])];
}

const ELSEWHERE = {
  inputs: 'only merge.command may use it, and jobs of a definition with an input section',
  overlay: 'only jobs of a definition with an overlay section have it',
} as const;

function unknown(
  whole: string,
  name: string,
  use: 'job' | 'merge',
  allowed: readonly string[],
): Fault {
  const list = allowed.map((one) => `{${one}}`).join(' ');
  if (ALL.includes(name) && !whole.includes(':')) {
    const where =
      use === 'merge' ? 'a merge has none' : ELSEWHERE[name === 'overlay' ? name : 'inputs'];
    return { text: `holds ${whole}, which is not known here`, remedy: `${where}; use ${list}` };
  }
  const meant = nearest(name, allowed);
  const hint = meant === null ? `use ${list}` : `did you mean {${meant}}?`;
  return {
    text: `holds the unknown placeholder ${whole.slice(0, 60)}`,
    remedy: `${hint} (plain braces: put a space inside, "{ ${name} }")`.slice(0, 300),
  };
}
