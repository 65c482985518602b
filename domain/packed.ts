/** Rows on their way through a Temporal history: compressed, for they are much alike (`activities/packed.ts`). `T` must survive JSON. */
export type Packed<T> = string & { readonly rows?: readonly T[] };

/** No rows. */
export const NOTHING_PACKED: Packed<never> = '';
