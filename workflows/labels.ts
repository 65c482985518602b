import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';

/** Search attributes by which people and `recover` find the workflows of a production. */

export const PRODUCTION = defineSearchAttributeKey('FabricaProduction', 'KEYWORD');
/** By it `fabrica recover` tells what runs for an earlier epoch. */
export const EPOCH = defineSearchAttributeKey('FabricaEpoch', 'KEYWORD');

/** Those of every child of a production. */
export function labelsOf(ref: { epoch: string; production: string }): SearchAttributePair[] {
  return [
    { key: PRODUCTION, value: ref.production },
    { key: EPOCH, value: ref.epoch },
  ];
}
