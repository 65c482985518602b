/** Asked for at the same time: Temporal takes some 2,000 activities of one workflow. */
const AT_ONCE = 100;
const AT_ONCE_EVERYWHERE = 1000;

/** The answers in the order of what was asked, some at the same time; as long as one of them says to go on. */
export async function inTurns<T, R>(
  all: readonly T[],
  ask: (one: T) => Promise<R>,
  {
    atOnce = AT_ONCE,
    goOn = () => true,
  }: { atOnce?: number; goOn?: (some: readonly R[]) => boolean } = {},
): Promise<R[]> {
  const answers: R[] = [];
  for (let from = 0; from < all.length; from += atOnce) {
    const some = await Promise.all(all.slice(from, from + atOnce).map(ask));
    answers.push(...some);
    if (!goOn(some)) break;
  }
  return answers;
}

/** The same, but each site has turns of its own: one that is silent holds up no other. */
export async function inTurnsOfSites<T extends { readonly site: string }, R>(
  all: readonly T[],
  ask: (one: T) => Promise<R>,
): Promise<R[]> {
  const sites = new Map<string, { one: T; place: number }[]>();
  for (const [place, one] of all.entries()) {
    const there = sites.get(one.site) ?? [];
    sites.set(one.site, there);
    there.push({ one, place });
  }
  const atOnce = Math.max(1, Math.floor(AT_ONCE_EVERYWHERE / sites.size));
  const answers: R[] = [];
  await Promise.all(
    [...sites.values()].map((there) =>
      inTurns(
        there,
        async ({ one, place }) => {
          answers[place] = await ask(one);
        },
        { atOnce },
      ),
    ),
  );
  return answers;
}
