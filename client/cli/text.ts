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

/** Local time as `2026-11-23 14:30:02`; `-` for none. */
export function timeText(ms: number | null): string {
  if (ms === null) return '-';
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockText(ms)}`;
}

/** Local time with its zone, as `2026-11-23 14:30:02 +01:00`; `-` for none. */
export function zonedTimeText(ms: number | null): string {
  if (ms === null) return '-';
  const minutes = -new Date(ms).getTimezoneOffset();
  const two = (n: number): string => String(n).padStart(2, '0');
  const far = Math.abs(minutes);
  return `${timeText(ms)} ${minutes < 0 ? '-' : '+'}${two(Math.floor(far / 60))}:${two(far % 60)}`;
}

/** Local time of day as `14:30:02`. */
export function clockText(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
}

/** `60 %`; never 100 before all is done. */
export function percent(part: number, whole: number): string {
  return `${whole <= 0 ? 0 : Math.min(100, Math.floor((100 * part) / whole))} %`;
}
