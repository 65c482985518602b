/** Durations and sizes as people write them: `90s`, `2h`, `1d12h`, `1.5 GB`, or a plain number of seconds or bytes. */

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };
const BYTES: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

export const DURATION_PATTERN = /^\s*(\d+(\.\d+)?\s*(s|min|m|h|d)\s*)+$/;
export const SIZE_PATTERN = /^\s*(\d+(?:\.\d+)?)\s*([kMGTP]?)B\s*$/;

/** Seconds of a text such as `2h30m`; null if it is none. */
export function parseDuration(text: string): number | null {
  if (!DURATION_PATTERN.test(text)) return null;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(s|min|m|h|d)/g)) {
    seconds += Number(amount) * (SECONDS[unit ?? ''] ?? 0);
  }
  return seconds;
}

/** Bytes of a text such as `1.5 GB` (decimal prefixes, as storages are sold); null if it is none. */
export function parseSize(text: string): number | null {
  const match = SIZE_PATTERN.exec(text);
  if (match === null) return null;
  return Math.round(Number(match[1]) * (BYTES[match[2] ?? ''] ?? 1));
}

/** `1.5 GB`: three digits and a decimal prefix. */
export function formatSize(bytes: number): string {
  let value = bytes;
  for (const prefix of ['', 'k', 'M', 'G', 'T']) {
    if (Math.abs(value) < 999.5) return `${round3(value)} ${prefix}B`;
    value /= 1000;
  }
  return `${round3(value)} PB`;
}

/** `2d 3h`, `4m 05s`, `12.3 s`: two units at most. */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (seconds < 59.95) return `${round3(seconds)} s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${two(Math.floor((s % 3600) / 60))}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

function round3(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
