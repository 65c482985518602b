/** One thing that an audit found wrong. */
export interface Discrepancy {
  readonly kind:
    | 'events'
    | 'seeds'
    | 'unfinished'
    | 'merge'
    | 'copies'
    | 'remnant'
    | 'missing'
    | 'size'
    | 'checksum'
    | 'dark';
  readonly text: string;
  readonly storage?: string;
  readonly path?: string;
}
