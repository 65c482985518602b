import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  SimulatedStorage,
  TROUBLE_LASTS,
  type SimulatedStorageOptions,
} from '../../../grid/simulated/storage.js';
import type { Expected } from '../../../grid/storage/storage-element.js';
import { failsWith, listed, put, storageConformance } from '../storage/conformance.js';

let folder: string;
let now: number;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fabrica-simulated-'));
  now = 0;
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const storage = (name: string, change: Partial<SimulatedStorageOptions> = {}): SimulatedStorage =>
  new SimulatedStorage({
    name,
    folder,
    capacity: 1e9,
    readOnly: false,
    slowness: 0,
    lies: 0,
    outages: [],
    speed: 3600,
    clock: { now: () => now },
    ...change,
  });

/** Makes a file as a simulated job does. */
async function make(target: SimulatedStorage, file: string, expected: Expected): Promise<void> {
  const [failure] = await target.makeAll([{ ...expected, path: file }]);
  if (failure) throw failure;
}

const claim = async (target: SimulatedStorage, file: string, holder: string): Promise<unknown> =>
  (await target.claimAll([{ path: file, holder }]))[0];

describe('a simulated storage', () => {
  storageConformance(() => ({ near: storage('NEAR'), far: storage('FAR') }));

  it('is one storage for all processes, and remembers when they are gone', async () => {
    await put(storage('NEAR'), '/a', 'content');
    expect(await storage('NEAR').stat('/a')).toMatchObject({ size: 7 });
    expect(await storage('FAR').stat('/a')).toBeNull();
  });

  it('holds files of jobs whose content nobody has', async () => {
    const near = storage('NEAR');
    const file = { size: 5e8, adler32: '12345678' };
    await make(near, '/mc/a.root', file);
    await make(near, '/mc/a.root', file);
    expect(await near.stat('/mc/a.root', { checksum: true })).toMatchObject(file);
    expect(await near.space()).toEqual({ total: 1e9, free: 5e8 });
    await expect(near.read('/mc/a.root')).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
    const far = storage('FAR');
    await far.copy(near, '/mc/a.root', '/mc/a.root', file);
    expect(await far.stat('/mc/a.root', { checksum: true })).toMatchObject(file);
    await near.remove('/mc/a.root');
    expect(await near.space()).toEqual({ total: 1e9, free: 1e9 });
  });

  it('gets into trouble, and out of it, while it is used', async () => {
    const near = storage('NEAR');
    const file = { size: 5, adler32: '12345678' };
    const database = new Database(path.join(folder, 'NEAR.db'));
    const change = async (set: string): Promise<void> => {
      database.exec(`update trouble set ${set}`);
      await delay(TROUBLE_LASTS + 5);
    };
    await change('readOnly = 1');
    await expect(make(near, '/a', file)).rejects.toEqual(failsWith('FABRICA_STORAGE_READONLY'));
    await change('readOnly = 0, isFull = 1');
    await expect(make(near, '/a', file)).rejects.toEqual(failsWith('FABRICA_STORAGE_FULL'));
    expect(await near.space()).toMatchObject({ free: 0 });
    await change('isFull = 0, isOut = 1');
    await expect(near.stat('/a')).rejects.toEqual(failsWith('FABRICA_STORAGE_UNREACHABLE'));
    await change('isOut = 0, slowness = 50');
    const began = performance.now();
    await make(near, '/a', file);
    expect(performance.now() - began).toBeGreaterThan(40);
    await change('slowness = 0');
    database.close();
    expect(await near.stat('/a')).toMatchObject({ size: 5 });
  });

  it('gives a claim to one', async () => {
    expect(await claim(storage('NEAR'), '/claims/1.1', 'first')).toBe(true);
    expect(await claim(storage('NEAR'), '/claims/1.1', 'second')).toBe(false);
  });

  it('takes what there is room for of many files, and tells of each other why not', async () => {
    const near = storage('NEAR', { capacity: 10 });
    const file = { size: 4, adler32: '12345678' };
    await make(near, '/a', file);
    const failures = await near.makeAll([
      { ...file, path: '/a' },
      { ...file, path: '/b' },
      { ...file, path: '/c' },
      { path: '/a', size: 1, adler32: '12345678' },
    ]);
    const codes = failures.map((failure) => failure?.code ?? null);
    expect(codes).toEqual([null, null, 'FABRICA_STORAGE_FULL', 'FABRICA_STORAGE_EXISTS']);
    expect((await listed(near, '/')).map((one) => one.path)).toEqual(['/a', '/b']);
    expect(await near.space()).toEqual({ total: 10, free: 2 });
  });

  it('is full, or read-only', async () => {
    const tiny = storage('TINY', { capacity: 10 });
    await expect(put(tiny, '/a', 'more than ten')).rejects.toEqual(
      failsWith('FABRICA_STORAGE_FULL'),
    );
    expect(await listed(tiny, '/')).toEqual([]);
    const locked = storage('LOCKED', { readOnly: true });
    const refusal = failsWith('FABRICA_STORAGE_READONLY');
    await expect(put(locked, '/a', 'x')).rejects.toEqual(refusal);
    await expect(locked.remove('/a')).rejects.toEqual(refusal);
    await expect(locked.check()).rejects.toEqual(refusal);
    expect(await locked.stat('/a')).toBeNull();
  });

  it('does not answer during an outage, which ends', async () => {
    const near = storage('NEAR', { outages: [{ from: 7200, to: 10_800 }] });
    await put(near, '/a', 'x');
    now = 2500; // 9000 simulated seconds
    const refusal = failsWith('FABRICA_STORAGE_UNREACHABLE');
    await expect(near.stat('/a')).rejects.toEqual(refusal);
    await expect(near.check()).rejects.toEqual(refusal);
    now = 3000;
    expect(await near.stat('/a')).toMatchObject({ size: 1 });
  });

  it('lies about the checksums of some files, always of the same', async () => {
    const liar = storage('LIAR', { lies: 0.3 });
    const told = async (): Promise<number[]> => {
      const wrong: number[] = [];
      for (let i = 0; i < 200; i++) {
        const found = await liar.stat(`/${i}`, { checksum: true });
        if (found?.adler32 !== '12345678') wrong.push(i);
      }
      return wrong;
    };
    for (let i = 0; i < 200; i++) await make(liar, `/${i}`, { size: 1, adler32: '12345678' });
    const first = await told();
    expect(first.length).toBeGreaterThan(30);
    expect(first.length).toBeLessThan(95);
    expect(await told()).toEqual(first);
  });
});
