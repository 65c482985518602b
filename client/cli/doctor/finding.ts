export const FINDING_STATES = ['ok', 'warn', 'FAIL'] as const;

/** One line of `doctor`. */
export interface Finding {
  readonly check: string;
  readonly state: (typeof FINDING_STATES)[number];
  readonly text: string;
  /** What to do; empty if nothing. */
  readonly remedy: string;
}

export const ok = (check: string, text: string): Finding => ({
  check,
  state: 'ok',
  text,
  remedy: '',
});

export const warn = (check: string, text: string, remedy: string): Finding => ({
  check,
  state: 'warn',
  text,
  remedy,
});

export const fail = (check: string, text: string, remedy: string): Finding => ({
  check,
  state: 'FAIL',
  text,
  remedy,
});
