import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { choosePort } from '../../worker/ports.js';

const host = '127.0.0.1';
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => new Promise((resolve) => server.close(resolve))),
  );
});

function taken(): Promise<number> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}

describe('choosePort', () => {
  it('gives the next free port when the preferred one is taken', async () => {
    const preferred = await taken();
    const port = await choosePort({ asked: undefined, preferred, host, purpose: 'test' });
    expect(port).toBeGreaterThan(preferred);
    expect(port).toBeLessThan(preferred + 100);
  });

  it('gives the preferred port when it is free, and not when it is spoken for', async () => {
    const preferred = await choosePort({ asked: 0, preferred: 0, host, purpose: 'test' });
    const choice = { asked: undefined, preferred, host, purpose: 'test' };
    expect(await choosePort(choice)).toBe(preferred);
    expect(await choosePort({ ...choice, taken: [preferred] })).not.toBe(preferred);
  });

  it('refuses a port that was asked for and is taken', async () => {
    const asked = await taken();
    await expect(
      choosePort({ asked, preferred: 7233, host, purpose: 'the page' }),
    ).rejects.toMatchObject({
      code: 'FABRICA_PORT_IN_USE',
      message: expect.stringContaining(`Port ${asked}, asked for as the page`) as string,
    });
  });

  it('gives the port that was asked for when it is free', async () => {
    const asked = await choosePort({ asked: 0, preferred: 0, host, purpose: 'test' });
    expect(await choosePort({ asked, preferred: 7233, host, purpose: 'test' })).toBe(asked);
  });
});
