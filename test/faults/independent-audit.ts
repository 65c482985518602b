import { execFile } from 'node:child_process';
import path from 'node:path';

export interface AuditOutcome {
  /** What it has found, a line each; also that it can not tell. */
  readonly problems: readonly string[];
  /** Attempts by state. */
  readonly attempts: Readonly<Record<string, number>>;
}

/** What the audit that shares no code with Fabrica finds. */
export function independentAudit(
  catalogFile: string,
  production: string,
  expected: { events: number; content: 'jsonl' | 'simulated' },
): Promise<AuditOutcome> {
  const words = [
    ...[path.resolve('test/independent-audit/audit.py'), catalogFile, production],
    ...['--expect-events', String(expected.events), '--content', expected.content],
  ];
  return new Promise((resolve) => {
    execFile('python3', words, { maxBuffer: 1e8 }, (error, stdout, stderr) => {
      const lines = stdout.trimEnd().split('\n');
      const last = lines.pop() ?? '';
      const summary = (last.startsWith('{') ? JSON.parse(last) : {}) as {
        attempts?: Record<string, number>;
      };
      const problems = lines.map((line) => `audit: ${line}`);
      if (error !== null && problems.length === 0) problems.push(`audit: ${last} ${stderr}`.trim());
      resolve({ problems, attempts: summary.attempts ?? {} });
    });
  });
}
