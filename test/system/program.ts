import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

/** The built program. */
export const FABRICA = path.resolve('dist/program/fabrica.js');

/** What a command of `fabrica` answers with --json. */
export async function fabrica<T>(state: string, ...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[FABRICA, '--state', state, '--json', ...args],
  ]);
  return JSON.parse(stdout) as T;
}
