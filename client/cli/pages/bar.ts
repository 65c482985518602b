import { grouped, percent } from '../text.js';

/** `████░░░░`: how much of the whole is done; full only when all is. */
export function bar(part: number, whole: number, width: number): string {
  const share = whole <= 0 ? 0 : Math.min(1, Math.max(0, part / whole));
  const filled = Math.floor(share * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** One stage: its name, a bar, the events and the share. */
export function stageLine(name: string, part: number, whole: number, width = 30): string {
  const digits = grouped(whole).length;
  const events = `${grouped(part).padStart(digits)} of ${grouped(whole)}`;
  return `${name.padEnd(12)} ${bar(part, whole, width)} ${percent(part, whole).padStart(5)}  ${events} events`;
}
