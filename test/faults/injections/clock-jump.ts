import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { picked, type Injection } from '../fault.js';

const WHOSE = ['all', 'control', 'site'] as const;
/** A day at most; whoever waits for a time then finds it passed. */
const MOST_FORWARD_MS = 86_400_000;
/** Who waits for a time waits longer by so much, which is not wrong and must end. */
const MOST_BACK_MS = 30_000;

/** The clock of Fabrica's processes, or of one role, is set to another time and goes on from there. */
export function clockJump(direction: 1 | -1): Injection {
  return async (world, { pick }) => {
    const whose = picked(WHOSE, pick) ?? 'all';
    const size = (pick * WHOSE.length) % 1;
    const most = direction === 1 ? MOST_FORWARD_MS * size ** 3 : MOST_BACK_MS * size;
    const jump = direction * Math.round(1000 + most);
    const file = path.join(world.clockFolder, whose);
    writeFileSync(file, String(offsetIn(file) + jump));
    return { outcome: 'injected', target: `${whose}: ${jump / 1000} s` };
  };
}

function offsetIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}
