import { spawn } from 'node:child_process';
import { builtFile } from '../../../worker/built-files.js';

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the real program to its end, without colours and without what the surroundings of the tests may have set. */
export function fabrica(
  argv: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const child = spawnFabrica(argv, options);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** Starts the real program. */
export function spawnFabrica(
  argv: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
) {
  const { HOME, PATH, TMPDIR } = process.env;
  return spawn(process.execPath, [builtFile('program/fabrica.js'), ...argv], {
    cwd,
    env: { HOME, PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
