/**
 * What Fabrica's workflows can be searched by in Temporal. Coarse values only, set on change: each change is an event in the
 * history and a write to the visibility store. Temporal is asked for lists and for the UI; rules ask the catalog.
 */
export const SEARCH_ATTRIBUTES = [
  { name: 'FabricaProduction', type: 'KEYWORD' },
  { name: 'FabricaState', type: 'KEYWORD' },
  { name: 'FabricaCampaign', type: 'KEYWORD' },
  { name: 'FabricaPriority', type: 'INT' },
  { name: 'FabricaEpoch', type: 'KEYWORD' },
] as const;

export type SearchAttribute = (typeof SEARCH_ATTRIBUTES)[number];
export type SearchAttributeName = SearchAttribute['name'];
/** Temporal's names of the types, as `defineSearchAttributeKey` of its SDK takes them. */
export type SearchAttributeType = SearchAttribute['type'];
