import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Adler32 } from '../domain/adler32.js';
import type { Definition, StoredPayload } from '../domain/definition.js';
import { FabricaError } from '../domain/errors.js';
import { type LfnScheme, physicalPath, sandboxLfn } from '../domain/lfn.js';
import { payloadName } from '../domain/definition-rules.js';
import { type Problem, printable, problemsError } from '../domain/problem.js';
import { formatSize } from '../domain/quantity.js';
import type { StorageElement } from '../grid/storage/storage-element.js';
import { FileFault, openPlainFile } from '../worker/plain-file.js';
import { whereOf } from './definition-file.js';

/** Payload files of a definition, from the submitter's computer to a storage that every site can read. */

/** Bytes of the largest payload file. Every job fetches it; larger things belong on CVMFS. */
export const MAX_PAYLOAD_BYTES = 100_000_000;

const SECTIONS = ['fabrication', 'merge'] as const;
type Section = (typeof SECTIONS)[number];

export interface SandboxFile {
  readonly section: Section;
  /** Position in the section's `payload`. */
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
 * Throws `FABRICA_PAYLOAD_MISSING`, naming all files, lines and fields that are missing, no plain readable files, or over 100 MB.
 */
export async function planSandbox(definition: Definition, folder: string): Promise<SandboxPlan> {
  const files: SandboxFile[] = [];
  const problems: Problem[] = [];
  for (const section of SECTIONS) {
    for (const [index, entry] of (definition[section]?.payload ?? []).entries()) {
      if (typeof entry !== 'string') continue;
      const file = path.resolve(folder, entry);
      try {
        files.push({
          section,
          index,
          path: file,
          name: payloadName(entry),
          ...(await measure(file)),
        });
      } catch (error) {
        if (!(error instanceof FileFault)) throw error;
        problems.push({
          path: [section, 'payload', index],
          text: `the payload file ${printable(file, 300)} ${error.message}`,
          remedy: error instanceof TooLarge ? 'put it on CVMFS or a storage' : 'correct the path',
        });
      }
    }
  }
  if (problems.length === 0) return { definition, files };
  throw problemsError('FABRICA_PAYLOAD_MISSING', problems, whereOf(definition));
}

async function measure(file: string): Promise<Pick<SandboxFile, 'size' | 'sha256' | 'adler32'>> {
  const handle = await openPlainFile(file);
  try {
    const announced = (await handle.stat()).size;
    if (announced > MAX_PAYLOAD_BYTES) throw new TooLarge(announced);
    const sha256 = createHash('sha256');
    const adler32 = new Adler32();
    let size = 0;
    for await (const chunk of bytesOf(handle)) {
      size += chunk.length;
      // A file may grow while it is read.
      if (size > MAX_PAYLOAD_BYTES) throw new TooLarge(size);
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
  constructor(size: number) {
    super(`has ${formatSize(size)}, over the limit of ${formatSize(MAX_PAYLOAD_BYTES)}`);
  }
}

/**
 * Puts the files on a storage, each under a name made of its content: what is there already is not sent again.
 * Afterwards every payload entry of the returned definition is a stored one.
 * Throws `FABRICA_PAYLOAD_MISSING` if a file has changed or gone since it was measured, and the errors of `StorageElement.put`.
 */
export async function uploadSandbox(
  plan: SandboxPlan,
  storage: StorageElement,
  epoch: string,
  scheme: LfnScheme,
): Promise<Definition> {
  const sent = new Set<string>();
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
  const payload = (section: Section): Definition['fabrication']['payload'] =>
    (definition[section]?.payload ?? []).map((entry, i) => stored.get(key(section, i)) ?? entry);
  const { definition } = plan;
  const { fabrication, merge } = definition;
  return {
    ...definition,
    fabrication: { ...fabrication, payload: payload('fabrication') },
    ...(merge === undefined ? {} : { merge: { ...merge, payload: payload('merge') } }),
  };
}

const key = (section: Section, index: number): string => `${section} ${index}`;

async function send(file: SandboxFile, storage: StorageElement, target: string): Promise<void> {
  const changed = (why: string, cause: unknown): FabricaError =>
    new FabricaError(
      'FABRICA_PAYLOAD_MISSING',
      `${file.section}.payload[${file.index}]: the payload file ${printable(file.path, 300)} ${why}`,
      { file: file.path, field: `${file.section}.payload[${file.index}]` },
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
