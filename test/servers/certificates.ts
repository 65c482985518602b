import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Files of a certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Signs certificates of servers and people of one test. */
export interface Authority extends Certificate {
  end(): void;
}

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: 'pipe' });
};

export function certificateAuthority(): Authority {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-authority-'));
  execFileSync('chmod', ['755', folder]);
  const made = { certificate: path.join(folder, 'ca.pem'), key: path.join(folder, 'ca.key') };
  openssl(
    ...[
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/O=Fabrica/CN=Test CA',
    ],
    ...['-keyout', made.key, '-out', made.certificate],
  );
  return { ...made, end: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A certificate for a host of that name and for 127.0.0.1, in a folder; valid for so many days from now. */
export function certificateFor(
  name: string,
  authority: Authority,
  folder: string,
  days = 2,
): Certificate {
  const [request, extensions] = ['host.csr', 'host.ext'].map((file) => path.join(folder, file));
  if (request === undefined || extensions === undefined) throw new Error('two names');
  const made = { certificate: path.join(folder, 'host.pem'), key: path.join(folder, 'host.key') };
  writeFileSync(extensions, `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
  openssl(
    ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/O=Fabrica/CN=${name}`],
    ...['-keyout', made.key, '-out', request],
  );
  openssl(
    ...['x509', '-req', '-in', request, '-days', String(days), '-extfile', extensions],
    ...[
      '-CA',
      authority.certificate,
      '-CAkey',
      authority.key,
      '-CAcreateserial',
      '-out',
      made.certificate,
    ],
  );
  return made;
}

/** A folder in which programs of OpenSSL find an authority. */
export function authorityFolder({ certificate }: Authority, parent: string): string {
  const folder = mkdtempSync(path.join(parent, 'authorities-'));
  const hash = execFileSync('openssl', ['x509', '-hash', '-noout', '-in', certificate], {
    encoding: 'utf8',
  });
  copyFileSync(certificate, path.join(folder, `${hash.trim()}.0`));
  return folder;
}
