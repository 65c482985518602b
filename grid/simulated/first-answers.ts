import { asError } from '../../domain/errors.js';

/** A place on a storage. */
export interface Place {
  readonly storage: string;
}

/**
 * Asks for each thing one place after the other until one has answered; all things whose turn is at the same storage are asked for at once,
 * and one by one if that fails as a whole, so that each has an answer of its own.
 * `placeOf` tells the places of a thing, from 0; undefined after the last. Resolves to an answer per thing, or to what the last of its places has
 * thrown, or to null for a thing without a place.
 */
export async function firstAnswers<T, P extends Place, R>(
  things: readonly T[],
  placeOf: (thing: T, turn: number) => P | undefined,
  ask: (storage: string, places: readonly P[]) => Promise<readonly (R | Error)[]>,
): Promise<(R | Error | null)[]> {
  const answers: (R | Error | null)[] = things.map(() => null);
  let open = [...things.keys()];
  for (let turn = 0; open.length > 0; turn++) {
    const asked = new Map<string, { indices: number[]; places: P[] }>();
    for (const index of open) {
      const place = placeOf(things[index] as T, turn);
      if (place === undefined) continue;
      const together = asked.get(place.storage) ?? { indices: [], places: [] };
      together.indices.push(index);
      together.places.push(place);
      asked.set(place.storage, together);
    }
    open = [];
    await Promise.all(
      [...asked].map(async ([storage, { indices, places }]) => {
        const told = await answersOf(places, (some) => ask(storage, some));
        for (const [i, index] of indices.entries()) {
          const answer = told[i] ?? null;
          answers[index] = answer;
          if (answer instanceof Error) open.push(index);
        }
      }),
    );
  }
  return answers;
}

async function answersOf<P, R>(
  places: readonly P[],
  ask: (places: readonly P[]) => Promise<readonly (R | Error)[]>,
): Promise<readonly (R | Error)[]> {
  try {
    return await ask(places);
  } catch (error) {
    if (places.length === 1) return [asError(error)];
    return (await Promise.all(places.map((one) => answersOf([one], ask)))).flat();
  }
}
