/** What a folder of a storage holds. */
export interface FolderEntry {
  readonly name: string;
  readonly folder: boolean;
}

interface OpenFolder<E extends FolderEntry> {
  readonly path: string;
  readonly entries: Keyed<E>[];
  /** The key after which its next entries begin; null after the last ones. */
  readonly more: string | null;
}

interface Keyed<E> {
  readonly entry: E;
  readonly path: string;
  /** What sorts it as its path, or the paths below it, would be sorted. */
  readonly key: string;
}

export interface WalkOptions<E extends FolderEntry> {
  /** Path of the folder to begin at; '' for the root. */
  readonly top: string;
  /** Only paths after this one; what can hold none of them is not opened. */
  readonly after: string;
  /** So many names of one folder are held at once, about. (Default: all) */
  readonly namesAtOnce?: number;
  /** The entries of a folder, in any order; nothing if it is not there. */
  readonly entries: (folder: string) => AsyncIterable<E>;
}

/** All files below a folder in the order of their paths. One folder after the other is read, so that memory holds some names of the open ones only. */
export async function* walkInOrder<E extends FolderEntry>(
  options: WalkOptions<E>,
): AsyncGenerator<{ readonly path: string; readonly entry: E }> {
  const { after, top } = options;
  const open = [await openFolder(options, top)];
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const next = folder.entries.shift();
    if (next === undefined) {
      open.pop();
      if (folder.more !== null) open.push(await openFolder(options, folder.path, folder.more));
    } else if (next.entry.folder) {
      open.push(await openFolder(options, next.path));
    } else if (next.path > after) {
      yield { path: next.path, entry: next.entry };
    }
  }
}

/** The next entries of a folder that may hold paths after `after`, in order; `from` is the key of the last one before. */
async function openFolder<E extends FolderEntry>(
  { after, entries: read, namesAtOnce = Infinity }: WalkOptions<E>,
  folder: string,
  from = '',
): Promise<OpenFolder<E>> {
  let entries: Keyed<E>[] = [];
  let cut = false;
  for await (const entry of read(folder)) {
    const path = `${folder}/${entry.name}`;
    const key = entry.folder ? `${path}/` : path;
    if (key <= from || (key <= after && !(entry.folder && after.startsWith(key)))) continue;
    entries.push({ entry, path, key });
    if (entries.length < 2 * namesAtOnce) continue;
    entries = entries.sort(byKey).slice(0, namesAtOnce);
    cut = true;
  }
  cut ||= entries.length > namesAtOnce;
  entries = entries.sort(byKey).slice(0, namesAtOnce);
  return { path: folder, entries, more: cut ? (entries.at(-1)?.key ?? null) : null };
}

const byKey = (a: { key: string }, b: { key: string }): number =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
