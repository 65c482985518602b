import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { defaultConfiguration } from '../../domain/default-configuration.js';
import { fabrica } from '../client/cli/fabrica.js';
import { certificateAuthority, certificateFor, type Authority } from '../servers/certificates.js';
import { guardTemporal, type GuardedTemporal } from '../servers/guarded-temporal.js';
import { smallProduction } from '../system/running-system.js';
import { SeparateWorkers } from '../system/separate-workers.js';

let authority: Authority;
let stranger: Authority;
let folder: string;
let system: SeparateWorkers;
let guard: GuardedTemporal;

beforeAll(() => {
  authority = certificateAuthority();
  stranger = certificateAuthority();
});
afterAll(() => {
  authority.end();
  stranger.end();
});
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-access-'));
  system = await SeparateWorkers.start(folder);
}, 60_000);
afterEach(async () => {
  await system.end();
  await guard.end();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const certified = (name: string, by: Authority) => {
  const place = path.join(folder, name);
  mkdirSync(place);
  return certificateFor(name, by, place);
};

/** `fabrica.yaml` with this access to Temporal; JSON is YAML. */
function configure(temporal: object, credentials: readonly object[]): void {
  const standard = defaultConfiguration(path.join(folder, 'state'));
  const configuration = {
    ...standard,
    temporal: { tls: { ca: authority.certificate, serverName: 'temporal' }, ...temporal },
    credentials,
  };
  writeFileSync(path.join(folder, 'fabrica.yaml'), JSON.stringify(configuration));
}

function submit(name: string): ReturnType<typeof fabrica> {
  const definition = smallProduction(name, { events: 40 });
  writeFileSync(path.join(folder, `${name}.yaml`), JSON.stringify(definition));
  return fabrica([...system.options, 'submit', `${name}.yaml`, '--wait'], { cwd: folder });
}

it('workers and people reach a server that asks for their certificate', async () => {
  guard = await guardTemporal(system.address, certified('temporal', authority), {
    callers: authority,
  });
  system.address = guard.address;
  const { certificate, key } = certified('machine', authority);
  configure({ credential: 'machine' }, [{ name: 'machine', kind: 'x509', certificate, key }]);
  await system.worker(['control']);
  await system.worker(['site', 'KMI', 'PNNL', 'UVic']);
  expect(await submit('mine')).toMatchObject({ code: 0 });

  // Without one, with one of somebody else, and with a server that nobody vouches for.
  const other = certified('other', stranger);
  const cases: [object, readonly object[], RegExp][] = [
    [{}, [], /TLS: .*certificate required/],
    [
      { credential: 'machine' },
      [{ name: 'machine', kind: 'x509', ...other }],
      /certificate|reset/i,
    ],
    [{ tls: { ca: stranger.certificate } }, [], /TLS: .*self-signed certificate/],
    [{ tls: { ca: authority.certificate, serverName: 'another' } }, [], /TLS: .*does not match/],
  ];
  for (const [temporal, credentials, why] of cases) {
    configure(temporal, credentials);
    const { code, err } = await submit('theirs');
    expect({ code, err }).toMatchObject({ code: 3, err: expect.stringMatching(why) as string });
    expect(err).toContain('FABRICA_TEMPORAL_UNREACHABLE');
  }
}, 180_000);

it('workers and people reach a server that asks for a token, and go on when it is renewed', async () => {
  const file = path.join(folder, 'token');
  const secret = { old: 'old-secret-7Yq', fresh: 'new-secret-8Zr' };
  let accepted = secret.old;
  const write = (token: string): void => {
    writeFileSync(file, `${token}\n`);
    chmodSync(file, 0o600);
  };
  write(secret.old);
  guard = await guardTemporal(system.address, certified('temporal', authority), {
    token: () => accepted,
  });
  system.address = guard.address;
  configure({ credential: 'machine' }, [{ name: 'machine', kind: 'token', token: { file } }]);
  await system.worker(['control']);
  await system.worker(['site', 'KMI', 'PNNL', 'UVic']);
  expect(await submit('before')).toMatchObject({ code: 0 });

  accepted = secret.fresh;
  const refused = await submit('after');
  expect(refused.code).toBe(3);
  expect(refused.err).toContain('nobody knows this token');
  expect(refused.err).not.toContain(secret.old);
  write(secret.fresh);
  expect(await submit('after')).toMatchObject({ code: 0 });
}, 180_000);
