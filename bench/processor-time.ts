import { readFileSync, readdirSync } from 'node:fs';

/** Processor time so far of this process' descendants, those that have been waited for included, ms (`/proc` counts in 10 ms). */
export function descendantsCpuMs(): number {
  const times = allTimes();
  return 10 * ((times.get(process.pid)?.waited ?? 0) + below(times, process.pid));
}

/** Processor time so far of a process with its descendants, ms; 0 if it is gone. */
export function familyCpuMs(pid: number): number {
  const times = allTimes();
  const { own = 0, waited = 0 } = times.get(pid) ?? {};
  return 10 * (own + waited + below(times, pid));
}

interface Times {
  readonly parent: number;
  /** Of itself, and of children that it has waited for; hundredths of a second. */
  readonly own: number;
  readonly waited: number;
}

function allTimes(): Map<number, Times> {
  const times = new Map<number, Times>();
  for (const pid of readdirSync('/proc').map(Number)) {
    const fields = pid > 0 ? statFieldsOf(pid) : [];
    const [parent = 0, own = 0, system = 0, waited = 0, waitedSystem = 0] = [1, 11, 12, 13, 14].map(
      (field) => Number(fields[field] ?? 0),
    );
    times.set(pid, { parent, own: own + system, waited: waited + waitedSystem });
  }
  return times;
}

function below(times: ReadonlyMap<number, Times>, root: number): number {
  const isBelow = (pid: number): boolean => {
    const parent = times.get(pid)?.parent ?? 0;
    return parent === root || (parent > 1 && isBelow(parent));
  };
  let ticks = 0;
  for (const [pid, { own, waited }] of times) if (isBelow(pid)) ticks += own + waited;
  return ticks;
}

/** From its state on; none if it has gone meanwhile. */
function statFieldsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ') ?? [];
  } catch {
    return [];
  }
}
