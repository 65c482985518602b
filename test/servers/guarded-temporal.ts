import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificates.js';

/** gRPC's status for callers that nobody knows. */
const UNAUTHENTICATED = '16';
/** The flag of HTTP/2 frames after which nothing follows. */
const END_STREAM = 1;

export interface GuardedTemporal {
  /** `host:port`. */
  readonly address: string;
  end(): Promise<void>;
}

/**
 * The way to a Temporal server that asks who comes, as that of a cluster or a cloud does: TLS, with a certificate of the caller that an authority has
 * signed (`callers`), or with a bearer token (`token`).
 */
export async function guardTemporal(
  target: string,
  own: Certificate,
  guard: { readonly callers?: Certificate; readonly token?: () => string },
): Promise<GuardedTemporal> {
  const behind = http2.connect(`http://${target}`);
  const server = http2.createSecureServer({
    cert: readFileSync(own.certificate),
    key: readFileSync(own.key),
    ...(guard.callers === undefined
      ? {}
      : {
          ca: readFileSync(guard.callers.certificate),
          requestCert: true,
          rejectUnauthorized: true,
        }),
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const { token } = guard;
    if (token !== undefined && headers.authorization !== `Bearer ${token()}`) {
      const refusal = { 'grpc-status': UNAUTHENTICATED, 'grpc-message': 'nobody knows this token' };
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...refusal },
        { endStream: true },
      );
      return;
    }
    forward(stream, headers, behind);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    end: async () => {
      for (const session of sessions) session.destroy();
      behind.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  stream: http2.ServerHttp2Stream,
  { ':path': path, ':method': method, ...headers }: http2.IncomingHttpHeaders,
  behind: http2.ClientHttp2Session,
): void {
  const passed = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  const call = behind.request({
    ...Object.fromEntries(passed),
    ':path': path,
    ':method': method,
  });
  let trailers: http2.OutgoingHttpHeaders = {};
  call.on('error', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  call.on('response', (answer, flags) => {
    const ends = (flags & END_STREAM) !== 0;
    stream.respond(answer, ends ? { endStream: true } : { waitForTrailers: true });
  });
  call.on('trailers', (given: http2.IncomingHttpHeaders) => (trailers = given));
  call.on('data', (part: Buffer) => stream.write(part));
  call.on('close', () => stream.end());
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('close', () => call.close());
  stream.pipe(call);
}
