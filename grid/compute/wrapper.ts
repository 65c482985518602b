import { readFileSync } from 'node:fs';
import { FabricaError } from '../../domain/errors.js';
import { quotedWord } from '../../domain/shell-word.js';
import { FILE_NAME_PATTERN, NAME_PATTERN } from '../../domain/names.js';
import type { JobAccess } from '../storage/job-access.js';

export type { PayloadReport, WrapperReport } from './wrapper-report.js';
export { parsePayloadReport, parseWrapperReport } from './wrapper-report.js';

/** A place on a storage as a wrapper reaches it; see `StorageElement.url`. */
export interface WrapperTarget {
  readonly storage: string;
  readonly url: string;
}

/** A file to bring into the job's folder from the first url that gives it whole. Size in bytes. */
export interface WrapperInput {
  readonly name: string;
  readonly size: number;
  readonly adler32: string;
  readonly urls: readonly string[];
}

/** A file that the payload makes, and where it may go, the best place first. */
export interface WrapperOutput {
  readonly level: string;
  readonly file: string;
  readonly destinations: readonly WrapperTarget[];
}

/** All that a job wrapper has to know of its job. */
export interface WrapperSpec {
  /** See `ceJobName`. */
  readonly name: string;
  /** Argument list, placeholders replaced; never read by a shell. */
  readonly command: readonly string[];
  /** One line of shell that sets the environment up; empty for none. */
  readonly environment: string;
  /** Argument list that must exit 0 when the outputs are good; empty for none. */
  readonly validation: readonly string[];
  readonly stageIn: readonly WrapperInput[];
  readonly outputs: readonly WrapperOutput[];
  /** Claim files of this attempt, in order of preference; none: the attempt is not fenced. */
  readonly claims: readonly WrapperTarget[];
  /** Whole seconds, at least 1. */
  readonly wallSeconds: number;
  /** MB (10^6 bytes) of resident memory. */
  readonly memoryMB: number;
  /** MB (10^6 bytes) in the job's folder. */
  readonly diskMB: number;
  /** Exported to the payload. */
  readonly variables: Readonly<Record<string, string>>;
}

const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ADDRESS_PATTERN = /^[A-Za-z][A-Za-z0-9+.-]*:[^\p{Cc}]+$/u;

/** Names in a job's folder, besides `wrapper.*`, that are the wrapper's own. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  'log',
  'report',
  'report.tmp',
  'fabrica-report.json',
]);

const bodies = new Map<string, string>();

/** A constant part of wrappers beside this file, read at the first use. */
function constantPart(name: string): string {
  const known = bodies.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
  bodies.set(name, text);
  return text;
}

/** The parts that only jobs with an address of such a protocol need. */
const PROTOCOL_PARTS = [
  { protocol: /^roots?:/, part: 'wrapper-root.sh' },
  { protocol: /^(?:s3\+)?https?:/, part: 'wrapper-http.sh' },
] as const;

const commons = new Map<string, string>();

/** What is the same for all jobs that reach storages in the same ways: one string for all of them. */
function commonPart(spec: WrapperSpec): string {
  const urls = [
    ...spec.claims.map(({ url }) => url),
    ...spec.stageIn.flatMap((input) => input.urls),
    ...spec.outputs.flatMap(({ destinations }) => destinations.map(({ url }) => url)),
  ];
  const parts = PROTOCOL_PARTS.filter(({ protocol }) => urls.some((url) => protocol.test(url)));
  const names = [...parts.map(({ part }) => part), 'wrapper.sh'];
  const key = names.join(' ');
  const known = commons.get(key);
  if (known !== undefined) return known;
  const text = names.map(constantPart).join('\n');
  commons.set(key, text);
  return text;
}

/** A value as one word of shell, whatever it holds. Throws `FABRICA_DEFINITION_INVALID` for NUL, which no argument can hold. */
function quoted(value: string): string {
  if (value.includes('\0')) {
    throw new FabricaError(
      'FABRICA_DEFINITION_INVALID',
      `A value for a job wrapper holds a NUL character: ${JSON.stringify(value.slice(0, 80))}.`,
    );
  }
  return quotedWord(value);
}

const words = (values: readonly (string | number)[]): string =>
  values.map((value) => quoted(String(value))).join(' ');

/** A shell function that calls "$1" with each of the argument lists. */
function eachFunction(name: string, calls: readonly (readonly (string | number)[])[]): string {
  const lines = calls.map((call) => `  "$1" ${words(call)}`);
  return [`${name}() {`, ...(lines.length === 0 ? ['  :'] : lines), '}'].join('\n');
}

/** A shell function that runs its arguments followed by the argument list. */
function withFunction(name: string, list: readonly string[]): string {
  return `${name}() {\n  "$@" ${words(list)}\n}`;
}

/**
 * Two shell functions: one makes the files that are needed; the other writes, for a method and an address, what curl is to be told, and fails where there is
 * nothing. In double quotes of such a configuration a backslash and a quote have one before them.
 */
