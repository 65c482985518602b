import { randomBytes } from 'node:crypto';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { choosePort } from '../../worker/ports.js';
import type { Authority } from './certificates.js';
import { certificateFor } from './certificates.js';

/** A server of S3 on loopback whose objects are files: versitygw, which checks signatures. */
export interface S3Server {
  /** `http://127.0.0.1:port`, or by `https:` where it has a certificate. */
  readonly origin: string;
  readonly version: string;
  /** Of its administrator. */
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A new bucket; answers its folder on this machine. */
  bucket(name: string): string;
  /** Ends the process at once. */
  kill(): Promise<void>;
  /** The same server again, on the same port. */
  start(): Promise<void>;
  end(): Promise<void>;
}

/** Where `install.sh` puts it, and tells what it has built: the program does not. */
const INSTALLED = path.resolve('node_modules/.cache/fabrica/go');
const PROGRAM = path.join(INSTALLED, 'bin/versitygw');

/** s until a server answers. */
const PATIENCE = 10;

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
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const log = openSync(logFile, 'a');
    const args = ['--port', `${host}:${port}`, '--region', 'us-east-1', '--health', '/health'];
    server = spawn(PROGRAM, [...args, ...tls, 'posix', data], {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: keys.accessKeyId,
        ROOT_SECRET_KEY: keys.secretAccessKey,
      },
    });
    closeSync(log);
    for (const end = Date.now() + 1000 * PATIENCE; ; await sleep(50)) {
      try {
        execFileSync('curl', ['-sfk', '-o', '/dev/null', `${origin}/health`], { stdio: 'ignore' });
        return;
      } catch {
        if (Date.now() > end) {
          throw new Error(
            `versitygw does not start: ${readFileSync(logFile, 'utf8').slice(-2000)}`,
          );
        }
      }
    }
  };
  const kill = async (): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server?.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
    server = undefined;
  };
  const end = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  const version = readFileSync(path.join(INSTALLED, 'server'), 'utf8').trim();
  const bucket = (name: string): string => {
    // A bucket of this server is a folder.
    const made = path.join(data, name);
    mkdirSync(made);
    return made;
  };
  return { origin, version, keys, bucket, kill, start, end };
}
