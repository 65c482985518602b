import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { choosePort } from '../../worker/ports.js';
import { certificateFor, type Authority } from './certificates.js';
import { startServer, type ServerProcess } from './server-process.js';

/** A data server of XRootD on loopback, as the user `xrootd` of its package. */
export interface XRootDServer extends ServerProcess {
  /** `root://127.0.0.1:port/`; a path of the server follows. */
  readonly origin: string;
  /** Of the exported directory `/store`, on this machine. */
  readonly folder: string;
  /** `https://127.0.0.1:port`; a path of the server follows. Without TLS at the same port by `http:`. */
  readonly https: string;
  readonly version: string;
  /** A new directory below `/store` that the server may write. */
  directory(name: string): string;
}

/** Where Debian's packages have what a server loads. */
const PLUGINS = '/usr/lib/x86_64-linux-gnu';

/** A server that is not there yet is told at once. */
const AT_ONCE = { ...process.env, XRD_CONNECTIONWINDOW: '1', XRD_CONNECTIONRETRY: '1' };

/** `authority` signs the certificates of the server. */
export async function startXRootD(authority: Authority): Promise<XRootDServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-xrootd-'));
  chmodSync(folder, 0o755);
  for (const name of ['data', 'data/store', 'admin', 'run']) mkdirSync(path.join(folder, name));
  const host509 = certificateFor('localhost', authority, folder);
  execFileSync('chown', ['-R', 'xrootd:', folder]);
  const host = '127.0.0.1';
  const port = await choosePort({ asked: 0, preferred: 0, host, purpose: 'port of XRootD' });
  const origin = `root://${host}:${port}/`;
  const configuration = path.join(folder, 'xrootd.cf');
  const logFile = path.join(folder, 'xrootd.log');
  writeFileSync(
    configuration,
    [
      'all.export /store',
      `all.adminpath ${folder}/admin`,
      `all.pidpath ${folder}/run`,
      `oss.localroot ${folder}/data`,
      `xrd.port ${port}`,
      'xrd.network nodnr norpipa',
      'xrd.allow host localhost',
      `xrd.allow host ${host}`,
      'xrootd.chksum max 4 adler32',
      'ofs.tpc ttl 30 60 xfr 10 pgm /usr/bin/xrdcp --server',
      // HTTP is spoken on the same port; copies for others only where there is TLS.
      `xrd.protocol http:${port} ${PLUGINS}/libXrdHttp.so`,
      `xrd.tls ${host509.certificate} ${host509.key}`,
      `xrd.tlsca certfile ${authority.certificate}`,
      `http.exthandler xrdtpc ${PLUGINS}/libXrdHttpTPC.so`,
      'http.listingdeny no',
      '',
    ].join('\n'),
  );
  const server = await startServer({
    ...{ name: 'XRootD', folder, logFile },
    spawn: () => {
      const args = ['-R', 'xrootd', '-c', configuration, '-l', logFile];
      return spawn('xrootd', args, { cwd: folder, stdio: 'ignore' });
    },
    ask: () => {
      execFileSync('xrdfs', [origin, 'stat', '/store'], { stdio: 'ignore', env: AT_ONCE });
    },
  });
  const directory = (name: string): string => {
    const made = path.join(folder, 'data/store', name);
    mkdirSync(made);
    execFileSync('chown', ['xrootd:', made]);
    return made;
  };
  const version = spawnSync('xrootd', ['-v'], { encoding: 'utf8' }).stderr.trim();
  return {
    origin,
    folder: path.join(folder, 'data/store'),
    https: `https://${host}:${port}`,
    version,
    directory,
    ...server,
  };
}
