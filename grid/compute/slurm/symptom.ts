import type { CeSymptom } from '../compute-element.js';
import type { TaskEnd } from './answers.js';

/** `array.sh` on a node that does not see the folder of the job, or may not write there. */
const NO_FOLDER = 76;

/** What Slurm says of a task that has ended without its wrapper telling why. */
export function symptomOf(end: TaskEnd): CeSymptom {
  const { exitCode, node, signal, state } = end;
  const how = signal > 0 ? `signal ${signal}` : exitCode > 0 ? `exit code ${exitCode}` : '';
  const reason = end.reason === 'None' ? '' : end.reason;
  const more = [how, reason, node === '' ? '' : `node ${node}`].filter((one) => one !== '');
  const said = `Slurm says ${state}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  const code = signal > 0 ? 128 + signal : exitCode;
  const told = (step: CeSymptom['step'], what: string): CeSymptom => ({
    step,
    exitCode: code === 0 ? null : code,
    reason: `${what}: ${said}`,
  });
  switch (state) {
    case 'TIMEOUT':
    case 'DEADLINE':
      return told('wall-limit', 'ended at the time limit of its batch job');
    case 'OUT_OF_MEMORY':
      return told('memory-limit', 'memory is above the limit of its batch job');
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return told('killed', 'its node failed');
    case 'PREEMPTED':
    case 'REVOKED':
      return told('killed', 'the site took its slot back');
    case 'CANCELLED':
      return told('killed', 'ended at the site');
  }
  if (exitCode === NO_FOLDER) return told('wrapper', 'the folder of the job can not be used there');
  return told('vanished', 'the job ended without a report');
}
