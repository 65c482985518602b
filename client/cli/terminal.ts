import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { systemClock, type Clock } from '../../domain/clock.js';

/** A stream to a person or a program. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Where a command runs: what it reads from its surroundings and where it writes. Injected, so that tests may set it. */
export interface Terminal {
  /** Answers. */
  readonly out: Output;
  /** Errors, warnings and remarks. */
  readonly err: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly clock: Clock;
  /** Asks whoever sits there and answers the line; null where nobody does. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** `user@host`: who asks, for the event log. */
  readonly who: string;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: process.stdout,
    err: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    ask: process.stdin.isTTY && process.stderr.isTTY ? askPerson : null,
    who: `${userName()}@${hostname()}`,
  };
}

/** The end of the input is an empty answer. */
async function askPerson(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await Promise.race([
      lines.question(question),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ]);
  } finally {
    lines.close();
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run a user that has no entry.
    return process.env.USER ?? 'unknown';
  }
}
