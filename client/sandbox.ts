import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Adler32 } from '../domain/adler32.js';
import type { Definition } from '../domain/definition.js';
import type { StoredPayload } from '../domain/payload.js';
import { FabricaError } from '../domain/errors.js';
import { type LfnScheme, physicalPath, sandboxLfn } from '../domain/lfn.js';
import { MOST_LIST_BYTES } from '../domain/input-list.js';
import { payloadName } from '../domain/definition-rules.js';
import { fieldName, type Problem, printable, problemsError } from '../domain/problem.js';
import { formatSize } from '../domain/quantity.js';
import type { StorageElement } from '../grid/storage/storage-element.js';
import { FileFault, openPlainFile } from '../worker/plain-file.js';
import { whereOf } from './definition-file.js';

/** Payload files of a definition, from the submitter's computer to a storage that every site can read. */

/** Bytes of the largest payload file. Every job fetches it; larger things belong on CVMFS. */
export const MAX_PAYLOAD_BYTES = 100_000_000;

const SECTIONS = ['fabrication', 'merge', 'input', 'overlay'] as const;
/** Where a definition names files of the submitter's: payload, or a list of input files. */
export type SandboxSection = (typeof SECTIONS)[number];

/** The files that a section names, in order: there is one list at most. */
function entriesOf(
  definition: Definition,
  section: SandboxSection,
): readonly (string | StoredPayload)[] {
  if (section === 'fabrication' || section === 'merge') return definition[section]?.payload ?? [];
  const list = definition[section]?.list;
  return list === undefined ? [] : [list];
}

const isList = (section: SandboxSection): boolean => section === 'input' || section === 'overlay';

const wordOf = (section: SandboxSection): string => (isList(section) ? 'list' : 'payload file');

/** The field of an entry. */
const fieldOf = (section: SandboxSection, index: number): (string | number)[] =>
  isList(section) ? [section, 'list'] : [section, 'payload', index];

/** Bytes that a file may have: lists are no job's, so they may be larger. */
const limitOf = (section: SandboxSection): number =>
  isList(section) ? MOST_LIST_BYTES : MAX_PAYLOAD_BYTES;

/** What to do with a file that is larger. */
const remedyOf = (section: SandboxSection): string =>
  isList(section) ? 'divide it among several productions' : 'put it on CVMFS or a storage';

/** The definition with other entries for its files, where there is one for the section and the position in it. */
export function replaceFiles(
  definition: Definition,
  other: (section: SandboxSection, index: number) => StoredPayload | undefined,
): Definition {
  const { fabrication, input, merge, overlay } = definition;
  const payload = (section: 'fabrication' | 'merge'): Definition['fabrication']['payload'] =>
    (definition[section]?.payload ?? []).map((entry, i) => other(section, i) ?? entry);
  const [list, overlayList] = [other('input', 0), other('overlay', 0)];
  return {
    ...definition,
    fabrication: { ...fabrication, payload: payload('fabrication') },
    ...(merge === undefined ? {} : { merge: { ...merge, payload: payload('merge') } }),
    ...(input === undefined || list === undefined ? {} : { input: { ...input, list } }),
    ...(overlay === undefined || overlayList === undefined
      ? {}
      : { overlay: { ...overlay, list: overlayList } }),
  };
}

