import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Configuration } from '../../domain/configuration.js';
import { certificateAuthority, type Authority } from '../servers/certificates.js';
import { startXRootD, type XRootDServer } from '../servers/xrootd.js';
import { smallProduction, startSystem, until, type TestSystem } from '../system/running-system.js';

let servers: XRootDServer[] = [];
let fabrica: TestSystem;
/** `STORAGE=DIRECTORY` of each. */
const roots: string[] = [];

let authority: Authority;
beforeAll(async () => {
  authority = certificateAuthority();
  servers = [await startXRootD(authority), await startXRootD(authority)];
  fabrica = await startSystem(onServers);
});
afterAll(async () => {
  authority.end();
  await fabrica.end();
  for (const server of servers) await server.end();
});

/** Without TLS, in which XRootD 5.5.3 dies now and then. */
const http = ({ https }: XRootDServer): string => https.replace('https:', 'http:');

/** The default grid with its storages on servers: those of asia speak XRootD, those of america WebDAV. */
function onServers(configuration: Configuration): Configuration {
  return {
    ...configuration,
    storages: configuration.storages.map(({ area, name, purpose }) => {
      const server = servers[area === 'asia' ? 0 : 1];
      if (server === undefined) throw new Error('two servers run');
      roots.push(`${name}=${server.directory(name)}`);
      const common = { name, area, purpose };
      return area === 'asia'
        ? { ...common, kind: 'xrootd', url: `${server.origin}/store/${name}` }
        : { ...common, kind: 'webdav', url: `${http(server)}/store/${name}`, capacity: 1e12 };
    }),
  };
}

test('a production runs over storages of XRootD and WebDAV, and each server is killed and comes back in the middle', async () => {
  const handle = await fabrica.start(
    smallProduction('grid', {
      events: 300,
      behaviour: `sleep(300); if (Number(job) % 9 === 0 && attempt === 1) process.exit(3);`,
    }),
  );
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= 5, 60);
  for (const server of servers) {
    await server.kill();
    await sleep(3000);
    await server.start();
  }
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  await fabrica.audit('grid', [
    ...['--expect-events', '300', '--content', 'jsonl'],
    ...roots.flatMap((root) => ['--root', root]),
  ]);
}, 240_000);
