import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCatalog } from '../../../catalog/open.js';
import type { FilePage } from '../../../catalog/views/file-list.js';
import type { StoredPayload } from '../../../domain/payload.js';
import { ControlRoom, definition } from '../../activities/control/control-room.js';
import { fabrica } from './fabrica.js';

const payload = (name: string): StoredPayload => ({
  ...{ name, lfn: `/belle/sandbox/ab/${name}`, storage: 'KMI-DISK', size: 10 },
  adler32: '00000001',
});

let room: ControlRoom;
beforeEach(async () => {
  room = await ControlRoom.open(async ({ clock, folder }) => {
    mkdirSync(path.join(folder, '.fabrica'));
    return openCatalog({ file: path.join(folder, '.fabrica', 'catalog.db'), clock });
  });
});
afterEach(() => room.close());

async function listed(...argv: readonly string[]): Promise<FilePage['files']> {
  const { code, err, out } = await fabrica([...argv, '--json'], { cwd: room.folder });
  expect(code, err).toBe(0);
  return (JSON.parse(out) as FilePage).files;
}
const kinds = (files: FilePage['files']): string[] => [...new Set(files.map(({ kind }) => kind))];

it('payload files are listed for each production whose definition refers to them', async () => {
  await room.register(definition({ fabrication: { payload: [payload('gen'), payload('card')] } }));
  await room.register(definition({ name: 'other', fabrication: { payload: [payload('gen')] } }));
  await room.register(definition({ name: 'none' }));
  const lfns = async (name: string, ...argv: string[]): Promise<string[]> =>
    (await listed('files', name, ...argv)).map(({ lfn }) => lfn);
  const both = [payload('gen').lfn, payload('card').lfn];
  expect(await lfns('mumu', '--kind', 'sandbox')).toEqual(both);
  expect(await lfns('mumu', '--level', 'sandbox')).toEqual(both);
  expect(await lfns('mumu', '--kind', 'sandbox', '--limit', '1')).toEqual(both.slice(0, 1));
  expect(await lfns('other', '--kind', 'sandbox')).toEqual(both.slice(0, 1));
  expect(await lfns('none', '--kind', 'sandbox')).toEqual([]);
  expect(await lfns('mumu')).toEqual([]);
});

it('outputs that are still to be merged are no final files', async () => {
  const ref = await room.register(definition({ scouts: { jobs: 0 } }));
  await room.step(ref);
  await room.do.openBlock({ ...ref, block: 0 });
  await room.runJobs(ref, 0, 'events');
  expect(kinds(await listed('files', 'mumu'))).toEqual(['output']);
  expect(await listed('replicas', 'mumu')).toEqual([]);
  await room.finishBlock(ref, 0);
  expect(kinds(await listed('replicas', 'mumu'))).toEqual(['merged']);
});

it('outputs are final where nothing is merged', async () => {
  const ref = await room.register(definition({ scouts: { jobs: 0 }, merge: null }));
  await room.step(ref);
  await room.finishBlock(ref, 0);
  expect(kinds(await listed('replicas', 'mumu'))).toEqual(['output']);
});
