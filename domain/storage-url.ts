import { quoted } from './problem.js';

/** Addresses of storages that are directories of servers: how they are written, what is wrong with one, and which of them are one place. */

const HOST = String.raw`(?<host>[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.?|\[[0-9A-Fa-f:.]+\])`;
const PORT = String.raw`[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]`;
const SERVER = `${HOST}(?::(?<port>${PORT}))?`;
/** Plain names, without slashes, dots or controls that would lead elsewhere. */
const ROOT = String.raw`(?<root>(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._~+-]+)+)`;

/** `root://host:port//directory`. */
export const XROOTD_URL = new RegExp(
  String.raw`^(?<scheme>roots?):\/\/(?<server>${SERVER})\/${ROOT}$`,
);

/** `https://host:port/directory`; of S3 the first name is that of the bucket. */
export const HTTP_URL = new RegExp(String.raw`^(?<origin>(?<scheme>https?):\/\/${SERVER})${ROOT}$`);

const STANDARD_PORTS: Readonly<Record<string, string>> = {
  root: '1094',
  roots: '1094',
  http: '80',
  https: '443',
};

/**
 * Where a storage is, the same for all spellings of one address: `host:port/directory`; of a directory of this machine, its path. Servers of XRootD
 * answer all protocols at one port, so these count for nothing. Two names of one host can not be told here.
 */
export function canonicalPlace(place: string): string {
  const parts = (XROOTD_URL.exec(place) ?? HTTP_URL.exec(place))?.groups;
  if (parts === undefined) return place;
  const { host = '', port = STANDARD_PORTS[parts['scheme'] ?? ''], root } = parts;
  return `${canonicalHost(host) ?? host}:${port}${root}`;
}

/** In lower case, without a dot at its end, addresses in their shortest form; null if it is none. */
function canonicalHost(host: string): string | null {
  const url = `http://${host}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : null;
}

/** Whether numbers that a host is given by are an address. */
export const hasHost = (url: string): boolean => {
  const host = (XROOTD_URL.exec(url) ?? HTTP_URL.exec(url))?.groups?.['host'];
  return host !== undefined && canonicalHost(host) !== null;
};

/** What such an address must be like, and what of that one that does not match its pattern is not. */
export function urlFault(kind: 'xrootd' | 'webdav' | 's3', url: string): string {
  const [example, schemes, slashes] =
    kind === 'xrootd'
      ? ['root://host:1094//directory', /^roots?:\/\//, '//']
      : [`https://host:443/${kind === 's3' ? 'bucket' : 'directory'}`, /^https?:\/\//, '/'];
  const like = `must be like ${example}`;
  const [begin] = schemes.exec(url) ?? [];
  if (begin === undefined) return like;
  const [server = ''] = /^[^/]*/.exec(url.slice(begin.length)) ?? [];
  const rest = url.slice(begin.length + server.length);
  return `${like}, ${serverFault(server) ?? rootFault(slashes, rest)}`;
}

function serverFault(server: string): string | null {
  const { host = '', port } =
    /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>.*))?$/s.exec(server)?.groups ?? {};
  if (!new RegExp(`^${HOST}$`).test(host)) return `with ${A_HOST}`;
  if (port === undefined || new RegExp(`^(?:${PORT})$`).test(port)) return null;
  return 'with a port from 1 to 65535 that does not begin with 0';
}

/** What names a server. */
export const A_HOST = 'a host of letters, digits, dots and dashes, or an IPv6 address in brackets';

function rootFault(slashes: string, rest: string): string {
  const directory = rest.slice(slashes.length);
  if (!rest.startsWith(slashes) || directory === '') {
    return `with ${slashes} and a directory after the host`;
  }
  const odd = /[^A-Za-z0-9._~+/-]/u.exec(directory);
  if (odd !== null) {
    return `without ${quoted(odd[0])}: names of directories are letters, digits and . _ ~ + -`;
  }
  if (directory.endsWith('/')) return 'without a slash at the end';
  const names = directory.split('/');
  if (names.includes('')) return 'without slashes that follow each other in the directory';
  return `without ${quoted(names.find((name) => /^\.\.?$/.test(name)))} in the directory`;
}
