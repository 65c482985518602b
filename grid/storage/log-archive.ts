import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import tar from 'tar-stream';

/** A file of an archive. */
export interface ArchiveMember {
  readonly name: string;
  readonly content: Buffer;
}

/** Members as one .tar.gz; the same members give the same bytes. Holds one member at a time. */
export function packed(members: AsyncIterable<ArchiveMember>): Readable {
  const pack = tar.pack();
  const zipped = createGzip();
  // Whoever reads may go before the end: then nobody calls back.
  const unwanted = new Promise<never>((_, reject) => {
    zipped.once('close', () => {
      reject(new Error('the archive is not wanted any more'));
    });
  });
  unwanted.catch(() => undefined);
  const fill = async (): Promise<void> => {
    for await (const { name, content } of members) {
      const written = new Promise<void>((resolve, reject) => {
        const header = { name, size: content.length, mtime: new Date(0), mode: 0o644 };
        const entry = pack.entry(header, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(error);
        });
        entry.end(content);
      });
      await Promise.race([written, unwanted]);
    }
    pack.finalize();
  };
  fill().catch((error: unknown) => {
    zipped.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  pack.on('error', (error) => zipped.destroy(error));
  zipped.on('close', () => {
    pack.destroy();
  });
  return pack.pipe(zipped);
}

/** Names of the members of an archive. Throws if it is none, or is cut off. */
export async function membersOf(archive: Readable): Promise<string[]> {
  const names: string[] = [];
  await unpack(archive, ({ name }, content) => {
    names.push(name);
    content.resume();
    return false;
  });
  return names;
}

/** The beginning or the end of one member, at most `bytes` of it, and the size of the whole; null if it is not in the archive. */
export async function memberPart(
  archive: Readable,
  name: string,
  part: 'head' | 'tail',
  bytes: number,
): Promise<{ content: Buffer; size: number } | null> {
  let found: { content: Buffer; size: number } | null = null;
  await unpack(archive, (header, content) => {
    if (header.name !== name) {
      content.resume();
      return false;
    }
    const size = header.size ?? 0;
    const from = part === 'head' ? 0 : Math.max(0, size - bytes);
    const to = Math.min(size, from + bytes);
    const pieces: Buffer[] = [];
    let at = 0;
    content.on('data', (piece: Buffer) => {
      const [start, end] = [Math.max(from - at, 0), Math.min(to - at, piece.length)];
      if (start < end) pieces.push(piece.subarray(start, end));
      at += piece.length;
    });
    content.on('end', () => {
      found = { content: Buffer.concat(pieces), size };
    });
    return true;
  });
  return found;
}

/** Reads an archive; `see` takes each member, and tells whether it is the last one that is wanted. */
async function unpack(
  archive: Readable,
  see: (header: tar.Headers, content: Readable) => boolean,
): Promise<void> {
  const extract = tar.extract();
  const enough = new AbortController();
  extract.on('entry', (header, content, next) => {
    const last = see(header, content);
    content.on('end', () => {
      if (last) enough.abort();
      else next();
    });
    content.on('error', (error) => extract.destroy(error));
  });
  try {
    await pipeline(archive, createGunzip(), extract, { signal: enough.signal });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  } finally {
    archive.destroy();
  }
}
