import { grouped } from '../../domain/counted.js';
import { printable } from '../../domain/problem.js';

export { counted, grouped } from '../../domain/counted.js';

/** Text from outside, ready for a terminal: what would act on it is shown instead; cut after `longest` characters. */
export function safe(text: string, longest = 2000): string {
  return printable(text, longest);
}

/** Text of several lines from outside: line breaks and tabs stay, everything else as in `safe`. */
export function safeLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => safe(line.replaceAll('\t', '    '), 10_000))
    .join('\n');
}

/** `40 Done, 3 Running`; counts of 0 are left out. */
export function countsText(counts: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(counts)
    .filter(([, value]) => (value ?? 0) > 0)
    .map(([name, value]) => `${grouped(value ?? 0)} ${name}`)
    .join(', ');
}

/** The first `most` of a list, and how many there are besides: `a, b and 3 more`. */
export function firstOf(items: readonly string[], most: number): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(', ')} and ${rest} more` : items.join(', ');
}

/** Time in UTC as `2026-11-23 14:30:02Z`, as JSON, the logs and the control process tell it; `-` for none. */
export function timeText(ms: number | null): string {
  return ms === null ? '-' : `${new Date(ms).toISOString().slice(0, 10)} ${clockText(ms)}`;
}

/** Time of day in UTC as `14:30:02Z`. */
export function clockText(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)}Z`;
}

/** `60 %`; never 100 before all is done. */
export function percent(part: number, whole: number): string {
  return `${whole <= 0 ? 0 : Math.min(100, Math.floor((100 * part) / whole))} %`;
}
