import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { S3Storage } from '../../../../grid/storage/s3/storage.js';

/** As old servers of S3 are: it knows no conditions, or those of single requests only. */
async function oldServer(heeds: 'nothing' | 'put' | 'all'): Promise<{
  readonly origin: string;
  readonly objects: Set<string>;
  end(): Promise<void>;
}> {
  const objects = new Set<string>();
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    const isPart = searchParams.has('partNumber');
    const conditional = request.headers['if-none-match'] === '*' && objects.has(pathname);
    const completes = request.method === 'POST' && searchParams.has('uploadId');
    request.resume();
    const say = (status: number, body = ''): void => {
      response.writeHead(status, { ETag: '"x"' }).end(body);
    };
    if (conditional && (heeds === 'all' || (heeds === 'put' && !completes))) {
      say(412, '<Error><Code>PreconditionFailed</Code></Error>');
    } else if (request.method === 'GET') say(200, '<ListBucketResult/>');
    else if (searchParams.has('uploads')) {
      say(
        200,
        '<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>',
      );
    } else if (completes) say(200, '<CompleteMultipartUploadResult/>');
    else if (request.method === 'DELETE') {
      if (!searchParams.has('uploadId')) objects.delete(pathname);
      say(204);
    } else {
      if (!isPart) objects.add(pathname);
      say(200);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const keys = { accessKeyId: 'id', secretAccessKey: 'secret' };

it.each(['nothing', 'put', 'all'] as const)(
  'a server that heeds conditions of %s is used only if none of its writes overwrites',
  async (heeds) => {
    const server = await oldServer(heeds);
    const storage = new S3Storage({
      ...{ name: 'OLD', url: `${server.origin}/bucket`, region: 'us-east-1', capacity: 1e15 },
      credential: { kind: 's3', name: 'keys', read: () => Promise.resolve(keys) },
    });
    const checked = storage.check();
    if (heeds === 'all') await checked;
    else await expect(checked).rejects.toThrow(/overwrites what is there/);
    expect([...server.objects]).toEqual([]);
    await server.end();
  },
);
