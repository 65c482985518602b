import type { FolderEntry } from '../ordered-walk.js';
import type { Space } from '../storage-element.js';

/** What `xrdfs` answers, read. Times are those of UTC, in which it is asked for them. */

/** A file or folder as a server tells it. */
export interface ServedFile {
  readonly size: number;
  /** ms since 1970, in whole seconds. */
  readonly modifiedAt: number;
  readonly folder: boolean;
  /** Its writer has not closed it yet; if it never does, the server takes it away. */
  readonly pending: boolean;
}

/** Of `stat`; null if there is nothing that could be read. */
export function statusOf(text: string): ServedFile | null {
  const size = /^Size: +(\d+)$/m.exec(text)?.[1];
  const flags = /^Flags: +\d+ \(([^)]*)\)$/m.exec(text)?.[1];
  if (size === undefined || flags === undefined) return null;
  const told = flags.split('|');
  return {
    size: Number(size),
    modifiedAt: timeOf(/^MTime: +(.*)$/m.exec(text)?.[1] ?? ''),
    folder: told.includes('IsDir'),
    pending: told.includes('POSCPending'),
  };
}

/** Of `query checksum`; null if it tells none. */
export function adler32Of(text: string): string | null {
  const hex = /^adler32 ([0-9a-fA-F]{1,8})$/m.exec(text)?.[1];
  return hex === undefined ? null : hex.toLowerCase().padStart(8, '0');
}

/** An entry of `ls -l`. */
export interface ListedEntry extends FolderEntry {
  readonly size: number;
  readonly modifiedAt: number;
}

/** With owners, as servers tell that speak the long form of `stat`; and the short one of the others. */
const LONG = /^([-dl])\S{9,} +\S+ +\S+ +(\d+) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +(\/.*)$/;
const SHORT = /^([-dl])\S{3} +(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +(\d+) +(\/.*)$/;

/** Of `ls -l` of a folder, a path of the server. What others have named with a newline can not be told from two names, and is left out. */
export function entriesOf(text: string, folder: string): ListedEntry[] {
  return text.split('\n').flatMap((line) => {
    const long = LONG.exec(line);
    const [, kind, size, time, file] = long ?? reordered(SHORT.exec(line));
    if (file?.startsWith(`${folder}/`) !== true) return [];
    const name = file.slice(folder.length + 1);
    if (name === '' || name.includes('/')) return [];
    return [{ name, folder: kind === 'd', size: Number(size), modifiedAt: timeOf(time ?? '') }];
  });
}

function reordered(short: RegExpExecArray | null): readonly (string | undefined)[] {
  if (short === null) return [];
  const [all, kind, time, size, file] = short;
  return [all, kind, size, time, file];
}

/** Of `query space`; null if it does not tell. A quota is what there is. */
export function spaceOf(text: string): Space | null {
  const told = new URLSearchParams(text.trim());
  const [space, free, used, quota] = ['space', 'free', 'used', 'quota'].map((name) => {
    const value = told.get(`oss.${name}`);
    return value === null ? NaN : Number(value);
  });
  if (space === undefined || free === undefined || Number.isNaN(space + free)) return null;
  if (quota === undefined || used === undefined || !(quota >= 0)) return { total: space, free };
  return { total: quota, free: Math.max(0, Math.min(free, quota - used)) };
}

const timeOf = (text: string): number => Date.parse(`${text.replace(' ', 'T')}Z`) || 0;
