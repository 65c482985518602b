import { promises as fs } from 'node:fs';
import type { CredentialConfiguration, SecretPlace } from '../domain/credential.js';
import { FabricaError, messageOf } from '../domain/errors.js';

/** Proves to servers of S3 who asks. */
export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Texts in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** What a credential of a kind is once it is read. */
interface Values {
  readonly s3: KeyPair;
  readonly token: string;
  readonly x509: Certificate;
}

/**
 * A credential as whoever uses it has it. It is read anew at each use, so that a renewed one counts at once. What is read is kept by nobody: it goes to
 * the server, or to a job, and into no log, error, history or catalog.
 */
export type Credential = {
  readonly [K in CredentialConfiguration['kind']]: {
    readonly kind: K;
    readonly name: string;
    /** Throws `FABRICA_STORAGE_CREDENTIAL` if it can not be read, or if others can read it as well. */
    readonly read: () => Promise<Values[K]>;
  };
}[CredentialConfiguration['kind']];

/** A credential of one kind. */
export type CredentialOf<K extends Credential['kind']> = Extract<Credential, { readonly kind: K }>;

/** The credentials of `fabrica.yaml`, by name, as this process finds them. */
export class Credentials {
  readonly #known: ReadonlyMap<string, CredentialConfiguration>;
  readonly #env: NodeJS.ProcessEnv;

  constructor(configurations: readonly CredentialConfiguration[], env: NodeJS.ProcessEnv) {
    this.#known = new Map(configurations.map((one) => [one.name, one]));
    this.#env = env;
  }

  /** Nothing is read yet. Throws `FABRICA_CONFIGURATION_INVALID` if there is none of this name that is of one of these kinds. */
  get<K extends Credential['kind']>(name: string, ...kinds: readonly K[]): CredentialOf<K> {
    const known = this.#known.get(name);
    const credential = known === undefined ? null : this.#credential(known);
    if (credential !== null && isOfKind(credential, kinds)) return credential;
    throw new FabricaError(
      'FABRICA_CONFIGURATION_INVALID',
      `There is no credential ${name} of kind ${kinds.join(' or ')}.`,
      { credential: name },
    );
  }

  #credential(known: CredentialConfiguration): Credential {
    const { name } = known;
    const secret = (place: SecretPlace): Promise<string> => this.#secret(name, place);
    switch (known.kind) {
      case 's3':
        return {
          ...{ kind: 's3', name },
          read: async () => ({
            accessKeyId: await secret(known.accessKey),
            secretAccessKey: await secret(known.secretKey),
            ...(known.sessionToken === undefined
              ? {}
              : { sessionToken: await secret(known.sessionToken) }),
          }),
        };
      case 'token':
        return { kind: 'token', name, read: () => secret(known.token) };
      case 'x509':
        return {
          ...{ kind: 'x509', name },
          read: async () => ({
            certificate: await contentOf(name, known.certificate),
            key: await contentOf(name, known.key, { secret: true }),
          }),
        };
    }
  }

  /** One word. */
  async #secret(name: string, { env, file }: SecretPlace): Promise<string> {
    const place = file ?? `the environment variable ${env ?? ''}`;
    const text = (
      file === undefined
        ? (this.#env[env ?? ''] ?? '')
        : await contentOf(name, file, { secret: true })
    ).trim();
    if (text === '') {
      throw unusable(name, `${place} is ${file === undefined ? 'not set' : 'empty'}`);
    }
    if (!/^[!-~]+$/.test(text)) {
      throw unusable(name, `${place} holds more than one word of printable characters`);
    }
    return text;
  }
}

const isOfKind = <K extends Credential['kind']>(
  credential: Credential,
  kinds: readonly K[],
): credential is CredentialOf<K> => (kinds as readonly string[]).includes(credential.kind);

/** Bytes; no credential is longer. */
const LONGEST = 100_000;
/** What others than the owner and the group of a file may do with it. */
const OTHERS = 0o007;

async function contentOf(
  name: string,
  file: string,
  { secret = false }: { readonly secret?: boolean } = {},
): Promise<string> {
  try {
    const { mode, size } = await plainStat(file);
    if (secret && (mode & OTHERS) !== 0) {
      throw unusable(
        name,
        `${file} is open to everybody on this machine (mode ${(mode & 0o777).toString(8)})`,
        `Run \`chmod 600 ${file}\`; if others may have read it, have a new one made.`,
      );
    }
    if (size > LONGEST) throw new Error(`it is above ${LONGEST} bytes`);
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof FabricaError) throw error;
    throw unusable(name, `${file} can not be read: ${messageOf(error)}`);
  }
}

async function plainStat(file: string): Promise<{ mode: number; size: number }> {
  const stats = await fs.stat(file);
  if (!stats.isFile()) throw new Error('it is no plain file');
  return stats;
}

function unusable(name: string, why: string, remedy?: string): FabricaError {
  return new FabricaError(
    'FABRICA_STORAGE_CREDENTIAL',
    `Credential ${name} can not be used: ${why}.`,
    { credential: name },
    remedy === undefined ? {} : { remedy },
  );
}
