import type { ProductionState } from '../../../domain/states/production.js';
import type { CampaignFile } from '../../campaign-file.js';
import type { OneOfSeveral } from '../../temporal/several.js';
import type { Submission } from '../../temporal/submission.js';
import { counted, countsText, firstOf, safe, safeLines } from '../text.js';
import { errorText, type ErrorText } from './campaign-answers.js';

/** `failed`: see its error. `left`: an error of another kept it from being begun. */
type Outcome = Submission['outcome'] | 'failed' | 'left';

/** What the submission of a campaign file has come to. */
export interface SubmittedCampaign {
  readonly campaign: string;
  readonly registered: number;
  readonly revised: number;
  readonly exists: number;
  readonly failed: number;
  readonly left: number;
  readonly productions: readonly {
    readonly production: string;
    readonly outcome: Outcome;
    readonly state: ProductionState | null;
    readonly revision: number | null;
    /** What commands have changed since it was submitted. */
    readonly changed: Submission['changed'];
    readonly error: ErrorText | null;
  }[];
  readonly warnings: readonly string[];
}

/** `warnings` are those of the file and of what its productions read. */
export function submittedOf(
  { name }: Pick<CampaignFile, 'name'>,
  results: readonly OneOfSeveral<Submission>[],
  warnings: readonly string[],
): SubmittedCampaign {
  const productions = results.map(({ answer, error, production }) => ({
    production,
    outcome: answer?.outcome ?? (error === null ? ('left' as const) : ('failed' as const)),
    state: answer?.state ?? null,
    revision: answer?.revision ?? null,
    changed: answer?.changed ?? [],
    error: errorText(error),
  }));
  const countOf = (outcome: Outcome): number =>
    productions.filter((one) => one.outcome === outcome).length;
  return {
    campaign: name,
    registered: countOf('registered'),
    revised: countOf('revised'),
    exists: countOf('exists'),
    failed: countOf('failed'),
    left: countOf('left'),
    productions,
    warnings,
  };
}

/** More errors are only counted: most of them are alike. */
const MOST_ERRORS = 20;
/** The same for what commands have changed. */
const MOST_CHANGES = 5;

/** `events: 60 -> 100 (extend); tolerance: 0 -> 0.1 (amend)`. */
export function changesText(changed: Submission['changed']): string {
  const told = changed
    .slice(0, MOST_CHANGES)
    .map(({ change, command }) => `${safe(change)} (${command})`);
  const more = changed.length - told.length;
  return [...told, ...(more > 0 ? [`${more} more fields`] : [])].join('; ');
}

/** Which productions are no longer as they were submitted, as a line; nothing if all are. */
export function changesLine(
  productions: readonly Pick<Submission, 'production' | 'changed'>[],
): string[] {
  const changes = productions
    .filter(({ changed }) => changed.length > 0)
    .map(({ changed, production }) => `${production} (${changesText(changed)})`);
  return changes.length === 0
    ? []
    : [`Changed since they were submitted: ${firstOf(changes, MOST_CHANGES)}.`];
}

/** The same for a person. */
export function submissionPage({ campaign, productions, ...counts }: SubmittedCampaign): string {
  const { exists, failed, left, registered, revised } = counts;
  const made = countsText({
    registered,
    'revised after a rejection': revised,
    'registered before': exists,
    failed,
    'not begun': left,
  });
  const errors = productions.flatMap(({ error, production }) =>
    error === null ? [] : [`${safe(production)}: ${safeLines(error.message)} ${error.remedy}`],
  );
  const more = errors.length - MOST_ERRORS;
  return [
    ...errors.slice(0, MOST_ERRORS),
    ...(more > 0 ? [`... and ${more} more errors`] : []),
    `Campaign ${campaign}: ${counted(productions.length, 'production')}: ${made}.`,
    ...changesLine(productions),
    failed + left > 0
      ? 'Submit the file again: it makes only what is missing.'
      : `Look at it: fabrica campaign show ${campaign}`,
  ].join('\n');
}
