import type { ProductionState } from '../../../domain/states/production.js';
import type { ErrorCode, FabricaError } from '../../../domain/errors.js';
import type { CampaignAnswer } from '../../temporal/campaign-request.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { counted, countsText } from '../text.js';
import type { PageLook } from './production-page.js';

/** `unanswered`: the error tells why nobody has answered; if it was sent, it is carried out later. `unasked`: an error before it kept the rest from being asked. `unconcerned`: it has ended, or is in a state that the request is not for. */
type Outcome = 'changed' | 'unchanged' | 'refused' | 'unanswered' | 'unasked' | 'unconcerned';

/** What a request to a campaign has come to in one production. */
export interface ProductionOutcome {
  readonly production: string;
  readonly outcome: Outcome;
  /** Null where it is not known. */
  readonly state: ProductionState | null;
  readonly priority: number | null;
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
    ...asked.map(({ answer, error, production }): ProductionOutcome => {
      if (answer === null) {
        const outcome = outcomeOf(error);
        const nothing = { state: null, priority: null, reason: '' };
        return { production, outcome, ...nothing, error: errorText(error) };
      }
      const { priority, reason, state } = answer;
      const outcome = answer.outcome === 'done' ? 'changed' : 'unchanged';
      return { production, outcome, state, priority, reason, error: null };
    }),
    ...others.map(({ name, state }): ProductionOutcome => {
      const nothing = { priority: null, reason: '', error: null };
      return { production: name, outcome: 'unconcerned', state, ...nothing };
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

/** A line for each production that was asked, and one for all. */
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
      one.state === null ? null : { text: one.state, paint: stateStyle(look.style, one.state) },
      one.priority,
      one.error === null ? one.reason : `${one.error.message} ${one.error.remedy}`,
    ]);
  const all = `${kind} of ${campaign}: ${countsText(counts) || counted(0, 'production')}.`;
  const table = look.table(['production', 'answer', 'state', 'priority', 'reason'], rows);
  return rows.length === 0 ? all : `${table}\n\n${all}`;
}
