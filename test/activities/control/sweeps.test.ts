import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pack } from '../../../activities/packed.js';
import type { ListedFile, StorageProblem } from '../../../activities/storage/index.js';
import { claimDirectory, partialPath } from '../../../domain/lfn.js';
import { ControlRoom, definition, failing, outputsFor, type Ref } from './control-room.js';

const STORAGE = 'KEK-DISK';
let room: ControlRoom;
let ref: Ref;
beforeEach(async () => {
  room = await ControlRoom.open();
  ref = await room.register(definition());
});
afterEach(() => room.close());

interface Row {
  readonly path: string;
  readonly size: number;
}

const stored = (storage: string) =>
  room.rows<Row>(
    `select r.path, f.size from replicas r join files f on f.id = r.file_id
     where r.storage = '${storage}' and r.state = 'Available' order by r.path`,
  );
const findings = () =>
  room.rows<{ path: string; kind: string; state: string; remedy: string; production_id: number }>(
    'select * from findings order by path',
  );

/** A sweep as its workflow makes it, of a storage that holds these files; `damaged` are read as other than they should be. */
async function sweep(
  storage: string,
  there: readonly (Row & { modifiedAt?: number })[],
  options: { damaged?: readonly string[]; production?: string; late?: readonly string[] } = {},
) {
  const order = { storage, production: options.production ?? null, who: 'me' };
  const begun = await room.do.beginSweep({
    ...order,
    checksums: true,
    repair: false,
    believeLost: false,
  });
  const at = { epoch: begun.epoch, storage, sweep: begun.sweep };
  const problem = (path: string): StorageProblem => ({ path, problem: 'checksum', text: 'bad' });
  for (const directory of begun.directories) {
    const rows = there
      .filter(({ path }) => path.startsWith(`${directory}/`))
      .map((one): ListedFile => [one.path, one.size, one.modifiedAt ?? null]);
    await room.do.comparePage({
      ...{ ...at, after: `${directory}/`, last: `${directory}0`, listing: pack(rows) },
    });
  }
  await room.do.suspectDamaged({ ...at, problems: (options.damaged ?? []).map(problem) });
  const { dark, next, replicas } = await room.do.suspects({ ...at, after: '' });
  const paths = new Map(there.map((one) => [one.path, one]));
  const problems = replicas.flatMap(({ path, size }): StorageProblem[] => {
    const one = paths.get(path);
    if (one === undefined) return [{ path, problem: 'missing', text: 'missing' }];
    if (one.size !== size) return [{ path, problem: 'size', text: 'another size' }];
    return options.damaged?.includes(path) === true ? [problem(path)] : [];
  });
  const present = dark.filter((path) => paths.has(path) && options.late?.includes(path) !== true);
  await room.do.confirmSuspects({ ...at, after: '', next, dark: present, problems });
  return { ...at, after: '' };
}

const dayOld = {
  get modifiedAt() {
    return room.clock.now() - 90_000_000;
  },
};
const file = (path: string) => ({ path, size: 7, modifiedAt: dayOld.modifiedAt });

