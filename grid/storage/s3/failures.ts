import { FabricaError, messageOf } from '../../../domain/errors.js';

/** What servers of S3 refuse, as Fabrica's errors. */

/** Of an error of the client: the code of the server and the status of the answer, as far as there was one. */
export interface Refusal {
  readonly refused: true;
  readonly code: string;
  readonly status: number | null;
  readonly text: string;
}

export const isRefusal = (answer: object): answer is Refusal => 'refused' in answer;

export function refusalOf(error: unknown): Refusal {
  const fields: Readonly<Record<string, unknown>> =
    typeof error === 'object' && error !== null ? { ...error } : {};
  const metadata = fields['$metadata'];
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : null;
  return {
    refused: true,
    code: error instanceof Error ? error.name : '',
    status: typeof status === 'number' ? status : null,
    text: messageOf(error),
  };
}

/** What servers say of who asks, and what it means. */
const OF_CREDENTIALS: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: 'does not know its access key',
  SignatureDoesNotMatch: 'says that its secret is wrong',
  ExpiredToken: 'says that it has ended',
  InvalidToken: 'does not know its session token',
  TokenRefreshRequired: 'says that it has ended',
  AuthorizationHeaderMalformed: 'does not take what is signed for this region',
  InvalidClientTokenId: 'does not know its access key',
  XAdminUserNotFound: 'does not know its access key',
};

/** True if there is no such object. That alone its status does not tell: it is the same where the bucket is gone, or who asks is not known. */
export const saysAbsent = ({ code }: Refusal): boolean => code === 'NoSuchKey';

/** True if another credential might be taken. */
export const refusesCredential = ({ code }: Refusal): boolean => code in OF_CREDENTIALS;

export function failureOf(
  { credential, storage }: { readonly credential: string; readonly storage: string },
  storagePath: string,
  { code, status, text }: Refusal,
): FabricaError {
  const place = { storage, path: storagePath };
  const said = `${storagePath}: ${[code, text]
    .filter((one) => one !== '' && one !== 'Error')
    .join(': ')
    .replace(/\s+/g, ' ')
    .slice(0, 300)}${status === null ? '' : ` (HTTP ${status})`}`;
  const meaning = OF_CREDENTIALS[code];
  if (meaning !== undefined) {
    return new FabricaError(
      'FABRICA_STORAGE_CREDENTIAL',
      `Storage ${storage} refuses the credential ${credential}: the server ${meaning}: ${said}.`,
      place,
    );
  }
  if (code === 'RequestTimeTooSkewed') {
    return new FabricaError(
      'FABRICA_STORAGE_UNREACHABLE',
      `Storage ${storage} refuses: the clock of this machine and that of the server differ by more than it takes: ${said}.`,
      place,
      { remedy: 'Set the clock of this machine (NTP), or that of the server.' },
    );
  }
  if (status === 507 || /quota|no ?space|storage ?full|insufficient/i.test(`${code} ${text}`)) {
    return new FabricaError('FABRICA_STORAGE_FULL', `Storage ${storage} is full: ${said}.`, place);
  }
  if (status === 403 || status === 405 || code === 'AccessDenied') {
    return new FabricaError(
      'FABRICA_STORAGE_READONLY',
      `Storage ${storage} refuses: ${said}.`,
      place,
    );
  }
  return new FabricaError(
    'FABRICA_STORAGE_UNREACHABLE',
    `Storage ${storage} fails: ${said}.`,
    place,
  );
}
