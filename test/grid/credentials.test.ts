import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { CredentialConfiguration } from '../../domain/credential.js';
import { Credentials } from '../../grid/credentials.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

function file(content: string, mode = 0o600): string {
  const made = path.join(temporaryFolder(), 'secret');
  writeFileSync(made, content);
  chmodSync(made, mode);
  return made;
}

const token = (place: { file: string } | { env: string }, env: NodeJS.ProcessEnv = {}) =>
  new Credentials([{ name: 'kek', kind: 'token', token: place }], env).get('kek', 'token').read();

const unusable = (text: RegExp): unknown =>
  expect.objectContaining({
    code: 'FABRICA_STORAGE_CREDENTIAL',
    message: expect.stringMatching(text) as unknown,
  });

it('reads credentials of each kind where they are', async () => {
  const key = file('-----BEGIN PRIVATE KEY-----\nAA==\n');
  const certificate = file('-----BEGIN CERTIFICATE-----\nAA==\n', 0o644);
  const configurations: CredentialConfiguration[] = [
    { name: 'keys', kind: 's3', accessKey: { env: 'ID' }, secretKey: { file: file('secret\n') } },
    {
      ...{ name: 'session', kind: 's3', accessKey: { env: 'ID' }, secretKey: { env: 'ID' } },
      sessionToken: { file: file('session', 0o400) },
    },
    { name: 'proxy', kind: 'x509', certificate, key },
  ];
  const credentials = new Credentials(configurations, { ID: 'id' });
  expect(await credentials.get('keys', 's3').read()).toEqual({
    accessKeyId: 'id',
    secretAccessKey: 'secret',
  });
  expect(await credentials.get('session', 's3').read()).toMatchObject({ sessionToken: 'session' });
  expect(await credentials.get('proxy', 'token', 'x509').read()).toEqual({
    certificate: expect.stringContaining('CERTIFICATE') as unknown,
    key: expect.stringContaining('PRIVATE KEY') as unknown,
  });
  expect(await token({ env: 'TOKEN' }, { TOKEN: 'a.b.c' })).toBe('a.b.c');
});

it('reads what has been renewed at the next use', async () => {
  const place = file('old');
  const credentials = new Credentials([{ name: 'kek', kind: 'token', token: { file: place } }], {});
  const credential = credentials.get('kek', 'token');
  expect(await credential.read()).toBe('old');
  writeFileSync(place, 'new');
  expect(await credential.read()).toBe('new');
});

it('tells what can not be read, and nothing of what is in it', async () => {
  const gone = path.join(temporaryFolder(), 'gone');
  await expect(token({ file: gone })).rejects.toEqual(unusable(/Credential kek .*gone.*ENOENT/));
  mkdirSync(gone);
  await expect(token({ file: gone })).rejects.toEqual(unusable(/no plain file/));
  await expect(token({ file: file('') })).rejects.toEqual(unusable(/is empty/));
  await expect(token({ file: file('x'.repeat(100_001)) })).rejects.toEqual(unusable(/above/));
  await expect(token({ env: 'NONE' })).rejects.toEqual(unusable(/variable NONE is not set/));
  const two = await token({ file: file('top secret') }).catch(String);
  expect(two).toMatch(/more than one word/);
  expect(two).not.toContain('top');
});

it('refuses a secret that everybody on this machine can read', async () => {
  await expect(token({ file: file('secret', 0o644) })).rejects.toEqual(unusable(/mode 644/));
  await expect(token({ file: file('secret', 0o640) })).resolves.toBe('secret');
});

it('refuses a name that there is not, and one of another kind', () => {
  const credentials = new Credentials([{ name: 'kek', kind: 'token', token: { env: 'A' } }], {});
  expect(() => credentials.get('none', 'token')).toThrow(/no credential none of kind token/);
  expect(() => credentials.get('kek', 's3')).toThrow(/no credential kek of kind s3/);
});
