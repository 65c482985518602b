import { counted } from './counted.js';

/** `12 jobs that had not started are withdrawn from their sites`, and which sites have not answered. */
export function withdrawalText(jobs: number, silent: readonly string[]): string {
  const withdrawn = `${counted(jobs, 'job')} that had not started ${jobs === 1 ? 'is' : 'are'} withdrawn`;
  return silent.length === 0
    ? withdrawn
    : `${withdrawn}; no answer yet from ${silent.join(', ')}: what waits there may still start`;
}
