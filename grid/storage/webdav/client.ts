import { createReadStream } from 'node:fs';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import type { CredentialOf } from '../../credentials.js';
import { authorities } from '../../authorities.js';

/** s without a byte in either direction. */
const PATIENCE = 60;
/** Times that something is asked whose connection breaks off, and the pause before the second, ms. */
const MOST_TRIES = 5;
const PAUSE = 20;
/** Connections to a server at once. */
const CONNECTIONS = 4;
/** Servers send whoever reads or writes to the one that has the file; no more often than so. */
const MOST_REDIRECTIONS = 5;
const REDIRECTIONS: readonly number[] = [301, 302, 307, 308];
/** Bytes of an answer that are read, unless it is the content of a file. */
const LARGEST_ANSWER = 64 * 1024 * 1024;
/** Characters of an answer that are told. */
const MOST_TOLD = 300;

export type WebDavCredential = CredentialOf<'token' | 'x509'>;

/** What proves to a server who asks. */
interface Proof {
  readonly headers?: { readonly Authorization: string };
  /** In PEM. */
  readonly cert?: string;
  readonly key?: string;
}

export interface WebDavAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

export interface WebDavRequest {
  readonly method: string;
  /** Decoded path on the server. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text, or a file of this machine with its size. */
  readonly body?: string | { readonly file: string; readonly size: number };
  readonly signal?: AbortSignal | undefined;
  /** s without a byte in either direction. (Default: a minute) */
  readonly patience?: number;
}

interface ProvedRequest extends WebDavRequest {
  readonly tls: Pick<Proof, 'cert' | 'key'>;
}

/** A server of WebDAV. */
export class WebDavClient {
  /** `https://host:port`. */
  readonly origin: string;
  readonly #storage: string;
  readonly #credential: WebDavCredential | undefined;
  readonly #agents: { readonly http: http.Agent; readonly https: https.Agent };

