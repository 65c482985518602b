/** A value as one word of a POSIX shell, whatever it holds but NUL; plain words stay as they are. */
export function shellWord(value: string): string {
  return /^[\w./:@%+,-]+$/.test(value) ? value : quotedWord(value);
}

/** The same, in quotes always. */
export function quotedWord(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
