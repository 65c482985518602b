import { DefaultPayloadConverter, type Payload } from '@temporalio/common';

/** What a payload that could not be read becomes. */
export interface Malformed {
  readonly malformed: string;
}

/**
 * The ordinary converter, but a payload that it can not read becomes a `Malformed` marker. Otherwise one signal with broken JSON
 * would fail every task of the workflow it was sent to, for ever.
 */
class TolerantPayloadConverter extends DefaultPayloadConverter {
  override fromPayload<T>(payload: Payload): T {
    try {
      return super.fromPayload<T>(payload);
    } catch (error) {
      const marker: Malformed = {
        malformed: error instanceof Error ? error.message : String(error),
      };
      return marker as T;
    }
  }
}

export const payloadConverter = new TolerantPayloadConverter();

/** True for what a payload that could not be read has become. */
export function isMalformed(value: unknown): value is Malformed {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === 1 &&
    'malformed' in value &&
    typeof value.malformed === 'string'
  );
}
