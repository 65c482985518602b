import { readFileSync, readdirSync } from 'node:fs';

/** Processor time so far of this process' descendants, those that have been waited for included, ms (`/proc` counts in 10 ms). */
export function descendantsCpuMs(): number {
  const times = new Map<number, { parent: number; own: number; waited: number }>();
  for (const pid of readdirSync('/proc').map(Number)) {
    const fields = pid > 0 ? statFieldsOf(pid) : [];
    const [parent = 0, own = 0, system = 0, waited = 0, waitedSystem = 0] = [1, 11, 12, 13, 14].map(
      (field) => Number(fields[field] ?? 0),
    );
    times.set(pid, { parent, own: own + system, waited: waited + waitedSystem });
  }
  const isBelow = (pid: number): boolean => {
    const parent = times.get(pid)?.parent ?? 0;
    return parent === process.pid || (parent > 1 && isBelow(parent));
  };
  let ticks = times.get(process.pid)?.waited ?? 0;
  for (const [pid, { own, waited }] of times) if (isBelow(pid)) ticks += own + waited;
  return 10 * ticks;
}

/** From its state on; none if it has gone meanwhile. */
function statFieldsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ') ?? [];
  } catch {
    return [];
  }
}
