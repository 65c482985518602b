import type { ConnectionOptions } from '@temporalio/client';
import type { Configuration } from '../domain/configuration.js';
import type { CredentialConfiguration } from '../domain/credential.js';
import { authorities } from '../grid/authorities.js';
import { Credentials } from '../grid/credentials.js';

/** How a Temporal server proves what it is, and this process who asks: places where that is read, no secrets. */
export interface TemporalAccess {
  readonly tls: Configuration['temporal']['tls'];
  readonly credential: CredentialConfiguration | undefined;
}

export type TlsOptions = Exclude<ConnectionOptions['tls'], boolean | null | undefined>;

/** What connections are made with. */
export interface AccessOptions {
  readonly tls?: TlsOptions;
  readonly apiKey?: string;
}

/** The access that is configured; undefined for a server that is reached without. */
export function configuredAccess(configuration: Configuration): TemporalAccess | undefined {
  const { address, credential: name, tls } = configuration.temporal;
  if (address === undefined || (name === undefined && tls === undefined)) return undefined;
  return { tls, credential: configuration.credentials.find((one) => one.name === name) };
}

/**
 * Reads what the access needs: whoever proves who it is does so by TLS only. Throws `FABRICA_CONFIGURATION_INVALID` for authorities that can not be read,
 * `FABRICA_STORAGE_CREDENTIAL` for the credential.
 */
export async function accessOptions(
  access: TemporalAccess | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<AccessOptions> {
  if (access === undefined) return {};
  const { credential: known, tls: { ca, serverName } = {} } = access;
  const tls: TlsOptions = {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined
      ? {}
      : { serverRootCACertificate: Buffer.from(authorities(ca, 'Temporal')) }),
  };
  if (known === undefined) return { tls };
  const credential = new Credentials([known], env).get(known.name, 'token', 'x509');
  if (credential.kind === 'token') return { tls, apiKey: await credential.read() };
  const { certificate, key } = await credential.read();
  return {
    tls: { ...tls, clientCertPair: { crt: Buffer.from(certificate), key: Buffer.from(key) } },
  };
}
