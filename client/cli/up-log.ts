import type { Log } from '../../domain/log.js';
import { fileLog, joinedLog, terminalLog } from '../../worker/log.js';
import { StateLayout } from '../../worker/state-directory.js';
import type { Session } from './session.js';

/** The log of `up`: warnings on the terminal, everything in `logs/up.log` of the state directory. */
export function upLog(session: Session): Log {
  const { clock, err } = session.terminal;
  const name = 'up';
  const told = terminalLog({ name, clock, level: 'warn', stream: err });
  try {
    const file = new StateLayout(session.loaded.stateDirectory).logFile(name);
    return joinedLog([told, fileLog({ name, clock, file })]);
  } catch {
    // `up` itself tells that the directory can not be written, and what to do.
    return told;
  }
}
