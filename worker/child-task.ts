import type { Configuration } from '../domain/configuration.js';
import { FabricaError, isErrorCode, messageOf } from '../domain/errors.js';
import type { TemporalEndpoint } from './temporal-connection.js';

/** What `up` tells a child process as its first message. */
export interface ChildTask extends TemporalEndpoint {
  readonly configuration: Configuration;
  readonly catalogFile: string;
  readonly stateDirectory: string;
  readonly logFile: string;
}

/** What a child process tells `up`: that it polls, or why it ends. */
export type ChildMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    };

/** The message about an error that ends a child. */
export function failureMessage(error: unknown): ChildMessage {
  const known = error instanceof FabricaError ? error : null;
  return {
    kind: 'failed',
    code: known?.code ?? 'FABRICA_INTERNAL',
    message: messageOf(error),
    remedy: known?.remedy ?? '',
  };
}

/** The error that a child ended with; null if the message is none about an error. */
export function failureOf(message: unknown): FabricaError | null {
  if (typeof message !== 'object' || message === null) return null;
  const { kind, code, message: text, remedy } = message as Partial<Record<string, unknown>>;
  if (kind !== 'failed') return null;
  return new FabricaError(
    isErrorCode(code) ? code : 'FABRICA_INTERNAL',
    String(text),
    {},
    typeof remedy === 'string' && remedy !== '' ? { remedy } : {},
  );
}

/** True if the message tells that the child polls. */
export function isReady(message: unknown): boolean {
  return (
    typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'ready'
  );
}
