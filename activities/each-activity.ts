type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** The same activities, each of them run by `around`. */
export function eachActivity<T extends Activities>(
  activities: T,
  around: (run: () => Promise<unknown>) => Promise<unknown>,
): T {
  const changed = Object.entries(activities).map(([name, activity]) => [
    name,
    (...args: never[]): Promise<unknown> => around(() => activity(...args)),
  ]);
  // The same names with the same signatures: only what happens around them has changed.
  return Object.fromEntries(changed) as T;
}
