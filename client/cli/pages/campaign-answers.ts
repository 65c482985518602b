import type { ProductionState } from '../../../domain/states/production.js';
import type { ErrorCode, FabricaError } from '../../../domain/errors.js';
import type { CampaignAnswer } from '../../temporal/campaign-request.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { counted, countsText } from '../text.js';
import type { PageLook } from './production-page.js';
import { clause } from '../../../domain/clause.js';

/** `unanswered`: the error tells why nobody has answered; if it was sent, it is carried out later. `unasked`: an error before it kept the rest from being asked. `unconcerned`: it has ended, is in a state that the request is not for, or reads files and can not be extended. */
type Outcome = 'changed' | 'unchanged' | 'refused' | 'unanswered' | 'unasked' | 'unconcerned';

/** What a request to a campaign has come to in one production. */
export interface ProductionOutcome {
  readonly production: string;
  readonly outcome: Outcome;
  readonly state: ProductionState;
  readonly priority: number;
  /** Why it is in its state; why the request does not concern it. */
  readonly reason: string;
  readonly error: ErrorText | null;
}

export type ErrorText = Pick<FabricaError, 'code' | 'message' | 'remedy'>;

export interface CampaignOutcomes {
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly productions: readonly ProductionOutcome[];
}

/** The answers of the productions, and how many are alike. */
export function outcomesOf({ asked, others }: CampaignAnswer): CampaignOutcomes {
  const productions = [
    ...asked.map(({ answer, error, priority, production, state }): ProductionOutcome => {
      if (answer === null) {
        const outcome = outcomeOf(error);
        return { production, outcome, state, priority, reason: '', error: errorText(error) };
      }
      const outcome = answer.outcome === 'done' ? 'changed' : 'unchanged';
      return { production, outcome, state, priority, reason: answer.reason, error: null };
    }),
    ...others.map(({ name, priority, state, why }): ProductionOutcome => {
      const nothing = { reason: why, error: null };
      return { production: name, outcome: 'unconcerned', state, priority, ...nothing };
    }),
  ];
  const countOf = (outcome: Outcome): number =>
    productions.filter((one) => one.outcome === outcome).length;
  const counts = {
    changed: countOf('changed'),
    unchanged: countOf('unchanged'),
    refused: countOf('refused'),
    unanswered: countOf('unanswered'),
    unasked: countOf('unasked'),
    unconcerned: countOf('unconcerned'),
  };
  return { counts, productions };
}

const REFUSED: readonly ErrorCode[] = ['FABRICA_COMMAND_REFUSED', 'FABRICA_COMMAND_INVALID'];

function outcomeOf(error: FabricaError | null): Outcome {
  if (error === null) return 'unasked';
  return REFUSED.includes(error.code) ? 'refused' : 'unanswered';
}

/** An error as JSON has it everywhere. */
export function errorText(error: FabricaError | null): ErrorText | null {
  if (error === null) return null;
  return { code: error.code, message: error.message.trimEnd(), remedy: error.remedy };
}

/** A line for each production that was asked, one for all, and why the others were not. */
export function requestPage(
  kind: string,
  campaign: string,
  { counts, productions }: CampaignOutcomes,
  look: PageLook,
): string {
  const rows = productions
    .filter(({ outcome }) => outcome !== 'unconcerned')
    .map((one): Cell[] => [
      one.production,
      one.outcome,
      { text: one.state, paint: stateStyle(look.style, one.state) },
      one.priority,
      one.error === null ? one.reason : `${one.error.message} ${one.error.remedy}`,
    ]);
  const all = [
    `${kind} of ${campaign}: ${countsText(counts) || counted(0, 'production')}.`,
    ...reasonsOf(productions).map(([why, many]) => `${many} unconcerned: ${clause(why)}.`),
  ].join('\n');
  const table = look.table(['production', 'answer', 'state', 'priority', 'reason'], rows);
  return rows.length === 0 ? all : `${table}\n\n${all}`;
}

/** Why productions were not asked, and how many for the same reason. */
function reasonsOf(productions: readonly ProductionOutcome[]): [string, number][] {
  const reasons = new Map<string, number>();
  for (const { outcome, reason } of productions) {
    if (outcome === 'unconcerned') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return [...reasons];
}