function accessFunctions(access: readonly JobAccess[]): string {
  const lines = access.map(({ curl, method, url }) => {
    const address = quoted(url) + (url.endsWith('/') ? '*' : '');
    const pattern = method === undefined ? `*' '${address}` : `${quoted(`${method} `)}${address}`;
    const options = curl.map(
      ([option, value]) => `${option} = "${value.replace(/["\\]/g, '\\$&')}"`,
    );
    return `    ${pattern}) printf '%s\\n' ${words(options)} ;;`;
  });
  const files = access.flatMap(({ files: some = {} }) => Object.entries(some));
  const writes = files.map(([name, content]) => `  printf %s ${quoted(content)} >${quoted(name)}`);
  return [
    'access_files() {',
    ...(writes.length === 0 ? ['  :'] : writes),
    '}',
    'http_access() {',
    '  case "$1 $2" in',
    ...lines,
    '    *) return 1 ;;',
    '  esac',
    '}',
  ].join('\n');
}

function refuseName(what: string, name: string): never {
  throw new FabricaError(
    'FABRICA_NAME_INVALID',
    `A job wrapper cannot use ${JSON.stringify(name)} as ${what}.`,
    { name },
  );
}

function checkFileName(what: string, name: string): void {
  if (!FILE_NAME_PATTERN.test(name) || OWN_NAMES.has(name)) refuseName(what, name);
}

function checkTarget({ storage, url }: WrapperTarget): void {
  if (!NAME_PATTERN.test(storage)) refuseName('a storage', storage);
  if (!ADDRESS_PATTERN.test(url)) refuseName('an address', url);
}

function checkSpec(spec: WrapperSpec): void {
  if (!NAME_PATTERN.test(spec.name)) refuseName('the name of a job', spec.name);
  if (spec.command.length === 0) {
    throw new FabricaError('FABRICA_DEFINITION_INVALID', `Job ${spec.name} has no command.`);
  }
  if (!(Number.isFinite(spec.wallSeconds) && Number.isFinite(spec.memoryMB + spec.diskMB))) {
    throw new FabricaError('FABRICA_DEFINITION_INVALID', `Job ${spec.name} has no finite limits.`);
  }
  for (const input of spec.stageIn) {
    checkFileName('an input', input.name);
    for (const url of input.urls) {
      if (!ADDRESS_PATTERN.test(url)) refuseName('an address', url);
    }
  }
  for (const output of spec.outputs) {
    checkFileName('an output', output.file);
    if (!NAME_PATTERN.test(output.level)) refuseName('a data level', output.level);
    output.destinations.forEach(checkTarget);
  }
  spec.claims.forEach(checkTarget);
  for (const name of Object.keys(spec.variables)) {
    if (!VARIABLE_PATTERN.test(name)) refuseName('a variable', name);
  }
}

/** Inputs that are run as `./name`: a storage keeps no mode bits, so the wrapper makes them executable. */
function executables(spec: WrapperSpec): string[] {
  const inputs = new Set(spec.stageIn.map(({ name }) => `./${name}`));
  const programs = [spec.command[0], spec.validation[0]].filter((name) => name !== undefined);
  return [...new Set(programs)].filter((name) => inputs.has(name)).map((name) => name.slice(2));
}

/** A job wrapper in two parts: the job's own, and what follows it, which is the same for jobs that reach storages in the same ways. */
export interface WrapperParts {
  readonly own: string;
  readonly common: string;
}

/**
 * The job wrapper: a whole POSIX sh script, run by `/bin/sh` in a folder of the job's own. Every value is quoted, so that nothing
 * in a definition can become shell, except `environment`, which is shell by its meaning. With `access` it is a secret, for its owner only.
 * Throws `FABRICA_NAME_INVALID` for names of files, storages, variables that cannot be used, and `FABRICA_DEFINITION_INVALID`.
 */
export function wrapperScript(spec: WrapperSpec, access: readonly JobAccess[] = []): string {
  const { common, own } = wrapperParts(spec, access);
  return own + common;
}

/** The same, in its parts: what is secret is in the job's own. */
export function wrapperParts(spec: WrapperSpec, access: readonly JobAccess[] = []): WrapperParts {
  checkSpec(spec);
  const exports = Object.entries(spec.variables).map(
    ([name, value]) => `  export ${name}=${quoted(value)}`,
  );
  const own = [
    '#!/bin/sh',
    '# shellcheck shell=sh disable=SC2329',
    `job_name=${quoted(spec.name)}`,
    `job_wall=${Math.max(1, Math.ceil(spec.wallSeconds))}`,
    `job_memory=${Math.round(spec.memoryMB * 1000)}`,
    `job_disk=${Math.round(spec.diskMB * 1000)}`,
    `job_environment=${quoted(spec.environment)}`,
    `job_access=${access.length > 0 ? '1' : "''"}`,
    `job_validated=${spec.validation.length > 0 ? '1' : "''"}`,
    `job_executables=${quoted(executables(spec).join(' '))}`,
    eachFunction(
      'each_claim',
      spec.claims.map(({ storage, url }) => [storage, url]),
    ),
    eachFunction(
      'each_input',
      spec.stageIn.map(({ name, size, adler32, urls }) => [name, size, adler32, ...urls]),
    ),
    eachFunction(
      'each_output',
      spec.outputs.map(({ level, file, destinations }, index) => [
        index,
        level,
        file,
        ...destinations.flatMap(({ storage, url }) => [storage, url]),
      ]),
    ),
    withFunction('with_command', spec.command),
    withFunction('with_validation', spec.validation),
    ['export_variables() {', ...(exports.length === 0 ? ['  :'] : exports), '}'].join('\n'),
    ...(access.length === 0 ? [] : [accessFunctions(access)]),
    '',
  ].join('\n');
  return { own, common: commonPart(spec) };
}
