/**
 * Logical file names, after Belle II's convention (basf2 online book, gbasf2):
 * `/belle/MC/<release>/<global tag>/<campaign>/prod<8>/s<2>/e<4>/<energy>/r<5>/<event type>/<level>/sub<2>/`
 * `<level>_<6>_prod<8>_task<11><extension>`; unmerged outputs of fabrication lie under `/belle/MC/fab`.
 *
 * The eleven task digits are the job (8) and the attempt (3): each attempt has names of its own, so nothing that a
 * dead attempt still writes can meet what a later one wrote. On a storage the epoch goes before the LFN, for the same reason.
 */

/** A directory of a grid storage holds at most so many files: outputs spread over `sub00`, `sub01`... */
export const FILES_PER_DIRECTORY = 1000;

/** Templates of LFNs; `{fields}` in braces. `{sub}`, `{index}` and `{task}` are the file's own, the others the dataset's. */
export interface LfnScheme {
  readonly prefix: string;
  readonly directory: string;
  readonly unmergedDirectory: string;
  readonly file: string;
}

const DATASET_PATH =
  '{release}/{globalTag}/{campaign}/prod{production}/s00/e{experiment}/{beamEnergy}/r{run}/{eventType}/{level}/sub{sub}';

export const BELLE2_LFN_SCHEME: LfnScheme = {
  prefix: '/belle',
  directory: `{prefix}/MC/${DATASET_PATH}`,
  unmergedDirectory: `{prefix}/MC/fab/${DATASET_PATH}`,
  file: '{level}_{index}_prod{production}_task{task}{extension}',
};

/** Fields that a scheme must use, so that no two files share a name. */
export const REQUIRED_FIELDS: Readonly<Record<'directory' | 'file', readonly string[]>> = {
  directory: ['production', 'level', 'sub'],
  file: ['index', 'task'],
};

const DATASET_FIELDS = [
  'release',
  'globalTag',
  'campaign',
  'beamEnergy',
  'eventType',
  'experiment',
  'run',
  'production',
  'level',
];
const FIELDS: Readonly<Record<'directory' | 'file', readonly string[]>> = {
  directory: [...DATASET_FIELDS, 'prefix', 'sub'],
  file: [...DATASET_FIELDS, 'index', 'task', 'extension'],
};

/**
 * What is wrong with a template, as `must ...`; null if nothing.
 * A directory has `{sub}` in its last part and `{production}` and `{level}` before: what is removed as a whole
 * (`physicalDirectory`) ends before `{sub}`, and must belong to one output of one production.
 */
export function templateFault(what: 'directory' | 'file', text: string): string | null {
  const fields = [...text.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '');
  const bare = text.replace(/\{[^{}]*\}/g, 'x').replace(/^x\//, '/x/');
  const required = REQUIRED_FIELDS[what].filter((field) => !fields.includes(field));
  if (required.length > 0) return `must hold ${required.map((one) => `{${one}}`).join(', ')}`;
  const strange = fields.find((field) => !FIELDS[what].includes(field));
  if (strange !== undefined) {
    return `must use no fields but ${FIELDS[what].map((one) => `{${one}}`).join(' ')}`;
  }
  if (bare.includes('..')) return 'must not hold ".."';
  if (what === 'file') {
    if (/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(bare)) return null;
    return 'must be one file name of letters, digits, . _ - and {fields}';
  }
  if (!/^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(bare) || text.indexOf('{prefix}') > 0) {
    return 'must be an absolute path (or begin with {prefix}) of letters, digits, . _ - and {fields}';
  }
  const above = text.slice(0, text.lastIndexOf('/'));
  if (above.includes('{sub}') || !above.includes('{production}') || !above.includes('{level}')) {
    return 'must have {sub} in its last part, and {production} and {level} in parts before';
  }
  return null;
}

/** What the names of one output of one production have in common; only the file's own fields are left open. */
export interface OutputNaming {
  readonly directory: string;
  readonly file: string;
}

export interface DatasetKeys {
  readonly campaign: string;
  readonly release: string;
  readonly globalTag: string;
  readonly experiment: number;
  readonly run: number;
  readonly beamEnergy: string;
  readonly eventType: string;
}

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

function fill(template: string, fields: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-zA-Z]+)\}/g, (whole, name: string) =>
    Object.hasOwn(fields, name) ? (fields[name] ?? whole) : whole,
  );
}

