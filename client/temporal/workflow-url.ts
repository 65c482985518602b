import type { FoundEndpoint } from './endpoint.js';

/** The address of a workflow on Temporal's page. */
export function workflowUrl(endpoint: FoundEndpoint, workflowId: string): string | null {
  if (endpoint.uiUrl === null) return null;
  const { namespace, uiUrl } = endpoint;
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
}