  /** @param options `ca`: a file with the certificates that sign that of the server (default: those that Node.js knows) */
  constructor(options: {
    storage: string;
    origin: string;
    ca?: string | undefined;
    credential?: WebDavCredential | undefined;
  }) {
    const { ca, credential, origin, storage } = options;
    this.#credential = credential;
    this.origin = origin;
    this.#storage = storage;
    const shared = { keepAlive: true, maxSockets: CONNECTIONS };
    const trusted = ca === undefined ? {} : { ca: authorities(ca, `storage ${storage}`) };
    this.#agents = {
      http: new http.Agent(shared),
      https: new https.Agent({ ...shared, ...trusted }),
    };
  }

  /** Throws `FABRICA_STORAGE_UNREACHABLE` if there is no answer; what the answer says is for whoever asks. */
  async ask(wanted: WebDavRequest): Promise<WebDavAnswer> {
    let url = new URL(this.url(wanted.path));
    const proof = await this.#proof();
    for (let redirections = 0; ; redirections++) {
      // A token is for this server only.
      const { headers: secret, ...tls } = proof;
      const known = url.origin === new URL(this.origin).origin;
      const proved = { ...wanted, tls, headers: { ...wanted.headers, ...(known ? secret : {}) } };
      const answer = await this.#askAnew(url, proved).catch((error: unknown) => {
        wanted.signal?.throwIfAborted();
        const said = messageOf(error);
        if (proof.cert !== undefined && OF_CERTIFICATES.test(said)) {
          throw this.#refused(`${wanted.path}: ${said.trim()}`, error);
        }
        throw this.#unreachable(wanted.path, said, error);
      });
      const { headers, statusCode: status = 0 } = answer;
      if (!REDIRECTIONS.includes(status) || headers.location === undefined) {
        return { status, headers, body: answer };
      }
      answer.resume();
      if (redirections === MOST_REDIRECTIONS) {
        throw this.#unreachable(wanted.path, `it redirects more than ${MOST_REDIRECTIONS} times`);
      }
      url = new URL(headers.location, url);
    }
  }

  /** Servers break connections off that were kept, or of which they have too many: all that is asked here may be asked again. */
  async #askAnew(url: URL, wanted: ProvedRequest): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#askOnce(url, wanted);
      } catch (error) {
        if (!isReset(error) || tries === MOST_TRIES) throw error;
        await sleep(tries * PAUSE, undefined, wanted.signal && { signal: wanted.signal });
      }
    }
  }

  /** NOTE: names of headers are sent as they are written here: servers of XRootD before 5.6 know no others. */
  #askOnce(
    url: URL,
    { body = '', headers = {}, method, patience = PATIENCE, signal, tls }: ProvedRequest,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const size = typeof body === 'string' ? Buffer.byteLength(body) : body.size;
      const isSecure = url.protocol === 'https:';
      const request = (isSecure ? https : http).request(url, {
        method,
        agent: isSecure ? this.#agents.https : this.#agents.http,
        headers: {
          ...headers,
          ...(size > 0 || method === 'PUT' ? { 'Content-Length': size } : {}),
        },
        timeout: 1000 * patience,
        ...(isSecure ? tls : {}),
        ...(signal === undefined ? {} : { signal }),
      });
      request.once('response', resolve);
      request.on('error', reject);
      request.once('timeout', () => request.destroy(new Error(`no answer within ${patience} s`)));
      if (typeof body === 'string') {
        request.end(body);
      } else {
        // Opened anew for each server that it is sent to.
        pipeline(createReadStream(body.file), request, () => undefined);
      }
    });
  }

  /** The header by which this server knows who asks; null if it is no header. Throws `FABRICA_STORAGE_CREDENTIAL`. */
  async authorization(): Promise<string | null> {
    const { headers } = await this.#proof();
    return headers?.Authorization ?? null;
  }

  async #proof(): Promise<Proof> {
    switch (this.#credential?.kind) {
      case undefined:
        return {};
      case 'token':
        return { headers: { Authorization: `Bearer ${await this.#credential.read()}` } };
      case 'x509': {
        const { certificate, key } = await this.#credential.read();
        return { cert: certificate, key };
      }
    }
  }

  /** The same with the answer's text. */
  async tell(
    wanted: WebDavRequest,
  ): Promise<{ status: number; text: string; headers: WebDavAnswer['headers'] }> {
    const { body, headers, status } = await this.ask(wanted);
    return { status, headers, text: await this.textOf(body, wanted.path, wanted.signal) };
  }

  /** The text of an answer. Throws `FABRICA_STORAGE_UNREACHABLE` if it breaks off. */
  async textOf(body: IncomingMessage, path: string, signal?: AbortSignal): Promise<string> {
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of body as AsyncIterable<Buffer>) {
        size += piece.length;
        if (size > LARGEST_ANSWER) throw new Error(`its answer is above ${LARGEST_ANSWER} bytes`);
        pieces.push(piece);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unreachable(path, messageOf(error), error);
    }
    return Buffer.concat(pieces).toString('utf8');
  }

  url(path: string): string {
    return `${this.origin}${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** What an answer says that is no success. */
  failure(path: string, status: number, text: string): FabricaError {
    const said = text
      .replace(/<[^>]*>/g, ' ')
      .trim()
      .replace(/\s+/g, ' ')
      .slice(0, MOST_TOLD);
    const what = `${path}: HTTP ${status}${said === '' ? '' : `: ${said}`}`;
    const place = { storage: this.#storage, path };
    if (status === 507 || /no space left|quota exceeded/i.test(text)) {
      return new FabricaError(
        'FABRICA_STORAGE_FULL',
        `Storage ${this.#storage} is full: ${what}.`,
        place,
      );
    }
    if (status === 401) return this.#refused(what);
    if (status === 403 || /permission denied|read-only/i.test(text)) {
      return new FabricaError(
        'FABRICA_STORAGE_READONLY',
        `Storage ${this.#storage} refuses: ${what}.`,
        place,
      );
    }
    return this.#unreachable(path, what);
  }

  #refused(what: string, cause?: unknown): FabricaError {
    const name = this.#credential?.name;
    return new FabricaError(
      'FABRICA_STORAGE_CREDENTIAL',
      name === undefined
        ? `Storage ${this.#storage} wants to know who asks, and has no credential in fabrica.yaml: ${what}.`
        : `Storage ${this.#storage} refuses the credential ${name}: ${what}.`,
      { storage: this.#storage },
      cause === undefined ? {} : { cause },
    );
  }

  #unreachable(path: string, said: string, cause?: unknown): FabricaError {
    return new FabricaError(
      'FABRICA_STORAGE_UNREACHABLE',
      `Storage ${this.#storage} fails: ${said.startsWith(path) ? said : `${path}: ${said}`}.`,
      { storage: this.#storage, path },
      cause === undefined ? {} : { cause },
    );
  }
}

const isReset = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ECONNRESET' || error.code === 'EPIPE');

/** What TLS says of one's own certificate or key. */
const OF_CERTIFICATES = /alert|key values mismatch|PEM|DECODER|no start line|bad base64/i;
