/** Asked for at the same time: Temporal takes some 2,000 activities of one workflow. */
const AT_ONCE = 100;

/** The answers in the order of what was asked, some at the same time; as long as one of them says to go on. */
export async function inTurns<T, R>(
  all: readonly T[],
  ask: (one: T) => Promise<R>,
  goOn: (some: readonly R[]) => boolean = () => true,
): Promise<R[]> {
  const answers: R[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE) {
    const some = await Promise.all(all.slice(from, from + AT_ONCE).map(ask));
    answers.push(...some);
    if (!goOn(some)) break;
  }
  return answers;
}
