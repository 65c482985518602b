/** Fields that hold times: ms inside, ISO 8601 in UTC outside. */
const TIME = /^(at|.*At)$/;

/**
 * A document for programs: two spaces of indentation, a line break at the end. Times (fields `at` and `...At`) become ISO 8601 texts in
 * UTC; what is not known is null.
 */
export function jsonText(document: unknown): string {
  const text = JSON.stringify(
    document,
    (key, value: unknown) =>
      typeof value === 'number' && TIME.test(key) ? new Date(value).toISOString() : value,
    2,
  );
  return `${text}\n`;
}
