import { existsSync, statSync } from 'node:fs';
import { StateLayout } from '../../worker/state-directory.js';
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
  if (existsSync(catalogFile) && statSync(catalogFile).size > 0) {
    // A catalog that can not be read is told before anything starts.
    await session.catalog();
  } else if (existsSync(new StateLayout(stateDirectory).temporalFile)) {
    session.remark(
      `warning: there is no catalog at ${catalogFile}, but Temporal has worked here before. An empty catalog is made; if there was one, end this and put it back.`,
    );
  }
  return up({
    configuration: { ...configuration, temporal },
    ...{ catalogFile, stateDirectory, clock, env, ...signals },
    log: upLog(session),
  });
}
