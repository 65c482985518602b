import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Configuration } from '../../domain/configuration.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';
import { smallProduction, startSystem, until, type TestSystem } from '../system/running-system.js';

let servers: XRootDServer[] = [];
let fabrica: TestSystem;
/** `STORAGE=DIRECTORY` of each. */
const roots: string[] = [];

beforeAll(async () => {
  servers = [await startXRootD(), await startXRootD()];
  fabrica = await startSystem(onServers);
});
afterAll(async () => {
  await fabrica.end();
  for (const server of servers) await server.end();
});

/** The default grid with its storages of each area on a server of their own. */
function onServers(configuration: Configuration): Configuration {
  return {
    ...configuration,
    storages: configuration.storages.map(({ area, name, purpose }) => {
      const server = servers[area === 'asia' ? 0 : 1];
      if (server === undefined) throw new Error('two servers run');
      roots.push(`${name}=${server.directory(name)}`);
      return { name, area, purpose, kind: 'xrootd', url: `${server.origin}/store/${name}` };
    }),
  };
}

test('a production runs over storages of XRootD, one of which is killed and comes back in the middle', async () => {
  const handle = await fabrica.start(
    smallProduction('grid', {
      events: 300,
      behaviour: `sleep(300); if (Number(job) % 9 === 0 && attempt === 1) process.exit(3);`,
    }),
  );
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= 5, 60);
  await servers[1]?.kill();
  await sleep(3000);
  await servers[1]?.start();
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('grid', [
    ...['--expect-events', '300', '--content', 'jsonl'],
    ...roots.flatMap((root) => ['--root', root]),
  ]);
}, 240_000);
