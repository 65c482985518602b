import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Authority, Certificate } from './certificates.js';

/** Stands before a server of HTTP and lets in only who proves to be known, as fronts of institutes do. */
export interface Guard {
  /** `http://127.0.0.1:port`, or by `https:`. */
  readonly origin: string;
  /** What was let in, and what was not: method and path. */
  readonly passed: string[];
  readonly refused: string[];
  end(): Promise<void>;
}

export interface GuardOptions {
  /** `http://127.0.0.1:port` of the server behind it. */
  readonly behind: string;
  /** Bearer tokens that are taken now. (Default: none is asked for) */
  readonly tokens?: () => readonly string[];
  /** Its certificate, and who signs those of people, which are asked for. (Default: without TLS) */
  readonly tls?: Certificate & { readonly people: Authority };
}

export async function startGuard({ behind, tls, tokens }: GuardOptions): Promise<Guard> {
  const passed: string[] = [];
  const refused: string[] = [];
  let origin = '';
  const known = ({ headers, socket }: IncomingMessage): boolean => {
    if (tls !== undefined && !(socket as TLSSocket).authorized) return false;
    const told = tokens?.().map((token) => `Bearer ${token}`);
    return told === undefined || told.includes(headers.authorization ?? '');
  };
  const serve: RequestListener = (request, response) => {
    const { method = '', url = '' } = request;
    if (!known(request)) {
      refused.push(`${method} ${url}`);
      request.resume();
      response.writeHead(401).end('who are you?');
      return;
    }
    passed.push(`${method} ${url}`);
    const headers = { ...request.headers };
    const { destination } = headers;
    // Between curl and this server.
    for (const own of ['authorization', 'host', 'expect', 'connection']) {
      Reflect.deleteProperty(headers, own);
    }
    if (destination !== undefined) {
      headers['Destination'] = String(destination).replace(origin, behind);
    }
    const on = http.request(behind + url, { method, headers: titled(headers) }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    on.on('error', () => response.destroy());
    request.pipe(on);
  };
  const server =
    tls === undefined
      ? http.createServer(serve)
      : https.createServer(
          {
            ...{ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) },
            ...{ ca: readFileSync(tls.people.certificate) },
            ...{ requestCert: true, rejectUnauthorized: false },
          },
          serve,
        );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  return {
    ...{ origin, passed, refused },
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Servers of XRootD before 5.6 know no other names of headers. */
const titled = (headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name === 'transferheaderauthorization'
        ? 'TransferHeaderAuthorization'
        : name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      value,
    ]),
  );
