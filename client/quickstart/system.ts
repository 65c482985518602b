import { FabricaError } from '../../domain/errors.js';
import type { RunningSystem } from '../../worker/up.js';
import type { StopSignals } from '../../worker/stop-signals.js';
import { startSystem } from '../cli/start-system.js';
import type { Session } from '../cli/session.js';

/**
 * Starts the system, or uses the one that runs on the state directory already. Returns what was started, to be stopped afterwards; null if it
 * was running before.
 */
export async function ensureSystem(
  session: Session,
  signals: StopSignals,
): Promise<RunningSystem | null> {
  try {
    return await startSystem(session, {}, signals);
  } catch (error) {
    if (!(error instanceof FabricaError) || error.code !== 'FABRICA_STATE_IN_USE') throw error;
    return null;
  }
}