/** Names of one output (`level`, with the extension of `fileName`) of production number `production`. */
export function outputNaming(
  scheme: LfnScheme,
  dataset: DatasetKeys,
  output: { production: number; level: string; fileName: string; merged: boolean },
): OutputNaming {
  const dot = output.fileName.indexOf('.', 1);
  const fields = {
    prefix: scheme.prefix,
    release: dataset.release,
    globalTag: dataset.globalTag,
    campaign: dataset.campaign,
    beamEnergy: dataset.beamEnergy,
    eventType: dataset.eventType,
    experiment: digits(dataset.experiment, 4),
    run: digits(dataset.run, 5),
    production: digits(output.production, 8),
    level: output.level,
    extension: dot === -1 ? '' : output.fileName.slice(dot),
  };
  return {
    directory: fill(output.merged ? scheme.directory : scheme.unmergedDirectory, fields),
    file: fill(scheme.file, fields),
  };
}

/** What tells the files of one output apart: `index` counts a production's files of this kind from 1. */
export interface NamedFile {
  readonly index: number;
  readonly job: number;
  readonly attempt: number;
}

/** The LFN of one file. */
export function lfnOf(naming: OutputNaming, file: NamedFile): string {
  return lfnsOf(naming)(file);
}

const OWN_FIELDS: Readonly<Record<string, (file: NamedFile) => string>> = {
  sub: ({ index }) => digits(Math.floor((index - 1) / FILES_PER_DIRECTORY), 2),
  index: ({ index }) => digits(index, 6),
  task: ({ attempt, job }) => digits(job, 8) + digits(attempt, 3),
};

/** What gives the LFNs of many files of one output: the names are taken apart once. */
export function lfnsOf({ directory, file }: OutputNaming): (file: NamedFile) => string {
  // Every other part is the name of a field.
  const [begin = '', ...rest] = `${directory}/${file}`.split(/\{([a-zA-Z]+)\}/);
  const fields = rest.flatMap((name, i) => {
    if (i % 2 === 1) return [];
    const after = rest[i + 1] ?? '';
    const value = Object.hasOwn(OWN_FIELDS, name) ? OWN_FIELDS[name] : undefined;
    return [{ value: value ?? (() => `{${name}}`), after }];
  });
  return (one) => {
    let lfn = begin;
    for (const { after, value } of fields) lfn += value(one) + after;
    return lfn;
  };
}

/** Where a file lies below the root of any storage. */
export function physicalPath(epoch: string, lfn: string): string {
  return `/${epoch}${lfn}`;
}

/** The directory, below a storage's root, that holds everything named by this naming: the part before `{sub}`. */
export function physicalDirectory(epoch: string, naming: OutputNaming): string {
  const open = naming.directory.indexOf('{');
  const fixed = open === -1 ? naming.directory : naming.directory.slice(0, open);
  return physicalPath(epoch, fixed.slice(0, fixed.lastIndexOf('/')));
}

/** Where the attempts of a block claim themselves, below a storage's root: see `claimPath`. */
export function claimDirectory(epoch: string, production: number, block: number): string {
  return `/${epoch}/.claims/prod${digits(production, 8)}/block${digits(block, 4)}`;
}

/** The claim of an attempt; `directory` is that of its block. */
export function claimPath(directory: string, key: { job: number; attempt: number }): string {
  return `${directory}/${Math.floor(key.job / 1000)}/${key.job}.${key.attempt}`;
}

/** The LFN of a payload file: content-addressed, so the same file is stored once. */
export function sandboxLfn(scheme: LfnScheme, sha256: string, name: string): string {
  return `${scheme.prefix}/sandbox/${sha256.slice(0, 2)}/${sha256}/${name}`;
}

/** The directory, as an LFN, that holds the log archives of a production and nothing else. */
export function logDirectory(scheme: LfnScheme, production: number): string {
  return `${scheme.prefix}/log/prod${digits(production, 8)}`;
}

/** The LFN of the archive of a bundle's logs. */
export function logLfn(
  scheme: LfnScheme,
  key: { production: number; block: number; bundle: number },
): string {
  const { production, block, bundle } = key;
  const directory = `${logDirectory(scheme, production)}/block${digits(block, 4)}`;
  return `${directory}/bundle${digits(bundle, 8)}.tar.gz`;
}

/** Where an unfinished write of this path may lie: what job wrappers write to before they publish an output. */
export function partialPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash)}/.part-${path.slice(slash + 1)}`;
}
