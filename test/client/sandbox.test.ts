import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  readlinkSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readInputLists } from '../../client/input-list.js';
import { MAX_PAYLOAD_BYTES, planSandbox, uploadSandbox } from '../../client/sandbox.js';
import { adler32 } from '../../domain/adler32.js';
import type { Definition } from '../../domain/definition.js';
import { FabricaError } from '../../domain/errors.js';
import { inputSchema } from '../../domain/input-definition.js';
import { MOST_LIST_BYTES, MOST_LISTED_FILES } from '../../domain/input-list.js';
import { BELLE2_LFN_SCHEME, lfnsOf, outputNaming, physicalPath } from '../../domain/lfn.js';
import { parseDefinition } from '../../domain/parse.js';
import { DirectoryStorage } from '../../grid/storage/directory.js';
import { temporaryFolder } from '../worker/temporary-folder.js';

const EPOCH = 'e123456';

function definition(payload: unknown[], merge: unknown[] = []): Definition {
  return parseDefinition({
    name: 'mumu',
    dataset: { campaign: 'c', release: 'r', globalTag: 'g', experiment: 1, eventType: 'mumu' },
    events: 10,
    fabrication: { command: ['./gen.sh', '{seed}'], outputs: [{ file: 'out.root' }], payload },
    merge: { command: ['cat', '{inputs}', '{output}'], payload: merge },
  });
}

async function refusal(call: Promise<unknown>): Promise<FabricaError> {
  const error: unknown = await call.then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof FabricaError) return error;
  throw error;
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

const storage = () => new DirectoryStorage({ name: 'KMI-DISK', root: temporaryFolder() });

describe('planSandbox', () => {
  it('measures the files, relative to the folder', async () => {
    const folder = folderWith({ 'sub/gen.sh': 'echo hello' });
    const plan = await planSandbox(definition(['sub/gen.sh']), folder);
    expect(plan.files).toEqual([
      {
        section: 'fabrication',
        index: 0,
        path: path.join(folder, 'sub/gen.sh'),
        name: 'gen.sh',
        size: 10,
        sha256: createHash('sha256').update('echo hello').digest('hex'),
        adler32: adler32(Buffer.from('echo hello')),
      },
    ]);
  });

  it('follows symbolic links and accepts empty files', async () => {
    const folder = folderWith({ empty: '' });
    symlinkSync('empty', path.join(folder, 'link'));
    const plan = await planSandbox(definition(['link']), folder);
    expect(plan.files[0]).toMatchObject({ name: 'link', size: 0, adler32: '00000001' });
  });

  it('names every file and field that is missing', async () => {
    const folder = folderWith({ 'gen.sh': '' });
    const error = await refusal(planSandbox(definition(['gen.sh', 'no.sh'], ['join.sh']), folder));
    expect(error.code).toBe('FABRICA_PAYLOAD_MISSING');
    expect(error.message.split('\n')).toEqual([
      `fabrication.payload[1]: the payload file ${folder}/no.sh does not exist; correct the path`,
      `merge.payload[0]: the payload file ${folder}/join.sh does not exist; correct the path`,
    ]);
    expect(error.place).toMatchObject({ field: 'fabrication.payload[1]' });
    expect(error.remedy).toContain('relative to the definition file');
  });

  it('refuses directories, devices, FIFOs and links to nowhere, without waiting', async () => {
    const folder = folderWith({ 'dir/x': '' });
    execFileSync('mkfifo', [path.join(folder, 'fifo')]);
    symlinkSync('nowhere', path.join(folder, 'broken'));
    symlinkSync('loop', path.join(folder, 'loop'));
    const payload = ['dir', 'fifo', '/dev/null', 'broken', 'loop'];
    const { message } = await refusal(planSandbox(definition(payload), folder));
    const reasons = message.split('\n').map((line) => /payload file \S+ (.*);/.exec(line)?.[1]);
    expect(reasons).toEqual([
      'is a directory, not a file',
      'is a FIFO (a pipe), not a plain file',
      'is a device or a socket, not a plain file',
      'does not exist',
      'is a symbolic link that leads in circles',
    ]);
  });

  it('refuses files over 100 MB by their size, without reading them', async () => {
    const folder = folderWith({ big: '' });
    truncateSync(path.join(folder, 'big'), MAX_PAYLOAD_BYTES * 100);
    const { message } = await refusal(planSandbox(definition(['big']), folder));
    expect(message).toContain('has 10 GB, over the limit of 100 MB; put it on CVMFS');
  });
});

