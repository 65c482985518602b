import path from 'node:path';
import { ADDRESS_PATTERN, placeOf, type Configuration } from '../domain/configuration.js';
import type { CredentialConfiguration, SecretPlace } from '../domain/credential.js';
import { defaultConfiguration } from '../domain/default-configuration.js';
import {
  decodeText,
  documentTooLarge,
  MAX_DOCUMENT_BYTES,
  parseDocument,
} from '../domain/document.js';
import { FabricaError } from '../domain/errors.js';
import { parseConfiguration, type Where } from '../domain/parse.js';
import { type Problem, printable, problemsError, quoted } from '../domain/problem.js';
import { canonicalPlace } from '../domain/storage-url.js';
import { FileFault, readPlainFile } from './plain-file.js';
import { StateLayout } from './state-directory.js';

const CODE = 'FABRICA_CONFIGURATION_INVALID';

/** Read where no other file is named, if it is there. */
export const CONFIGURATION_FILE = 'fabrica.yaml';

export interface ConfigurationRequest {
  /** Option `--config`. */
  readonly file?: string | undefined;
  /** Option `--state`. */
  readonly state?: string | undefined;
  /** `FABRICA_CONFIG`, `FABRICA_STATE`, `TEMPORAL_ADDRESS` and `TEMPORAL_NAMESPACE` count; empty ones do not. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

export interface LoadedConfiguration {
  /** Every path in it is absolute. */
  readonly configuration: Configuration;
  /** Absolute. It need not exist. */
  readonly stateDirectory: string;
  /** Absolute. */
  readonly catalogFile: string;
  /** The absolute path of the file that was read, or `built-in default`. */
  readonly source: string;
}

/**
 * The configuration of this process: of the file that `--config`, `FABRICA_CONFIG` or `./fabrica.yaml` (in this order) gives, else
 * `defaultConfiguration`. The state directory is `--state`, `FABRICA_STATE` (both relative to the working directory) or the file's
 * own. Other relative paths in the file are relative to its folder. `TEMPORAL_ADDRESS` and `TEMPORAL_NAMESPACE` win over the file.
 * Throws `FABRICA_CONFIGURATION_INVALID` for a file that is missing though named, unreadable, or breaks a rule.
 */
export function loadConfiguration(request: ConfigurationRequest): LoadedConfiguration {
  const { env, cwd } = request;
  const state = request.state ?? set(env, 'FABRICA_STATE');
  const read = readConfiguration(request);
  const folder = read === null ? cwd : path.dirname(read.file);
  const stateDirectory =
    state === undefined
      ? path.resolve(folder, read?.configuration.state ?? '.fabrica')
      : path.resolve(cwd, state);
  const configuration = resolved(
    read?.configuration ?? defaultConfiguration(stateDirectory),
    folder,
    stateDirectory,
    env,
  );
  checkFolders(configuration, read?.where);
  return {
    configuration,
    stateDirectory,
    catalogFile: configuration.catalog.file ?? new StateLayout(stateDirectory).catalogFile,
    source: read?.file ?? 'built-in default',
  };
}

const set = (env: NodeJS.ProcessEnv, name: string): string | undefined => env[name] || undefined;

interface ReadConfiguration {
  readonly configuration: Configuration;
  readonly file: string;
  readonly where: Where;
}

/** Null if no file is named and there is none. */
function readConfiguration(request: ConfigurationRequest): ReadConfiguration | null {
  const fromEnvironment = set(request.env, 'FABRICA_CONFIG');
  const named = request.file ?? fromEnvironment;
  const file = path.resolve(request.cwd, named ?? CONFIGURATION_FILE);
  let origin = '';
  if (request.file !== undefined) origin = ' (named by --config)';
  else if (fromEnvironment !== undefined) origin = ' (named by FABRICA_CONFIG)';
  let bytes: Uint8Array | null;
  try {
    bytes = readPlainFile(file, MAX_DOCUMENT_BYTES);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    if (named === undefined && error.message === 'does not exist') return null;
    throw new FabricaError(
      CODE,
      `The configuration file ${printable(file, 300)}${origin} ${error.message}.`,
      { file },
      { remedy: 'Name a readable file with --config or FABRICA_CONFIG, or leave both out.' },
    );
  }
  const shown = named ?? CONFIGURATION_FILE;
  if (bytes === null) throw documentTooLarge(shown, CODE);
  const document = parseDocument(decodeText(bytes, shown, CODE), shown, CODE);
  const where = {
    file: shown,
    lineOf: (path: Parameters<typeof document.lineOf>[0]) => document.lineOf(path),
    numberAt: (path: Parameters<typeof document.numberAt>[0]) => document.numberAt(path),
  };
  return { configuration: parseConfiguration(document.value, where), file, where };
}

