/** What the placeholders of a command stand for in one job. */
export interface PlaceholderValues {
  readonly seed: number;
  readonly firstEvent: number;
  readonly events: number;
  readonly job: number;
  /** Names of the input files in the job's folder. */
  readonly inputs: readonly string[];
  /** Names of the overlay files there. */
  readonly overlay?: readonly string[];
  /** Names of the output files by data level. */
  readonly outputs: ReadonlyMap<string, string>;
}

const KNOWN = /\{(seed|firstEvent|events|job|output)(?::([A-Za-z0-9._-]+))?\}/g;

/**
 * The arguments of one job. `{inputs}` or `{overlay}` as an argument by itself becomes one argument per file; the others are replaced wherever they stand.
 * What is no placeholder passes through as it is: no shell ever reads it.
 */
export function substituteArguments(
  command: readonly string[],
  values: PlaceholderValues,
): string[] {
  return command.flatMap((argument) => {
    if (argument === '{inputs}') return [...values.inputs];
    if (argument === '{overlay}') return [...(values.overlay ?? [])];
    return [
      argument.replace(KNOWN, (whole, name: string, level: string | undefined) => {
        if (name === 'output') {
          const file =
            level === undefined ? [...values.outputs.values()][0] : values.outputs.get(level);
          return file ?? whole;
        }
        if (level !== undefined) return whole;
        const numbers: Readonly<Record<string, number>> = {
          seed: values.seed,
          firstEvent: values.firstEvent,
          events: values.events,
          job: values.job,
        };
        return String(numbers[name] ?? whole);
      }),
    ];
  });
}
