import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocalComputeElement } from '../../../grid/compute/local.js';
import { parseWrapperReport } from '../../../grid/compute/wrapper-report.js';
import { wrapperScript, type WrapperSpec } from '../../../grid/compute/wrapper.js';
import type { JobAccess } from '../../../grid/storage/job-access.js';
import { temporaryFolder } from '../../worker/temporary-folder.js';
import { expectedOf } from '../storage/conformance.js';
import { allEnded, jobOf } from './job-fixture.js';

/** What jobs have asked a server for that gives `content` to whoever asks. */
let asked: { readonly url: string; readonly authorization: string }[];
let server: http.Server;
let origin: string;

beforeEach(async () => {
  asked = [];
  server = http.createServer((request: IncomingMessage, response) => {
    const { headers, url = '' } = request;
    asked.push({ url, authorization: headers.authorization ?? '' });
    response.end('content');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const specOf = (...urls: string[]): WrapperSpec => ({
  ...jobOf('e1.p.1.1', 'cat wrapper.secret 2>/dev/null || true').wrapper,
  stageIn: urls.map((url, i) => ({ name: `in${i}`, ...expectedOf('content'), urls: [url] })),
});

async function run(spec: WrapperSpec, access: readonly JobAccess[]): Promise<string> {
  const cwd = temporaryFolder();
  writeFileSync(path.join(cwd, 'wrapper.sh'), wrapperScript(spec, access));
  const child = spawn('/bin/sh', ['wrapper.sh'], { cwd, stdio: 'ignore' });
  await once(child, 'close');
  const report = parseWrapperReport(readFileSync(path.join(cwd, 'report'), 'utf8'));
  expect(report.outcome).toBe('done');
  return cwd;
}

const ODD = `a"b\\c'd$(id)\`id\`%s*?[]{};&|<>#!~=`;

it('tells curl what belongs to an address, whatever is in it, and to no other address', async () => {
  const header = ['header', `Authorization: Bearer ${ODD}`] as const;
  const cwd = await run(specOf(`${origin}/mine/a`, `${origin}/mines/a`), [
    { url: `${origin}/mine/`, curl: [header] },
  ]);
  expect(asked).toEqual([
    { url: '/mine/a', authorization: `Bearer ${ODD}` },
    { url: '/mines/a', authorization: '' },
  ]);
  expect(statSync(path.join(cwd, 'wrapper.curl')).mode & 0o777).toBe(0o600);
  expect(readFileSync(path.join(cwd, 'log'), 'utf8')).not.toContain(ODD);
});

it('asks by the address that is told for a method in place of its own', async () => {
  const place = `s3+${origin}/bucket/a`;
  await run(specOf(place), [
    { url: place, method: 'PUT', curl: [['url', `${origin}/wrong`]] },
    { url: place, method: 'GET', curl: [['url', `${origin}/bucket/a?X-Amz-Signature=1`]] },
  ]);
  await run(specOf(place), []);
  expect(asked.map(({ url }) => url)).toEqual(['/bucket/a?X-Amz-Signature=1', '/bucket/a']);
});

it('makes the files that curl needs for nobody else to read', async () => {
  const content = `-----BEGIN 'KEY'-----\n${ODD}\n`;
  const cwd = await run(specOf(`${origin}/a`), [
    { url: `${origin}/`, curl: [], files: { 'wrapper.secret': content } },
  ]);
  expect(readFileSync(path.join(cwd, 'wrapper.secret'), 'utf8')).toBe(content);
  expect(statSync(path.join(cwd, 'wrapper.secret')).mode & 0o777).toBe(0o600);
});

it('reaches jobs of a computing element in scripts that nobody else can read', async () => {
  const folder = temporaryFolder();
  const element = new LocalComputeElement({ site: 'KMI', slots: 1, folder });
  const spec = { ...specOf(`${origin}/mine/a`), command: ['sh', '-c', 'stat -c %a wrapper.sh'] };
  const access = (): Promise<JobAccess[]> =>
    Promise.resolve([{ url: `${origin}/mine/`, curl: [['header', 'Authorization: Bearer t']] }]);
  await element.submit([{ name: spec.name, wrapper: spec, access }]);
  await allEnded(element, [spec.name]);
  expect(asked).toEqual([{ url: '/mine/a', authorization: 'Bearer t' }]);
  const log = await element.readLog(spec.name, { head: 1000, tail: 0 });
  expect(log?.head.toString()).toBe('600\n');
  await element.forget([spec.name]);
  await element.close();
});
