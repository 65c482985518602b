import { FabricaError } from './errors.js';

/** Which states may follow which: `table[from]` lists the allowed next states. A state may always stay as it is. */
export type TransitionTable<S extends string> = Readonly<Record<S, readonly S[]>>;

/** True if `to` may follow `from`, or is the same. */
export function mayBecome<S extends string>(table: TransitionTable<S>, from: S, to: S): boolean {
  return from === to || table[from].includes(to);
}

/**
 * Throws `FABRICA_TRANSITION_FORBIDDEN` unless `to` may follow `from`.
 * `what` names the thing that changes, e.g. `production mumu` or `job 12 of mumu`; a function is asked only then.
 */
export function assertTransition<S extends string>(
  table: TransitionTable<S>,
  what: string | (() => string),
  from: S,
  to: S,
): void {
  if (!mayBecome(table, from, to)) {
    throw new FabricaError(
      'FABRICA_TRANSITION_FORBIDDEN',
      `${typeof what === 'string' ? what : what()} is ${from} and can not become ${to}; allowed from ${from}: ${table[from].join(', ') || 'nothing'}.`,
    );
  }
}
