import type { ComputeElement } from '../../grid/compute/compute-element.js';

/** The beginning that is kept of a long log, bytes. */
const HEAD = 65_536;

/** A log of at most `largest` bytes: a longer one loses its middle, and a line tells so. Null if the site has none. */
export async function logExcerpt(
  compute: ComputeElement,
  name: string,
  largest: number,
): Promise<Buffer | null> {
  const note = (bytes: number): Buffer =>
    Buffer.from(`\n[fabrica: ${bytes} bytes are left out here]\n`);
  const head = Math.min(HEAD, Math.floor(largest / 4));
  const room = note(Number.MAX_SAFE_INTEGER).length;
  const log = await compute.readLog(name, { head, tail: largest - head });
  if (log === null) return null;
  if (log.size <= largest) return Buffer.concat([log.head, log.tail]);
  const tail = log.tail.subarray(room);
  const left = log.size - log.head.length - tail.length;
  return Buffer.concat([log.head, note(left), tail]);
}
