import { expect, it } from 'vitest';
import { failureOf, refusalOf } from '../../../../grid/storage/s3/failures.js';

/** As the client throws it. */
const error = (name: string, message: string, httpStatusCode?: number): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });

const told = (thrown: Error) =>
  failureOf({ storage: 'KEK', credential: 'kek' }, '/mc/a', refusalOf(thrown));

it.each([
  ['ExpiredToken', 400, 'FABRICA_STORAGE_CREDENTIAL', /the credential kek: .* that it has ended/],
  ['InvalidAccessKeyId', 403, 'FABRICA_STORAGE_CREDENTIAL', /does not know its access key/],
  ['SignatureDoesNotMatch', 403, 'FABRICA_STORAGE_CREDENTIAL', /that its secret is wrong/],
  ['RequestTimeTooSkewed', 403, 'FABRICA_STORAGE_UNREACHABLE', /the clock of this machine/],
  ['AccessDenied', 403, 'FABRICA_STORAGE_READONLY', /refuses: \/mc\/a: AccessDenied: said/],
  ['QuotaExceeded', 403, 'FABRICA_STORAGE_FULL', /is full/],
  ['XMinioStorageFull', 507, 'FABRICA_STORAGE_FULL', /is full/],
  ['NoSuchBucket', 404, 'FABRICA_STORAGE_UNREACHABLE', /fails: \/mc\/a: NoSuchBucket/],
  ['InternalError', 500, 'FABRICA_STORAGE_UNREACHABLE', /\(HTTP 500\)/],
])('tells %s as what it is', (name, status, code, text) => {
  const failure = told(error(name, 'said', status));
  expect(failure).toMatchObject({ code, place: { storage: 'KEK', path: '/mc/a' } });
  expect(failure.message).toMatch(text);
});

it('tells of a connection that breaks off, without a status', () => {
  const failure = told(error('Error', 'socket hang up'));
  expect(failure.message).toBe('Storage KEK fails: /mc/a: socket hang up.');
  expect(told(error('RequestTimeTooSkewed', 'said', 403)).remedy).toContain('clock');
});
