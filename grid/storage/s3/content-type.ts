/**
 * The type of an object's content holds the adler32 of its bytes: `application/octet-stream; adler32=0f5e0b2a`. Unlike other metadata it can be told by
 * a job, whose signed address is made before there is a file; servers keep it, tell it, and copy it with the content.
 */
export const typeOf = (adler32: string | null): string =>
  adler32 === null ? BYTES : `${BYTES}; adler32=${adler32}`;

/** Null if nobody has told it. */
export function adler32OfType(type: string | undefined): string | null {
  return /;\s*adler32="?([0-9a-f]{8})"?\s*(?:;|$)/.exec(type ?? '')?.[1] ?? null;
}

const BYTES = 'application/octet-stream';