function resolved(
  configuration: Configuration,
  folder: string,
  stateDirectory: string,
  env: NodeJS.ProcessEnv,
): Configuration {
  const address = set(env, 'TEMPORAL_ADDRESS');
  const namespace = set(env, 'TEMPORAL_NAMESPACE');
  if (address !== undefined && !ADDRESS_PATTERN.test(address)) {
    throw new FabricaError(
      CODE,
      `TEMPORAL_ADDRESS must be host:port, such as localhost:7233 (got ${quoted(address)}).`,
      { field: 'TEMPORAL_ADDRESS' },
      { remedy: 'Correct the environment variable, or unset it.' },
    );
  }
  const { catalog, credentials, sites, storages, temporal } = configuration;
  const { tls } = temporal;
  const at = (file: string): string => path.resolve(folder, file);
  return {
    ...configuration,
    state: stateDirectory,
    temporal: {
      ...temporal,
      ...(address === undefined ? {} : { address }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(tls?.ca === undefined ? {} : { tls: { ...tls, ca: at(tls.ca) } }),
    },
    catalog: catalog.file === undefined ? catalog : { file: at(catalog.file) },
    sites: sites.map((site) => {
      const { compute } = site;
      if (compute.folder === undefined) return site;
      return { ...site, compute: { ...compute, folder: at(compute.folder) } };
    }),
    storages: storages.map((one) => {
      if ('root' in one) return { ...one, root: at(one.root) };
      if ('ca' in one && one.ca !== undefined) return { ...one, ca: at(one.ca) };
      return one;
    }),
    credentials: credentials.map((one) => credentialAt(one, at)),
  };
}

/** With whole paths of its files. */
function credentialAt(
  credential: CredentialConfiguration,
  at: (file: string) => string,
): CredentialConfiguration {
  const place = ({ env, file }: SecretPlace): SecretPlace =>
    file === undefined ? { env } : { file: at(file) };
  switch (credential.kind) {
    case 's3': {
      const { accessKey, secretKey, sessionToken } = credential;
      return {
        ...credential,
        ...{ accessKey: place(accessKey), secretKey: place(secretKey) },
        ...(sessionToken === undefined ? {} : { sessionToken: place(sessionToken) }),
      };
    }
    case 'token':
      return { ...credential, token: place(credential.token) };
    case 'x509':
      return {
        ...credential,
        ...{ certificate: at(credential.certificate), key: at(credential.key) },
      };
  }
}

/**
 * Refuses folders that two storages or two sites would share, or that lie within each other: a file would seem to have two
 * replicas, and removing one would remove both.
 */
function checkFolders({ sites, storages }: Configuration, where: Where | undefined): void {
  const folders = [
    ...storages.map((one, i) => ({
      path: ['storages', i, 'root' in one ? 'root' : 'url'],
      folder: placeOf(one),
    })),
    ...sites.map((one, i) => ({
      path: ['sites', i, 'compute', 'folder'],
      folder: one.compute.folder,
    })),
  ];
  const problems: Problem[] = [];
  folders.forEach((one, i) => {
    const other = folders.slice(0, i).find((before) => overlap(before.folder, one.folder));
    if (other === undefined) return;
    problems.push({
      path: one.path,
      text: `${quoted(one.folder)} overlaps with ${other.path.join('.')}, ${quoted(other.folder)}`,
      remedy: 'give each storage and site a folder of its own',
    });
  });
  if (problems.length > 0) throw problemsError(CODE, problems, where);
}

function overlap(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const [first, second] = [a, b]
    .map(canonicalPlace)
    .map((folder) => (folder.endsWith('/') ? folder : `${folder}/`));
  return (
    first !== undefined &&
    second !== undefined &&
    (first.startsWith(second) || second.startsWith(first))
  );
}
