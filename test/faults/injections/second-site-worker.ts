import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { picked, type Injection } from '../fault.js';
import { SITES } from '../grid-under-test.js';

/** A second process serves a site, on the same computing element, until it is killed. */
export const secondSiteWorker: Injection = async (world, { pick }) => {
  const sites = world.grid === 'simulated' ? [...SITES] : [picked(SITES, pick) ?? SITES[0]];
  const output = openSync(path.join(world.folder, 'second-worker.out'), 'a');
  const child = spawn(
    process.execPath,
    [world.program, ...world.options, 'worker', 'site', ...sites],
    { env: world.env, stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const undo = world.undoable(() => {
    child.kill(pick < 0.5 ? 'SIGKILL' : 'SIGTERM');
  });
  return { outcome: 'injected', target: `site ${sites.join(' ')}`, undo };
};
