import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { identityOf, isAlive, type ProcessIdentity } from '../../worker/process-identity.js';
import { readUpRecord } from '../../worker/up-record.js';

/** Whom a fault may hit. */
export type Role = 'up' | 'temporal' | 'control' | 'site' | 'wrapper' | 'payload' | 'pilot';

export interface RunningProcess extends ProcessIdentity {
  /** `control`, `site KMI`, `payload of e000001.fault-1.12.1`. */
  readonly name: string;
}

/** The processes of a role that a state directory has just now, in order of their numbers. */
export function processesOf(role: Role, stateDirectory: string): RunningProcess[] {
  switch (role) {
    case 'up':
      return upOf(stateDirectory);
    case 'temporal':
    case 'control':
      return childrenOf(stateDirectory).filter(({ name }) => name === role);
    case 'site':
      return childrenOf(stateDirectory).filter(({ name }) => /^site |^simulated /.test(name));
    case 'pilot':
      return pilotsOf(stateDirectory);
    case 'wrapper':
    case 'payload':
      return jobProcessesOf(stateDirectory).filter(({ name }) => name.startsWith(role));
  }
}

/** Everything that runs for a state directory, whoever has started it. */
export function everyProcessOf(stateDirectory: string): RunningProcess[] {
  return [
    ...upOf(stateDirectory),
    ...childrenOf(stateDirectory),
    ...pilotsOf(stateDirectory),
    ...jobProcessesOf(stateDirectory),
  ];
}

/** Sends a signal to exactly this process; false if it has ended. */
export function signal(one: RunningProcess, name: NodeJS.Signals): boolean {
  if (!isAlive(one)) return false;
  try {
    process.kill(one.pid, name);
    return true;
  } catch {
    return false;
  }
}

function upOf(stateDirectory: string): RunningProcess[] {
  const record = readUpRecord(stateDirectory);
  return record !== null && isAlive(record)
    ? [{ name: 'up', pid: record.pid, pidStart: record.pidStart }]
    : [];
}

function childrenOf(stateDirectory: string): RunningProcess[] {
  return (readUpRecord(stateDirectory)?.children ?? []).filter(isAlive);
}

function pilotsOf(stateDirectory: string): RunningProcess[] {
  const spools = path.join(stateDirectory, 'sites') + path.sep;
  return everyPid().flatMap((pid) => {
    const words = commandLineOf(pid);
    const isPilot = words[1]?.endsWith('/pilot.sh') === true;
    const spool = words.find((word) => word.startsWith(spools));
    return isPilot && spool !== undefined
      ? identified(pid, `pilot of ${path.basename(spool)}`)
      : [];
  });
}

/** Wrappers and what they have started: processes that work in a job's folder. */
function jobProcessesOf(stateDirectory: string): RunningProcess[] {
  const spools = path.join(stateDirectory, 'sites') + path.sep;
  return everyPid().flatMap((pid) => {
    const folder = folderOf(pid);
    if (folder?.startsWith(spools) !== true) return [];
    const [, , job] = path.relative(spools, folder).split(path.sep);
    if (job === undefined) return [];
    if (wrapperOf(folder) === pid) return identified(pid, `wrapper of ${job}`);
    // A launcher that has not come to `wrapper.started` is neither.
    return commandLineOf(pid)[0]?.endsWith('sh') === true
      ? identified(pid, `helper of ${job}`)
      : identified(pid, `payload of ${job}`);
  });
}

function wrapperOf(folder: string): number | null {
  try {
    return Number(readFileSync(path.join(folder, 'wrapper.started'), 'utf8').split(' ')[0]);
  } catch {
    return null;
  }
}

function identified(pid: number, name: string): RunningProcess[] {
  const identity = identityOf(pid);
  return identity === null ? [] : [{ ...identity, name }];
}

function everyPid(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .sort((a, b) => a - b);
}

function folderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

function commandLineOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
