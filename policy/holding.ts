import type { FailureClass } from '../domain/failure-class.js';
import type { SiteTally } from './blame.js';

/** What is known of a production's failures in its window. */
export interface HoldingCase {
  /** Attempts that ended in the window, by site. */
  readonly tallies: readonly SiteTally[];
  /** Sites that may run its jobs, those that are left out among them. */
  readonly usable: readonly string[];
  /** Sites that are left out already. */
  readonly excluded: readonly string[];
  /** `holding` of the definition. */
  readonly failureRate: number;
  readonly attempts: number;
  readonly classes: Readonly<Partial<Record<FailureClass, number>>>;
}

export interface HoldingVerdict {
  /** Sites to be left out from now on, and why. */
  readonly exclude: readonly { readonly site: string; readonly why: string }[];
  /** Why the production must be held; null if it need not. */
  readonly hold: string | null;
}

/** Ends by a person, and Fabrica's own faults, tell nothing of sites or payloads. */
const NOT_COUNTED: readonly FailureClass[] = ['killed', 'catalog', 'control'];

/** So many sites that are bad, and none that is good, make it unlikely that the sites are to blame. */
const TOO_MANY_BAD = 3;

/**
 * A site where too many attempts fail is left out, and its attempts are not counted with the others: one bad site never holds a production.
 * Too many failures at the others, the worst of them left aside, hold it; and if no site is good, it is held when three are bad, or when there is none left to try.
 */
export function judgeFailureRate(input: HoldingCase): HoldingVerdict {
  const counts = input.tallies.map((tally) => ({ site: tally.site, ...countsOf(tally) }));
  const bad = counts.filter(
    ({ all, failed }) => all >= input.attempts && failed >= input.failureRate * all,
  );
  const badSites = new Set([...input.excluded, ...bad.map(({ site }) => site)]);
  const goodSite = counts.some(
    ({ site, all, failed }) =>
      !badSites.has(site) &&
      ENOUGH_GOOD * all >= input.attempts &&
      failed < input.failureRate * all,
  );
  const untried = input.usable.some((site) => !badSites.has(site));
  const hopeless = !goodSite && badSites.size > 0 && (badSites.size >= TOO_MANY_BAD || !untried);
  if (hopeless) return { exclude: [], hold: holdFor(input, input.tallies) };
  return {
    exclude: bad
      .filter(({ site }) => !input.excluded.includes(site))
      .map(({ site, all, failed }) => ({ site, why: `${failed} of ${all} attempts failed there` })),
    hold: holdFor(input, withoutWorst(input, badSites)),
  };
}

/**
 * A site's tally without the submissions that it has refused, unless they are many of all that were submitted there: they are told at once, the ends
 * of those that run come hours later. `open` attempts run there.
 */
export function withoutEarlyRefusals(
  tally: SiteTally,
  open: number,
  failureRate: number,
): SiteTally {
  const { submission: refused = 0, ...others } = tally.failures;
  const submitted = countsOf(tally).all + open;
  return refused >= failureRate * submitted ? tally : { ...tally, failures: others };
}

/** What has ended at sites that are not bad, and there without the worst of them: it may be the next one to be found bad. */
function withoutWorst({ tallies, usable }: HoldingCase, bad: ReadonlySet<string>): SiteTally[] {
  const others = tallies.filter(({ site }) => !bad.has(site));
  if (usable.length < 2) return others;
  const failures = others.map((tally) => countsOf(tally).failed);
  const worst = failures.indexOf(Math.max(...failures));
  return others.filter((_, i) => i !== worst);
}

/** A site is good when a fifth of the attempts that condemn one have ended there, and most were good. */
const ENOUGH_GOOD = 5;

function holdFor(input: HoldingCase, tallies: readonly SiteTally[]): string | null {
  const counts = tallies.map((tally) => countsOf(tally));
  const all = counts.reduce((sum, one) => sum + one.all, 0);
  const failed = counts.reduce((sum, one) => sum + one.failed, 0);
  if (all < input.attempts) return null;
  const classes = classSums(tallies);
  if (failed >= input.failureRate * all) {
    const first = classes.slice(0, 3).map(([name, count]) => `${name} ${count}`);
    return `${failed} of the last ${all} attempts failed: ${first.join(', ')}`;
  }
  const over = classes.find(([name, count]) => count >= (input.classes[name] ?? Infinity) * all);
  return over === undefined
    ? null
    : `${over[1]} of the last ${all} attempts failed with ${over[0]}, the limit is ${100 * (input.classes[over[0]] ?? 1)} %`;
}

/** Failures by class, the most frequent first. */
function classSums(tallies: readonly SiteTally[]): [FailureClass, number][] {
  const sums = new Map<FailureClass, number>();
  for (const { failures } of tallies) {
    for (const [name, count] of Object.entries(failures) as [FailureClass, number][]) {
      if (!NOT_COUNTED.includes(name)) sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function countsOf({ done, failures }: SiteTally): { all: number; failed: number } {
  const failed = Object.entries(failures)
    .filter(([name]) => !NOT_COUNTED.includes(name as FailureClass))
    .reduce((sum, [, count]) => sum + count, 0);
  return { all: done + failed, failed };
}
