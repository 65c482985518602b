/** What orders or handles of bundles may take of one answer, bytes: far below Temporal's limit of 2 MB. */
export const LARGEST_ANSWER = 400_000;

/** What a value takes of an answer, bytes. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
