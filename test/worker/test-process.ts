import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterEach } from 'vitest';
import { builtFile } from '../../worker/built-files.js';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process that is killed after the test at the latest. */
export function testProcess(command: string, ...args: string[]): ChildProcess & { pid: number } {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} does not start`);
  return Object.assign(child, { pid });
}

/** A node process that runs this program; `MODULE(name)` in it is the URL of a built module. */
export function nodeProcess(program: string, ...args: string[]): ChildProcess & { pid: number } {
  const text = program.replaceAll(
    /MODULE\((.+?)\)/g,
    (_, name: string) => `'file://${builtFile(name)}'`,
  );
  return testProcess(process.execPath, '--input-type=module', '--eval', text, '--', ...args);
}

/** A program that ignores SIGTERM, and says so. */
export const DEAF = `
  process.on('SIGTERM', () => undefined);
  setInterval(() => undefined, 1000);
  process.send('deaf');
`;

/** The next message of the process. */
export function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code, signal) => reject(new Error(`ended: ${code ?? signal}`)));
  });
}

/** Resolves when it has ended, with the signal that ended it. */
export function exit(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.signalCode);
    else child.once('exit', (_, signal) => resolve(signal));
  });
}
