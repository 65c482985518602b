import { setTimeout as sleep } from 'node:timers/promises';
import { picked, type Injection } from '../fault.js';
import { processesOf, signal, type Role, type RunningProcess } from '../processes.js';
import type { World } from '../world.js';

/** How long somebody to hit is looked for, ms: between two jobs there is no payload. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 50;

/** SIGKILL for one process of a role. */
export function kill(role: Role): Injection {
  return async (world, { pick }) => {
    const target = await victim(world, role, pick);
    if (target === null || !signal(target, 'SIGKILL')) {
      return { outcome: 'missed', target: `no ${role} runs` };
    }
    const site = siteOf(target);
    return { outcome: 'injected', target: target.name, ...(site === null ? {} : { site }) };
  };
}

/** SIGSTOP for one process of a role, and SIGCONT when the fault ends. */
export function stall(role: Role): Injection {
  return async (world, { pick }) => {
    const target = await victim(world, role, pick);
    if (target === null || !signal(target, 'SIGSTOP')) {
      return { outcome: 'missed', target: `no ${role} runs` };
    }
    const undo = world.undoable(() => void signal(target, 'SIGCONT'));
    const site = siteOf(target);
    return { outcome: 'injected', target: target.name, undo, ...(site === null ? {} : { site }) };
  };
}

function victim(world: World, role: Role, pick: number): Promise<RunningProcess | null> {
  return found(() => picked(processesOf(role, world.state), pick));
}

/** What `look` finds within some time; null if it finds nothing. */
export async function found<T>(look: () => T | undefined): Promise<T | null> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
    const one = look();
    if (one !== undefined) return one;
    await sleep(LOOK_MS);
  }
  return null;
}

function siteOf({ name }: RunningProcess): string | null {
  return /^site (\S+)$/.exec(name)?.[1] ?? null;
}
