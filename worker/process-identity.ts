import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * A process, told apart from a later one that got the same number. `pidStart` is opaque: on Linux the start in clock ticks since
 * boot (field 22 of /proc/PID/stat) and the boot's id, elsewhere the start time that `ps` prints.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly pidStart: string;
}

/** The process that has this number now; null if none has. A zombie, which has ended and only waits for its parent, is none. */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const pidStart = existsSync('/proc/self/stat') ? startByProc(pid) : startByPs(pid);
  return pidStart === null ? null : { pid, pidStart };
}

/** True if exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.pidStart === identity.pidStart;
}

function startByProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold blanks and parentheses; the third follows the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const ticks = fields[22 - 3];
    if (ticks === undefined || state === 'Z' || state === 'X') return null;
    return `${ticks}@${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    return null;
  }
}

function startByPs(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    }).trim();
    const [state = '', ...start] = line.split(/\s+/);
    return state === '' || state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}
