import { promises as fs } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A process that is not confused with a later one of the same number: `start` is its start time in clock ticks since the machine
 * started (`/proc/<pid>/stat`, field 22), or `-` where there is no `/proc`.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
}

interface ProcessStat {
  readonly state: string;
  readonly session: number;
  readonly start: string;
}

/** Null if there is no such process, or no `/proc`. */
async function statOf(pid: number): Promise<ProcessStat | null> {
  let line: string;
  try {
    line = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // Field 2 is the name in parentheses, which may itself hold spaces and parentheses.
  const fields = line.slice(line.lastIndexOf(') ') + 2).split(' ');
  const [state = '', , , session = ''] = fields;
  return { state, session: Number(session), start: fields[19] ?? '-' };
}

/** True if exactly this process runs; one that has ended and waits for its parent (a zombie) does not. */
export async function isAlive({ pid, start }: ProcessIdentity): Promise<boolean> {
  if (start === '-') return signalProcess(pid, 0);
  const stat = await statOf(pid);
  return stat !== null && stat.start === start && stat.state !== 'Z' && stat.state !== 'X';
}

/** Sends a signal; false if there is no such process (or it is not ours). */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Resolves true once the process is gone, false if it is still there after `milliseconds`. */
export async function waitUntilGone(
  identity: ProcessIdentity,
  milliseconds: number,
): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  for (let pause = 5; await isAlive(identity); pause = Math.min(100, pause * 2)) {
    if (performance.now() > deadline) return false;
    await delay(pause);
  }
  return true;
}

/**
 * Kills (SIGKILL) whatever is in the session that this process leads or led, and answers how many those were. Where its number
 * belongs to another process by now, its session cannot have anyone left, and nothing is done.
 */
export async function killSession(leader: ProcessIdentity): Promise<number> {
  if (leader.pid <= 1) return 0;
  const present = await statOf(leader.pid);
  if (present !== null && leader.start !== '-' && present.start !== leader.start) return 0;
  let killed = 0;
  // Twice: a process that was about to fork when it was killed may have left one more.
  for (let round = 0; round < 2; round++) {
    let found = 0;
    for (const pid of await processes()) {
      const stat = await statOf(pid);
      if (stat?.session === leader.pid && stat.state !== 'Z' && signalProcess(pid, 'SIGKILL')) {
        found++;
      }
    }
    killed += found;
    if (found === 0) break;
  }
  return killed;
}

/**
 * Kills (SIGKILL) every process of this user in whose environment the variable has one of these values: what has left its session, too. Answers
 * how many those were; 0 where there is no `/proc`.
 */
export async function killMarked(variable: string, values: ReadonlySet<string>): Promise<number> {
  const mark = Buffer.from(`${variable}=`);
  let killed = 0;
  for (let round = 0; round < 2; round++) {
    let found = 0;
    for (const pid of await processes()) {
      if (pid === process.pid) continue;
      const value = await valueIn(pid, mark);
      if (value !== null && values.has(value) && signalProcess(pid, 'SIGKILL')) found++;
    }
    killed += found;
    if (found === 0) break;
  }
  return killed;
}

/** The value of a variable in the environment of a process; null if it has none, or is not ours. */
async function valueIn(pid: number, mark: Buffer): Promise<string | null> {
  let environment: Buffer;
  try {
    environment = await fs.readFile(`/proc/${pid}/environ`);
  } catch {
    return null;
  }
  let at = environment.indexOf(mark);
  while (at > 0 && environment[at - 1] !== 0) at = environment.indexOf(mark, at + 1);
  if (at === -1) return null;
  const end = environment.indexOf(0, at);
  return environment.toString('utf8', at + mark.length, end === -1 ? environment.length : end);
}

async function processes(): Promise<number[]> {
  try {
    return (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}
