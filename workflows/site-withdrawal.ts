import { ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { BundleHandle } from '../domain/bundle.js';
import { control } from './activities.js';
import { inTurns } from './turns.js';
import { withdrawnAtOnce, withdrawnInTheEnd } from './withdrawal.js';

/** From which site, and who asks for it. */
export interface SiteWithdrawalInput {
  readonly site: string;
  readonly who: string;
  readonly why: string;
  /** Bundles for which the site has not answered at once: it is asked on for days. */
  readonly late?: readonly BundleHandle[];
}

export interface SiteWithdrawn {
  /** Jobs of all productions that had not started, and never will. */
  readonly jobs: number;
  /** The site has not answered for some of them; it is asked on. */
  readonly silent: boolean;
}

/**
 * Withdraws what waits at a site, of all productions: what is banned shall not keep jobs that others could run. They wait to be placed elsewhere, and
 * their watches tell of it. Started after the ban is recorded, so that nothing comes after it.
 */
export async function siteWithdrawal(input: SiteWithdrawalInput): Promise<SiteWithdrawn> {
  const { late: asked, site, who, why } = input;
  if (asked !== undefined) {
    for (const handle of asked) await withdrawnInTheEnd(handle);
    return { jobs: 0, silent: false };
  }
  const handles = await control.queuedAt({ site });
  // A silent site answers none: then the others are not waited for either.
  const answers = await inTurns(handles, withdrawnAtOnce, {
    goOn: (some) => some.some((one) => one !== null),
  });
  const late = handles.filter((_, i) => typeof answers[i] !== 'number');
  const counts = new Map<string, number>();
  for (const [i, { production }] of handles.entries()) {
    counts.set(production, (counts.get(production) ?? 0) + (answers[i] ?? 0));
  }
  const productions = [...counts].map(([production, jobs]) => ({ production, jobs }));
  const jobs = productions.reduce((sum, one) => sum + one.jobs, 0);
  const silent = late.length > 0;
  if (handles.length > 0) {
    await control.noteSiteWithdrawal({ site, who, why, productions, silent });
  }
  if (silent) await leaveToLater({ ...input, late });
  return { jobs, silent };
}

/** Whoever waits for the answer does not wait for a site that is silent. */
async function leaveToLater(input: SiteWithdrawalInput): Promise<void> {
  await startChild<typeof siteWithdrawal>('siteWithdrawal', {
    workflowId: `${workflowInfo().workflowId}/${workflowInfo().runId}`,
    parentClosePolicy: ParentClosePolicy.ABANDON,
    args: [input],
    staticSummary: `what ${input.site} has not withdrawn yet`,
  });
}