describe('a sweep of a completed production’s storage', () => {
  beforeEach(async () => {
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
  });

  it('finds nothing where all is as catalogued, and nothing of other people', async () => {
    const there = await stored(STORAGE);
    expect(there.length).toBeGreaterThan(0);
    await sweep(STORAGE, [...there, file('/other/people'), file('/e000000/belle/x')]);
    expect(await findings()).toEqual([]);
  });

  it('finds dark, missing, cut and damaged files, each with its remedy', async () => {
    ref = await room.register(definition({ name: 'many', events: 400 }));
    await room.complete(ref);
    await room.do.concludeAudit({ ...ref, discrepancies: [] });
    const [rest, missing, cut, damaged, ...others] = (await stored(STORAGE)).reverse();
    const well = [rest!, ...others];
    const dark = `${missing!.path.slice(0, missing!.path.lastIndexOf('/'))}/dark.root`;
    const at = await sweep(
      STORAGE,
      [...well, { ...cut!, size: cut!.size - 1 }, damaged!, file(dark)],
      {
        damaged: [damaged!.path],
      },
    );
    const found = new Map((await findings()).map((one) => [one.path, one]));
    expect(found.get(missing!.path)).toMatchObject({
      kind: 'missing',
      state: 'Open',
      remedy: 'copy',
    });
    expect(found.get(cut!.path)).toMatchObject({ kind: 'size', state: 'Open', remedy: 'copy' });
    expect(found.get(damaged!.path)).toMatchObject({ kind: 'checksum', state: 'Open' });
    expect(found.get(dark)).toMatchObject({
      ...{ kind: 'dark', state: 'Open', remedy: 'remove', production_id: 2 },
    });
    expect(found.size).toBe(4);

    const plan = await room.do.planRepairs({ ...at, doubtful: [] });
    expect(await room.do.planRepairs({ ...at, doubtful: [] })).toEqual(plan);
    expect(plan.remove).toHaveLength(4);
    expect(plan.copies.map(({ path }) => path).sort()).toEqual(
      [missing!.path, cut!.path, damaged!.path].sort(),
    );
    expect(plan.copies.every(({ source }) => source !== STORAGE)).toBe(true);
    const gone = plan.remove.map(({ path }) => path);
    await room.do.recordPayment({ ...at, gone, refused: [] });
    const copied = plan.copies.map((order, i) => ({
      order,
      result: { transfer: order.transfer, failure: i === 0 ? 'it is full' : '' },
    }));
    expect(await room.do.recordRepairs({ ...at, gone, refused: [], copied })).toEqual({
      repaired: 3,
    });
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(false);

    // What could not be copied is owed, and done by the next repair.
    const again = await sweep(STORAGE, await stored(STORAGE));
    const owed = await room.do.planRepairs({ ...again, doubtful: [] });
    expect(owed.copies).toHaveLength(1);
    await room.do.recordRepairs({
      ...again,
      ...{ gone: owed.remove.map(({ path }) => path), refused: [] },
      copied: owed.copies.map((order) => ({
        order,
        result: { transfer: order.transfer, failure: '' },
      })),
    });
    expect((await room.do.concludeAudit({ ...ref, discrepancies: [] })).passed).toBe(true);
    await sweep(STORAGE, await stored(STORAGE));
    expect((await findings()).map(({ state }) => state)).not.toContain('Open');
  });

  it('has a file without any good copy need its jobs again, and leaves it alone', async () => {
    const [lost] = await stored(STORAGE);
    await room.change(
      `update replicas set state = 'Removing' where storage <> '${STORAGE}' and file_id =
         (select file_id from replicas where path = '${lost!.path}' and storage = '${STORAGE}')`,
    );
    const there = (await stored(STORAGE)).filter(({ path }) => path !== lost!.path);
    const at = await sweep(STORAGE, there);
    expect(await findings()).toMatchObject([{ path: lost!.path, remedy: 'reprocess' }]);
    expect(await room.do.planRepairs({ ...at, doubtful: [] })).toMatchObject({
      ...{ remove: [], copies: [] },
      lost: [
        {
          production: 'mumu',
          paths: [lost!.path],
          replicas: [{ storage: STORAGE, path: lost!.path }],
        },
      ],
    });
  });

  it('has the jobs run again where the other copy is bad as well, and waits where it can not be seen', async () => {
    const [lost] = await stored(STORAGE);
    const at = await sweep(STORAGE, (await stored(STORAGE)).slice(1));
    const [source] = await room.do.repairSources(at);
    expect(source?.files.map(({ path }) => path)).toEqual([lost!.path]);
    const other = { storage: source!.storage, path: lost!.path };
    const silent = await room.do.planRepairs({ ...at, doubtful: [{ ...other, bad: false }] });
    expect(silent).toMatchObject({ remove: [], copies: [], lost: [] });
    const { lost: files } = await room.do.planRepairs({
      ...at,
      doubtful: [{ ...other, bad: true }],
    });
    expect(files).toEqual([
      {
        ...{ production: 'mumu', paths: [lost!.path] },
        replicas: [{ storage: STORAGE, path: lost!.path }, other],
      },
    ]);
    const { replicas } = files[0]!;
    expect(await room.do.reprocessLost({ ...at, production: 'mumu', replicas })).toEqual({
      problem: '',
    });
    expect(await room.rows(`select state from productions`)).toEqual([{ state: 'Active' }]);
  });

  it('has nothing left to repair where the sweep of another storage was first to have the jobs run again', async () => {
    const [lost] = await stored(STORAGE);
    const { path } = lost!;
    const copies = await room.rows<{ storage: string }>(
      `select storage from replicas where path = '${path}' order by storage`,
    );
    const sweeps: (Ref & { storage: string; sweep: number; after: string })[] = [];
    for (const { storage } of copies) {
      const there = (await stored(storage)).filter((one) => one.path !== path);
      sweeps.push({ ...ref, ...(await sweep(storage, there)) });
    }
    const [first, ...others] = sweeps;
    expect(others).not.toEqual([]);
    const { lost: files } = await room.do.planRepairs({ ...first!, doubtful: [] });
    const { replicas } = files[0]!;
    await room.do.reprocessLost({ ...first!, production: 'mumu', replicas });
    await room.do.recordReprocess({ ...first!, paths: [path], problem: '' });
    for (const other of others) {
      const plan = await room.do.planRepairs({ ...other, doubtful: [] });
      expect(plan).toMatchObject({ remove: [], copies: [], lost: [] });
    }
    expect(new Set((await findings()).map(({ state }) => state))).toEqual(new Set(['Repaired']));
  });

  it('does not copy again what the production has copied elsewhere meanwhile', async () => {
    const [lost, ...there] = await stored(STORAGE);
    await sweep(STORAGE, there);
    expect(await findings()).toMatchObject([{ state: 'Open', remedy: 'copy' }]);
    await room.change(
      `insert into replicas (file_id, storage, path, state, created_at)
         select file_id, 'KMI-TMP', path, 'Available', 0 from replicas
         where path = '${lost!.path}' and storage = '${STORAGE}'`,
    );
    await room.change(
      `update replicas set state = 'Removing' where path = '${lost!.path}' and storage = '${STORAGE}'`,
    );
    const at = await sweep(STORAGE, there);
    expect(await findings()).toEqual([]);
    expect((await room.do.planRepairs({ ...at, doubtful: [] })).copies).toEqual([]);
  });

  it('of one production counts nothing of others, and gives it no file but those beside its own', async () => {
    const [one] = await stored(STORAGE);
    const above = `/${ref.epoch}/belle/dark`;
    const at = await sweep(STORAGE, [file(above)]);
    expect((await findings()).find(({ path }) => path === above)?.production_id).toBeNull();
    const ended = {
      ...at,
      ...{ files: 0, foreign: 0, foreignMore: false, repaired: 0, failure: '' },
    };
    expect((await room.do.endSweep(ended)).open.dark).toBe(1);
    const mine = await sweep(STORAGE, [file(`${one!.path}.dark`)], { production: 'mumu' });
    expect((await room.do.endSweep({ ...ended, ...mine })).open.dark).toBe(1);
  });

  it('forgets what has come to nothing by the second look', async () => {
    const [one, ...others] = await stored(STORAGE);
    const dark = `${one!.path}.dark`;
    await sweep(STORAGE, [one!, ...others, file(dark)], { late: [dark] });
    expect(await findings()).toEqual([]);
    await sweep(STORAGE, others);
    expect(await findings()).toHaveLength(1);
    await sweep(STORAGE, [one!, ...others]);
    expect(await findings()).toEqual([]);
  });

  it('takes an unknown file for dark only when it is old enough, by its own time or since it was seen', async () => {
    const there = await stored(STORAGE);
    const path = `/${ref.epoch}/belle/sandbox/ab/abcd/run.sh`;
    await sweep(STORAGE, [...there, { path, size: 1, modifiedAt: room.clock.now() }]);
    expect(await findings()).toMatchObject([{ state: 'Suspected' }]);
    const silent = { path: `${path}.2`, size: 1 };
    room.clock.pass(80_000);
    await sweep(STORAGE, [...there, { path, size: 1 }, silent]);
    room.clock.pass(10_000);
    await sweep(STORAGE, [...there, { path, size: 1 }, silent]);
    expect(await findings()).toMatchObject([
      { path, state: 'Open' },
      { path: silent.path, state: 'Suspected' },
    ]);
    room.clock.pass(80_000);
    await sweep(STORAGE, [...there, { path, size: 1 }, silent]);
    expect((await findings()).map(({ state }) => state)).toEqual(['Open', 'Open']);
  });

  it('knows remnants and what lies below a directory that is to be removed', async () => {
    const there = await stored(STORAGE);
    await room.change(
      `insert into remnants (production_id, block, storage, path, shape, state, why, since) values
       (1, 0, '${STORAGE}', '/${ref.epoch}/x', 'file', 'Debt', '', 0),
       (1, 0, '${STORAGE}', '/${ref.epoch}/tree', 'tree', 'Debt', '', 0)`,
    );
    await sweep(STORAGE, [
      ...there,
      ...['/x', '/tree/a/b', '/tree2'].map((end) => file(`/${ref.epoch}${end}`)),
    ]);
    expect(await findings()).toMatchObject([{ path: `/${ref.epoch}/tree2`, kind: 'dark' }]);
  });

  it('of one production looks at nothing else', async () => {
    const [one] = await stored(STORAGE);
    await sweep(STORAGE, [file(`/${ref.epoch}/belle/elsewhere`), file(`${one!.path}.dark`)], {
      production: 'mumu',
    });
    const kinds = new Set((await findings()).map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['dark', 'missing']));
    expect((await findings()).filter(({ kind }) => kind === 'dark')).toMatchObject([
      { path: `${one!.path}.dark`, production_id: 1 },
    ]);
  });
});

