/** s that a copy gets at least, and a second more for each of so many bytes. */
const LEAST = 120;
const BYTES_PER_SECOND = 1_000_000;

/** s after which a copy of so many bytes between servers, or to one, is given up. */
export const copyLimit = (bytes: number): number => LEAST + bytes / BYTES_PER_SECOND;
