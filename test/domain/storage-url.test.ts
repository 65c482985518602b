import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalPlace,
  hasHost,
  urlFault,
  HTTP_URL,
  XROOTD_URL,
} from '../../domain/storage-url.js';

describe('the place of a storage', () => {
  it.each([
    ['root://h//x', 'root://h:1094//x'],
    ['root://h//x', 'roots://h//x'],
    ['https://h/x', 'https://h:443/x'],
    ['http://h/x', 'http://h:80/x'],
    ['http://h:8443/x', 'https://h:8443/x'],
    ['root://h//x', 'https://h:1094/x'],
    ['root://H.Example.org//x', 'root://h.example.org.//x'],
    ['root://[::1]//x', 'root://[0:0::1]:1094//x'],
    ['https://[2001:DB8::0:1]/x', 'https://[2001:db8::1]/x'],
  ])('is the same for %s and %s', (a, b) => {
    expect(canonicalPlace(a)).toBe(canonicalPlace(b));
  });

  it.each([
    ['root://h//x', 'root://h//X'],
    ['root://h//x', 'root://h:1095//x'],
    ['root://h//x', 'root://g//x'],
    ['http://h/x', 'https://h/x'],
    ['root://h//x', '/x'],
  ])('is another one for %s and %s', (a, b) => {
    expect(canonicalPlace(a)).not.toBe(canonicalPlace(b));
  });

  it('of a directory of this machine is its path', () => {
    expect(canonicalPlace('/se/disk')).toBe('/se/disk');
  });

  it('does not depend on case and dots of the host, nor on a port that is the standard one', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    fc.assert(
      fc.property(name, name, fc.boolean(), fc.boolean(), fc.boolean(), (host, root, ...how) => {
        const [upper, dot, port] = how;
        const server = `${upper ? host.toUpperCase() : host}${dot ? '.' : ''}${port ? ':1094' : ''}`;
        expect(canonicalPlace(`root://${server}//${root}`)).toBe(`${host}:1094/${root}`);
      }),
    );
  });
});

describe('an address of a storage', () => {
  it.each([
    ['root://h//x/', 'without a slash at the end'],
    ['root://h//../..', 'without ".." in the directory'],
    ['root://h//x/./y', 'without "." in the directory'],
    ['root://h//a b', 'without " ": names of directories are'],
    ['root://h//%78', 'without "%"'],
    ['root://h//x//y', 'without slashes that follow each other'],
    ['root://h/x', 'with // and a directory after the host'],
    ['root://h', 'with // and a directory after the host'],
    ['root://h:01094//x', 'with a port from 1 to 65535'],
    ['root://h:0//x', 'with a port from 1 to 65535'],
    ['root://h:65536//x', 'with a port from 1 to 65535'],
    ['root://h://x', 'with a port from 1 to 65535'],
    ['root://ann@h//x', 'with a host of letters'],
    ['root://h..g//x', 'with a host of letters'],
    ['root:////x', 'with a host of letters'],
    ['https://h/x', 'must be like root://host:1094//directory'],
  ])('%s is told to be one %s', (url, fault) => {
    expect(XROOTD_URL.test(url)).toBe(false);
    expect(urlFault('xrootd', url)).toContain(fault);
  });

  it('of WebDAV is told with its own example', () => {
    expect(urlFault('webdav', 'https://h/x/')).toBe(
      'must be like https://host:443/directory, without a slash at the end',
    );
  });

  it.each([1, 80, 999, 1094, 9999, 10_000, 59_999, 60_000, 65_535])('may have port %d', (port) => {
    expect(XROOTD_URL.test(`root://h:${port}//x`)).toBe(true);
    expect(HTTP_URL.test(`https://h:${port}/x`)).toBe(true);
  });

  it.each(['root://[:::]//x', 'https://1.2.3.256/x'])('%s names no host', (url) => {
    expect(XROOTD_URL.test(url) || HTTP_URL.test(url)).toBe(true);
    expect(hasHost(url)).toBe(false);
  });
});