describe('a sweep while a production runs', () => {
  it('takes nothing that an open attempt, a copy or a claim may be writing for dark', async () => {
    await room.step(ref);
    await room.do.openBlock({ ...ref, block: 0 });
    const { bundles } = await room.place(ref, 0);
    const order = bundles[0]!;
    const storage = order.recipe.destinations[0] ?? '';
    const [job] = room.report(order, (one, from) => ({
      ...failing()(one, from),
      outputs: outputsFor(one, from),
    }));
    const path = job!.outputs[0]!.path;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const folder = path.slice(0, path.lastIndexOf('/'));
    const writing = [
      path,
      partialPath(path),
      `${folder}/.part-0123456789ab-${name}`,
      `${claimDirectory(ref.epoch, 1, 0)}/0/1.1`,
    ].map(file);
    const dark = [
      `${folder}/${name}.old`,
      `${claimDirectory(ref.epoch, 1, 7)}/0/1.1`,
      `${folder}/.part-0123456789ab-other`,
    ].map(file);
    await sweep(storage, [...writing, ...dark]);
    const open = (await findings()).filter(({ state }) => state === 'Open');
    expect(open.map((one) => one.path).sort()).toEqual(dark.map((one) => one.path).sort());

    // The attempt fails, and its remnants are removed; what it writes later is dark.
    await room.settle(order, room.report(order, failing()));
    await room.remove(ref, null);
    await sweep(storage, [...writing, ...dark]);
    const later = (await findings()).filter(({ state }) => state === 'Open');
    expect(later.map((one) => one.path)).toEqual(expect.arrayContaining([path, partialPath(path)]));
    expect(later).toHaveLength(6);
  });

  it('does not take a wanted copy for dark', async () => {
    await room.scout(ref);
    await room.makeBlock(ref, 0);
    const { batches } = await room.do.planTransfers({ ...ref, block: 0 });
    const copy = batches[0]!;
    const path = copy.files[0]!.path;
    await sweep(copy.storage, [...(await stored(copy.storage)), file(path), file(`${path}.x`)]);
    expect(await findings()).toMatchObject([
      { path, state: 'Suspected' },
      { path: `${path}.x`, state: 'Open' },
    ]);
  });
});

it('sweeps are due once a day, and none before a new epoch is recovered', async () => {
  const due = async () => (await room.do.sweepsDue()).storages;
  expect(await due()).toContain(STORAGE);
  await sweep(STORAGE, []);
  expect(await due()).not.toContain(STORAGE);
  room.clock.pass(86_400);
  expect(await due()).toContain(STORAGE);
  await room.change('update epochs set recovered_at = null');
  expect(await due()).toEqual([]);
  await expect(
    room.do.beginSweep({
      storage: STORAGE,
      production: null,
      who: '',
      checksums: false,
      repair: true,
      believeLost: false,
    }),
  ).rejects.toMatchObject({ type: 'FABRICA_CATALOG_EPOCH' });
});
