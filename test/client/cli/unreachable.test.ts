import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnFabrica } from './fabrica.js';

/** Nobody listens on port 1. */
const REFUSED = '127.0.0.1:1';
const NO_HOST = 'no-such-host.invalid:7233';
/** s that a person hears of it before the end: told at once it would be 10, less what a busy machine takes. */
const BEFORE_THE_END = 3;

const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-unreachable-'));
const other: Server = createServer((socket) => {
  // The other side may hang up first.
  socket.on('error', () => undefined).end('I am no Temporal\n');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  other.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Seen {
  readonly code: number | null;
  readonly err: string;
  /** s until the first word, and until the end. */
  readonly firstWord: number;
  readonly end: number;
}

/** A command that is to fail, with when it said what. */
function watched(...argv: string[]): Promise<Seen> {
  const started = Date.now();
  const state = mkdtempSync(path.join(folder, 'state-'));
  const since = (): number => (Date.now() - started) / 1000;
  const child = spawnFabrica(['--state', state, ...argv], {
    cwd: folder,
  });
  let err = '';
  let firstWord = Infinity;
  child.stderr.on('data', (chunk: Buffer) => {
    firstWord = Math.min(firstWord, since());
    err += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, err, firstWord, end: since() }));
  });
}

describe.concurrent.each([['up'], ['worker', 'control'], ['worker', 'site', 'KMI']])(
  '%s %s with an address that nobody serves',
  (...command) => {
    it('tells the cause at once, tries for some 10 s, and ends with address, cause and remedy', async () => {
      const { code, end, err, firstWord } = await watched('--address', REFUSED, ...command);
      expect(code).toBe(3);
      expect(end - firstWord).toBeGreaterThan(BEFORE_THE_END);
      expect(end).toBeGreaterThan(9);
      expect(err).toContain(`Temporal at ${REFUSED} does not serve yet`);
      expect(err).toContain('for 10 s');
      expect(err).toMatch(/error:.*127\.0\.0\.1:1.*connection is refused/);
      expect(err).toContain('what to do: Start Temporal there, or correct the address (--address');
    }, 40_000);
  },
);

describe.concurrent('up', () => {
  it('names a host that does not exist', async () => {
    const { end, err, firstWord } = await watched('--address', NO_HOST, 'up');
    expect(end - firstWord).toBeGreaterThan(BEFORE_THE_END);
    expect(err).toMatch(/error:.*no-such-host\.invalid.*(there is no host|can not be looked up)/);
  }, 40_000);

  it('tells what it hears from a server that is no Temporal', async () => {
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, err } = await watched('--address', `127.0.0.1:${port}`, 'up');
    expect(code).toBe(3);
    expect(err).not.toContain('operation was aborted');
    expect(err).toContain('what to do:');
  }, 40_000);
});
