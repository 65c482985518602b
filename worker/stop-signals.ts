/** The stop that a person or the machine asks for by signals. */
export interface StopSignals {
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP: end in order. */
  readonly stop: AbortSignal;
  /** Aborts at the second: end now. */
  readonly force: AbortSignal;
  /** Afterwards signals have their usual effect again. */
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens for stop signals of this process until it is released. */
export function listenForStop(target: Pick<NodeJS.Process, 'on' | 'off'> = process): StopSignals {
  const stop = new AbortController();
  const force = new AbortController();
  const hear = (): void => (stop.signal.aborted ? force : stop).abort();
  for (const signal of SIGNALS) target.on(signal, hear);
  return {
    stop: stop.signal,
    force: force.signal,
    release: () => {
      for (const signal of SIGNALS) target.off(signal, hear);
    },
  };
}
