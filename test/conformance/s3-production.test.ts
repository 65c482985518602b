import {
  existsSync,
  mkdirSync,
  readlinkSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Configuration } from '../../domain/configuration.js';
import { smallProduction, startSystem, until, type TestSystem } from '../system/running-system.js';
import { startVersitygw, type S3Server } from '../servers/versitygw.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

let servers: S3Server[] = [];
let fabrica: TestSystem;
/** `STORAGE=DIRECTORY` of each. */
const roots: string[] = [];

/** Of the key of the second server, in the environment of the processes. */
const VARIABLE = 'FABRICA_TEST_S3_SECRET';

beforeAll(async () => {
  servers = [await startVersitygw(), await startVersitygw()];
  process.env[VARIABLE] = servers[1]?.keys.secretAccessKey;
  fabrica = await startSystem(onServers);
});
afterAll(async () => {
  await fabrica.end();
  for (const server of servers) await server.end();
  Reflect.deleteProperty(process.env, VARIABLE);
});

/** The default grid with its storages on servers of S3: one for asia, one for america. The keys of the one are in files. */
function onServers(configuration: Configuration): Configuration {
  const folder = temporaryFolder();
  const [asia, america] = servers;
  if (asia === undefined || america === undefined) throw new Error('two servers run');
  const file = (name: string, text: string): { file: string } => {
    writeFileSync(path.join(folder, name), `${text}\n`, { mode: 0o600 });
    return { file: path.join(folder, name) };
  };
  const buckets = servers.map((server) => server.bucket('fabrica'));
  return {
    ...configuration,
    logs: { ...configuration.logs, sampleOfGood: 1 },
    credentials: [
      {
        ...{ name: 'asia', kind: 's3' },
        accessKey: file('id', asia.keys.accessKeyId),
        secretKey: file('secret', asia.keys.secretAccessKey),
      },
      {
        ...{ name: 'america', kind: 's3' },
        accessKey: file('other-id', america.keys.accessKeyId),
        secretKey: { env: VARIABLE },
      },
    ],
    storages: configuration.storages.map(({ area, name, purpose }) => {
      const index = area === 'asia' ? 0 : 1;
      roots.push(`${name}=${buckets[index] ?? ''}/${name}`);
      return {
        ...{ name, area, purpose, kind: 's3', region: 'us-east-1', capacity: 1e12 },
        url: `${servers[index]?.origin ?? ''}/fabrica/${name}`,
        credential: area === 'asia' ? 'asia' : 'america',
      };
    }),
  };
}

test('a production runs over storages of S3 through an outage, and no secret is anywhere but with its jobs', async () => {
  const watch = watchProcesses();
  const handle = await fabrica.start(
    smallProduction('s3', {
      events: 300,
      behaviour: `sleep(300); if (Number(job) % 9 === 0 && attempt === 1) process.exit(3);`,
    }),
  );
  await until(handle, ({ jobs }) => (jobs.Done ?? 0) >= 5, 60);
  for (const server of servers) {
    await server.kill();
    await sleep(2000);
    await server.start();
  }
  expect(await handle.result()).toMatchObject({ state: 'Completed' });
  const seen = watch.end();
  const folders = roots.map((root) => root.slice(root.indexOf('=') + 1));
  // A server of S3 keeps no empty ones.
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  await fabrica.audit('s3', [
    ...['--expect-events', '300', '--content', 'jsonl'],
    ...roots.flatMap((root) => ['--root', root]),
  ]);

  // What would be found if it was there: scripts of jobs had it, and jobs did ask servers by it.
  expect(seen.scripts.length).toBeGreaterThan(10);
  expect(seen.scripts.every(({ mode }) => (mode & 0o077) === 0)).toBe(true);
  expect(seen.scripts.some(({ text }) => text.includes(SIGNED))).toBe(true);
  const commands = seen.commands.filter((command) => command.includes('wrapper.curl'));
  expect(commands.length).toBeGreaterThan(0);

  const secrets = [SIGNED, ...servers.map(({ keys }) => keys.secretAccessKey)];
  const finds = (text: string): string[] => secrets.filter((secret) => text.includes(secret));
  expect(seen.commands.flatMap(finds)).toEqual([]);
  const histories = await allHistories();
  expect(histories).toContain('jobs');
  expect(finds(histories)).toEqual([]);
  const files = [fabrica.folder, ...folders].flatMap(filesBelow);
  for (const name of ['catalog.db', 'control.log', '.tar.gz']) {
    expect(files.filter((file) => file.endsWith(name))).not.toEqual([]);
  }
  const address = `${servers[0]?.origin ?? ''}/fabrica/`;
  const catalog = files.filter((file) => path.basename(file).startsWith('catalog.db'));
  expect(catalog.some((file) => contentOf(file).includes(address))).toBe(true);
  expect(files.filter((file) => finds(contentOf(file)).length > 0)).toEqual([]);
}, 240_000);

/** In every signed address. */
const SIGNED = 'X-Amz-Signature';

interface Seen {
  readonly commands: string[];
  readonly scripts: { readonly mode: number; readonly text: string }[];
}

/** Looks again and again at the arguments of all processes, and at the scripts of jobs. */
function watchProcesses(): { end(): Seen } {
  const commands = new Set<string>();
  const scripts = new Map<string, Seen['scripts'][number]>();
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const command = quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      if (command !== undefined) commands.add(command);
      const cwd = quietly(() => readlinkSync(`/proc/${pid}/cwd`)) ?? '';
      if (!cwd.startsWith(fabrica.folder)) continue;
      const script = path.join(cwd, 'wrapper.sh');
      const text = quietly(() => readFileSync(script, 'utf8'));
      const mode = quietly(() => statSync(script).mode);
      if (text !== undefined && mode !== undefined) scripts.set(text, { text, mode });
    }
  };
  const timer = setInterval(look, 20);
  return {
    end() {
      clearInterval(timer);
      return { commands: [...commands], scripts: [...scripts.values()] };
    },
  };
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The text of all that Temporal keeps of all workflows, also of what is packed in it. */
async function allHistories(): Promise<string> {
  const texts: string[] = [];
  for await (const { runId, workflowId } of fabrica.client.workflow.list()) {
    const history = await fabrica.client.workflow.getHandle(workflowId, runId).fetchHistory();
    collect(history, texts);
  }
  const text = texts.join('\n');
  const packed = [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)].flatMap(([one]) => {
    const content = quietly(() => gunzipSync(Buffer.from(one, 'base64')).toString());
    return content === undefined ? [] : [content];
  });
  expect(packed).not.toEqual([]);
  return [text, ...packed].join('\n');
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString());
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) collect(inner, texts);
  }
}

const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name))
        // With the jobs themselves.
        .filter((file) => !/\/wrapper\.(?:sh|curl)$/.test(file))
    : [];

function contentOf(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
}
