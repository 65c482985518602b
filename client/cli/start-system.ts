import { existsSync } from 'node:fs';
import { up, type RunningSystem } from '../../worker/up.js';
import type { Session } from './session.js';
import { upLog } from './up-log.js';

/** Ports that a person asks for; they win over the configuration. */
export interface Ports {
  readonly port?: number;
  readonly uiPort?: number;
}

/** Starts the system of this session's configuration. */
export async function startSystem(
  session: Session,
  ports: Ports,
  signals: { readonly stop: AbortSignal; readonly force: AbortSignal },
): Promise<RunningSystem> {
  const { catalogFile, configuration, stateDirectory } = session.loaded;
  const { port, uiPort } = ports;
  const temporal = {
    ...configuration.temporal,
    ...(port === undefined ? {} : { port }),
    ...(uiPort === undefined ? {} : { uiPort }),
  };
  const { clock, env } = session.terminal;
  // A catalog that can not be read is told before anything starts.
  if (existsSync(catalogFile)) await session.catalog();
  return up({
    configuration: { ...configuration, temporal },
    ...{ catalogFile, stateDirectory, clock, env, ...signals },
    log: upLog(session),
  });
}