export interface SandboxFile {
  readonly section: SandboxSection;
  /** Position in the section's `payload`; 0 for a list of input files. */
  readonly index: number;
  /** Absolute path on this computer. */
  readonly path: string;
  /** Name in the folder of a job. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly adler32: string;
}

/** What `uploadSandbox` has to do for a definition; nothing for payload that is stored already. */
export interface SandboxPlan {
  readonly definition: Definition;
  readonly files: readonly SandboxFile[];
}

/**
 * Looks at every payload path of a definition (relative to `folder`) and measures the files.
 * Throws `FABRICA_PAYLOAD_MISSING`, naming all files, lines and fields that are missing, no plain readable files, or too large:
 * over 100 MB, a list over 250 MB.
 */
export async function planSandbox(definition: Definition, folder: string): Promise<SandboxPlan> {
  const { plan, problems } = await lookAtPayload(definition, folder, new Map());
  if (problems.length === 0) return plan;
  throw problemsError('FABRICA_PAYLOAD_MISSING', problems, whereOf(definition));
}

/** Files that have been measured, by their paths and how large they may be; those that could not be, too. */
export type MeasuredFiles = Map<string, Promise<Measures>>;
type Measures = Pick<SandboxFile, 'size' | 'sha256' | 'adler32'>;

/** The same for one of several definitions, which share what they have measured; tells what is wrong with its files instead of throwing. */
export async function lookAtPayload(
  definition: Definition,
  folder: string,
  measured: MeasuredFiles,
): Promise<{ readonly plan: SandboxPlan; readonly problems: readonly Problem[] }> {
  const files: SandboxFile[] = [];
  const problems: Problem[] = [];
  for (const section of SECTIONS) {
    for (const [index, entry] of entriesOf(definition, section).entries()) {
      if (typeof entry !== 'string') continue;
      const file = path.resolve(folder, entry);
      const limit = limitOf(section);
      const known = `${limit} ${file}`;
      const measures = measured.get(known) ?? measure(file, limit);
      measured.set(known, measures);
      try {
        files.push({ section, index, path: file, name: payloadName(entry), ...(await measures) });
      } catch (error) {
        if (!(error instanceof FileFault)) throw error;
        problems.push({
          path: fieldOf(section, index),
          text: `the ${wordOf(section)} ${printable(file, 300)} ${error.message}`,
          remedy: error instanceof TooLarge ? remedyOf(section) : 'correct the path',
        });
      }
    }
  }
  return { plan: { definition, files }, problems };
}

async function measure(file: string, limit: number): Promise<Measures> {
  const handle = await openPlainFile(file);
  try {
    const announced = (await handle.stat()).size;
    if (announced > limit) throw new TooLarge(announced, limit);
    const sha256 = createHash('sha256');
    const adler32 = new Adler32();
    let size = 0;
    for await (const chunk of bytesOf(handle)) {
      size += chunk.length;
      // A file may grow while it is read.
      if (size > limit) throw new TooLarge(size, limit);
      sha256.update(chunk);
      adler32.update(chunk);
    }
    return { size, sha256: sha256.digest('hex'), adler32: adler32.hex() };
  } finally {
    await handle.close();
  }
}

async function* bytesOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(1_048_576);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

class TooLarge extends FileFault {
  constructor(size: number, limit: number) {
    super(`has ${formatSize(size)}, over the limit of ${formatSize(limit)}`);
  }
}

/**
 * Puts the files on a storage, each under a name made of its content: what is there already, or is named in `sent`, is not sent again.
 * Afterwards every payload entry of the returned definition is a stored one.
 * Throws `FABRICA_PAYLOAD_MISSING` if a file has changed or gone since it was measured, and the errors of `StorageElement.put`.
 */
export async function uploadSandbox(
  plan: SandboxPlan,
  storage: StorageElement,
  epoch: string,
  scheme: LfnScheme,
  sent = new Set<string>(),
): Promise<Definition> {
  const stored = new Map<string, StoredPayload>();
  for (const file of plan.files) {
    const lfn = sandboxLfn(scheme, file.sha256, file.name);
    if (!sent.has(lfn)) await send(file, storage, physicalPath(epoch, lfn));
    sent.add(lfn);
    stored.set(key(file.section, file.index), {
      name: file.name,
      lfn,
      storage: storage.name,
      size: file.size,
      adler32: file.adler32,
    });
  }
  return replaceFiles(plan.definition, (section, i) => stored.get(key(section, i)));
}

const key = (section: SandboxSection, index: number): string => `${section} ${index}`;

async function send(file: SandboxFile, storage: StorageElement, target: string): Promise<void> {
  const field = fieldName(fieldOf(file.section, file.index));
  const changed = (why: string, cause: unknown): FabricaError =>
    new FabricaError(
      'FABRICA_PAYLOAD_MISSING',
      `${field}: the ${wordOf(file.section)} ${printable(file.path, 300)} ${why}`,
      { file: file.path, field },
      { remedy: 'Submit again once nothing changes the file.', cause },
    );
  let handle: FileHandle;
  try {
    handle = await openPlainFile(file.path);
  } catch (error) {
    throw error instanceof FileFault ? changed(`${error.message} any more`, error) : error;
  }
  // The handle is closed here, whether the storage reads the stream or not.
  const source = handle.createReadStream({ autoClose: false });
  try {
    await storage.put(source, target, { size: file.size, adler32: file.adler32 });
  } catch (error) {
    const mismatch = error instanceof FabricaError && error.code === 'FABRICA_STORAGE_CHECKSUM';
    throw mismatch ? changed('changed while it was sent', error) : error;
  } finally {
    source.destroy();
    await handle.close();
  }
}
