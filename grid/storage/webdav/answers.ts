import { XMLParser } from 'fast-xml-parser';
import type { Space } from '../storage-element.js';

/** What servers of WebDAV answer, read. */

/** A file or folder, as PROPFIND tells it. */
export interface Resource {
  /** Decoded path on the server, without a slash at its end. */
  readonly path: string;
  readonly folder: boolean;
  readonly size: number;
  /** ms since 1970; null if it is not told. */
  readonly modifiedAt: number | null;
}

const parser = new XMLParser({
  removeNSPrefix: true,
  parseTagValue: false,
  // What there is one or many of.
  isArray: (name) => name === 'response' || name === 'propstat',
});

interface Multistatus {
  readonly multistatus?: {
    readonly response?: readonly {
      readonly href?: string;
      readonly propstat?: readonly {
        readonly status?: string;
        readonly prop?: Readonly<Record<string, unknown>>;
      }[];
    }[];
  };
}

/** The resources of a multistatus answer (RFC 4918, 14.16); null if it is none. */
export function resourcesOf(xml: string): Resource[] | null {
  const found = propertiesOf(xml);
  return (
    found?.flatMap(({ properties, path }) => {
      const type = properties['resourcetype'];
      const isFolder =
        (typeof type === 'object' && type !== null && 'collection' in type) ||
        properties['iscollection'] === '1';
      const size = Number(textOf(properties['getcontentlength']));
      const modifiedAt = Date.parse(textOf(properties['getlastmodified']));
      return [
        {
          path,
          folder: isFolder,
          size: Number.isFinite(size) ? size : 0,
          modifiedAt: Number.isNaN(modifiedAt) ? null : modifiedAt,
        },
      ];
    }) ?? null
  );
}

/** What a collection has left (RFC 4331); null if the server does not tell. */
export function quotaOf(xml: string): Space | null {
  const [root] = propertiesOf(xml) ?? [];
  const [free, used] = ['quota-available-bytes', 'quota-used-bytes'].map((name) =>
    Number.parseInt(textOf(root?.properties[name]), 10),
  );
  if (free === undefined || used === undefined || !(free >= 0) || !(used >= 0)) return null;
  return { total: free + used, free };
}

function propertiesOf(
  xml: string,
): { readonly path: string; readonly properties: Readonly<Record<string, unknown>> }[] | null {
  let parsed: Multistatus;
  try {
    parsed = parser.parse(xml) as Multistatus;
  } catch {
    return null;
  }
  if (parsed.multistatus === undefined) return null;
  return (parsed.multistatus.response ?? []).flatMap(({ href, propstat = [] }) => {
    const path = pathOfHref(String(href ?? ''));
    if (path === null) return [];
    const good = propstat.filter(({ status = '' }) => status === '' || / 2\d\d( |$)/.test(status));
    return [
      {
        path,
        properties: Object.assign({}, ...good.map(({ prop }) => prop ?? {})) as object as Record<
          string,
          unknown
        >,
      },
    ];
  });
}

/** The decoded path of a reference, absolute or not; null if it can not be decoded. */
function pathOfHref(href: string): string | null {
  try {
    const encoded = href.trim().replace(/^https?:\/\/[^/]*/, '');
    const path = decodeURIComponent(encoded).replace(/\/+$/, '');
    return path === '' ? '/' : path;
  } catch {
    return null;
  }
}

/** Of the header `Digest` (RFC 3230); null if it has no adler32. */
export function adler32Of(digest: string | undefined): string | null {
  const hex = /(?:^|,)\s*adler32=([0-9a-f]{1,8})\s*(?:,|$)/i.exec(digest ?? '')?.[1];
  return hex === undefined ? null : hex.toLowerCase().padStart(8, '0');
}

/**
 * Why a third-party copy has failed, from the lines that the server sends while it copies; null if it has succeeded. The status of the answer
 * proves nothing: it is sent before the copy begins.
 */
export function copyFailureOf(body: string): string | null {
  const last = body.trim().split('\n').at(-1)?.trim() ?? '';
  if (/^success\b/i.test(last)) return null;
  return last === '' ? 'the server said nothing of its end' : last;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
