/** `1,234,567`. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `12 jobs`, `1 job`. */
export function counted(value: number, what: string, plural = `${what}s`): string {
  return `${grouped(value)} ${value === 1 ? what : plural}`;
}
