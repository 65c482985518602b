import { randomBytes } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { choosePort } from '../../worker/ports.js';
import type { Authority } from './certificates.js';
import { certificateFor } from './certificates.js';
import { startServer, type ServerProcess } from './server-process.js';

/** A server of S3 on loopback whose objects are files: versitygw, which checks signatures. */
export interface S3Server extends ServerProcess {
  /** `http://127.0.0.1:port`, or by `https:` where it has a certificate. */
  readonly origin: string;
  readonly version: string;
  /** Of its administrator. */
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A new bucket; answers its folder on this machine. */
  bucket(name: string): string;
}

/** Where `install.sh` puts it, and tells what it has built: the program does not. */
const INSTALLED = path.resolve('node_modules/.cache/fabrica/go');
const PROGRAM = path.join(INSTALLED, 'bin/versitygw');

/** @param authority signs its certificate (default: without TLS) */
export async function startVersitygw(authority?: Authority): Promise<S3Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-versitygw-'));
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const logFile = path.join(folder, 'log');
  const host = '127.0.0.1';
  const port = await choosePort({ asked: 0, preferred: 0, host, purpose: 'port of versitygw' });
  const keys = {
    accessKeyId: 'test-administrator',
    secretAccessKey: `secret-${randomBytes(12).toString('hex')}`,
  };
  const tls: string[] = [];
  if (authority !== undefined) {
    const { certificate, key } = certificateFor('localhost', authority, folder);
    tls.push('--cert', certificate, '--key', key);
  }
  const origin = `${authority === undefined ? 'http' : 'https'}://${host}:${port}`;
  const server = await startServer({
    ...{ name: 'versitygw', folder, logFile },
    spawn: () => {
      const log = openSync(logFile, 'a');
      const args = ['--port', `${host}:${port}`, '--region', 'us-east-1', '--health', '/health'];
      try {
        return spawn(PROGRAM, [...args, ...tls, 'posix', data], {
          stdio: ['ignore', log, log],
          env: {
            ...process.env,
            ROOT_ACCESS_KEY: keys.accessKeyId,
            ROOT_SECRET_KEY: keys.secretAccessKey,
          },
        });
      } finally {
        closeSync(log);
      }
    },
    ask: () => {
      execFileSync('curl', ['-sfk', '-o', '/dev/null', `${origin}/health`], { stdio: 'ignore' });
    },
  });
  const version = readFileSync(path.join(INSTALLED, 'server'), 'utf8').trim();
  const bucket = (name: string): string => {
    // A bucket of this server is a folder.
    const made = path.join(data, name);
    mkdirSync(made);
    return made;
  };
  return { origin, version, keys, bucket, ...server };
}
