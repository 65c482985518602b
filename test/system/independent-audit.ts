import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * Runs the audit that shares no code with Fabrica: its own SQL on the catalog and a walk over the storages. Throws with everything it
 * found wrong.
 */
export async function independentAudit(
  catalogFile: string,
  production: string,
  ...options: string[]
): Promise<void> {
  const script = path.resolve('test/independent-audit/audit.py');
  try {
    await promisify(execFile)('python3', [script, catalogFile, production, ...options]);
  } catch (error) {
    const output =
      error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    throw new Error(`the independent audit of ${production} found:\n${output}`, { cause: error });
  }
}