describe('a list of input files', () => {
  const reading = (list: string): Definition => ({
    ...definition([]),
    input: inputSchema.parse({ list }),
  });

  it('names a million files of the default scheme', async () => {
    const folder = temporaryFolder();
    const output = { production: 1, level: 'mdst', fileName: 'out.root', merged: true };
    const lfnOf = lfnsOf(
      outputNaming(
        BELLE2_LFN_SCHEME,
        {
          ...{ campaign: 'MC16ri_a', release: 'release-08-00-00', globalTag: 'mc_2026_08_prompt' },
          ...{ experiment: 1003, run: 0, beamEnergy: '4S', eventType: 'mixed' },
        },
        output,
      ),
    );
    const lines = Array.from(
      { length: MOST_LISTED_FILES },
      (_, i) => `${lfnOf({ index: i + 1, job: i + 1, attempt: 1 })}\n`,
    );
    writeFileSync(path.join(folder, 'files.txt'), lines.join(''));
    const plan = await planSandbox(reading('files.txt'), folder);
    expect(plan.files[0]?.size).toBeGreaterThan(MAX_PAYLOAD_BYTES);
    expect((await readInputLists(plan)).input?.files).toHaveLength(MOST_LISTED_FILES);
  }, 60_000);

  it('over 250 MB is refused by its size', async () => {
    const folder = folderWith({ list: '' });
    truncateSync(path.join(folder, 'list'), MOST_LIST_BYTES + 1);
    const { message } = await refusal(planSandbox(reading('list'), folder));
    expect(message).toMatch(/the list .* has 250 MB, over the limit of 250 MB; divide it among/);
  });
});

describe('uploadSandbox', () => {
  it('sends a file that several definitions share once', async () => {
    const folder = folderWith({ 'gen.sh': 'echo hello' });
    const put: string[] = [];
    class Counting extends DirectoryStorage {
      override put(
        ...args: Parameters<DirectoryStorage['put']>
      ): ReturnType<DirectoryStorage['put']> {
        put.push(args[1]);
        return super.put(...args);
      }
    }
    const counting = new Counting({ name: 'KMI-DISK', root: temporaryFolder() });
    const plan = await planSandbox(definition(['gen.sh']), folder);
    const sent = new Set<string>();
    for (let i = 0; i < 3; i++) await uploadSandbox(plan, counting, EPOCH, BELLE2_LFN_SCHEME, sent);
    expect(put).toHaveLength(1);
    await uploadSandbox(plan, counting, EPOCH, BELLE2_LFN_SCHEME);
    expect(put).toHaveLength(2);
  });

  it('stores the files and replaces them by references that can be fetched', async () => {
    const folder = folderWith({ 'gen.sh': 'one', 'join.sh': 'two' });
    const target = storage();
    const plan = await planSandbox(definition(['gen.sh'], ['join.sh']), folder);
    const stored = await uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME);
    const [entry] = stored.fabrication.payload;
    expect(entry).toMatchObject({ name: 'gen.sh', storage: 'KMI-DISK', size: 3 });
    for (const one of [...stored.fabrication.payload, ...(stored.merge?.payload ?? [])]) {
      if (typeof one === 'string') throw new Error('not stored');
      const file = await target.stat(physicalPath(EPOCH, one.lfn), { checksum: true });
      expect(file).toMatchObject({ size: one.size, adler32: one.adler32 });
    }
    expect(parseDefinition(stored)).toEqual(stored);
  });

  it('can be repeated, and gives the same', async () => {
    const folder = folderWith({ 'gen.sh': 'one' });
    const target = storage();
    const plan = await planSandbox(definition(['gen.sh'], ['gen.sh']), folder);
    const first = await uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME);
    expect(await uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME)).toEqual(first);
    const files = [];
    for await (const file of target.list('/')) files.push(file);
    expect(files).toHaveLength(1);
  });

  it('leaves stored payload and definitions without payload as they are', async () => {
    const folder = folderWith({ 'gen.sh': 'one' });
    const target = storage();
    const once = await uploadSandbox(
      await planSandbox(definition(['gen.sh']), folder),
      target,
      EPOCH,
      BELLE2_LFN_SCHEME,
    );
    const plan = await planSandbox(once, '/nowhere');
    expect(plan.files).toEqual([]);
    expect(await uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME)).toEqual(once);
  });

  it('refuses a file that has changed or gone since it was measured, and stores nothing', async () => {
    const folder = folderWith({ 'gen.sh': 'one' });
    const target = storage();
    const plan = await planSandbox(definition(['gen.sh']), folder);
    writeFileSync(path.join(folder, 'gen.sh'), 'another');
    const changed = await refusal(uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME));
    expect(changed.code).toBe('FABRICA_PAYLOAD_MISSING');
    expect(changed.message).toContain('changed while it was sent');
    rmSync(path.join(folder, 'gen.sh'));
    const gone = await refusal(uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME));
    expect(gone.message).toContain('fabrication.payload[0]: the payload file');
    for await (const file of target.list('/')) throw new Error(`${file.path} was left`);
  });

  it('closes its files when the storage fails', async () => {
    const folder = folderWith({ 'gen.sh': 'one' });
    const plan = await planSandbox(definition(['gen.sh']), folder);
    const target = new DirectoryStorage({ name: 'KMI-DISK', root: path.join(folder, 'unmounted') });
    // Only this folder's: others open and close files of their own meanwhile.
    const open = (): string[] =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
        } catch {
          return false;
        }
      });
    const error = await refusal(uploadSandbox(plan, target, EPOCH, BELLE2_LFN_SCHEME));
    expect(error.code).toBe('FABRICA_STORAGE_UNREACHABLE');
    await expect.poll(open).toEqual([]);
  });
});
