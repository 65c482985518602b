import type { CommandKind, PersonsCommand } from '../domain/command.js';
import type { ProductionState } from '../domain/states/production.js';

/** What of a production decides which commands it takes. */
export interface CommandCase {
  readonly name: string;
  readonly state: ProductionState;
  /** Where `Stopped` and `Held` lead back to. */
  readonly resumeState: ProductionState | null;
  /** A person has had it finish early: `draining` while its jobs end. */
  readonly finish: 'draining' | 'closed' | null;
}

/** `already`: the production is as the command wants it. `no`: refused, and why. */
export type CommandVerdict =
  { readonly allowed: 'yes' | 'already' } | { readonly allowed: 'no'; readonly why: string };

interface Rule {
  readonly yes: readonly ProductionState[];
  readonly already?: readonly ProductionState[];
  /** Why not, in any other state. */
  readonly why: (production: CommandCase) => string;
}

const ENDING = ['Cancelling', 'Cancelled', 'Cleaning', 'Cleaned', 'Archived'] as const;
const BEFORE_VERDICT: readonly (ProductionState | null)[] = ['New', 'Scouting', 'AwaitingApproval'];

const cannotBe =
  (done: string) =>
  ({ state }: CommandCase): string =>
    `${state} productions can not be ${done}`;

const RULES: Readonly<Record<PersonsCommand, Rule>> = {
  pause: {
    yes: ['New', 'Scouting', 'Active', 'Held'],
    already: ['Stopped'],
    why: cannotBe('paused'),
  },
  resume: {
    yes: ['Stopped', 'AwaitingApproval'],
    already: ['New', 'Scouting', 'Active'],
    why: (production) =>
      production.state === 'Held'
        ? 'it is held, not paused: release retries its parked jobs, waive gives them up'
        : cannotBe('resumed')(production),
  },
  reprioritize: {
    yes: [
      ...([
        'New',
        'Scouting',
        'AwaitingApproval',
        'Rejected',
        'Active',
        'Stopped',
        'Held',
      ] as const),
      ...(['Completing', 'Cancelling', 'Cleaning'] as const),
    ],
    why: ({ state }) => `${state} productions have no use for a priority`,
  },
  extend: {
    yes: [
      ...(['New', 'Scouting', 'AwaitingApproval', 'Active', 'Stopped', 'Held'] as const),
      ...(['Completing', 'Completed'] as const),
    ],
    why: ({ name, state }) =>
      state === 'Rejected'
        ? 'it is Rejected: submit a new revision of its definition with more events'
        : `${state} productions can not be extended: submit the events that are wanted under another name than ${name}`,
  },
  finish: {
    yes: ['Active', 'Stopped', 'Held'],
    already: ['Completing', 'Completed'],
    why: ({ name, state }) =>
      BEFORE_VERDICT.includes(state)
        ? notBegun(name)
        : `${state} productions have nothing to finish`,
  },
  amend: {
    yes: ['New', 'Scouting', 'AwaitingApproval', 'Active', 'Stopped', 'Held'],
    why: ({ state }) =>
      state === 'Rejected'
        ? 'it is Rejected: submit its new definition under the same name'
        : state === 'Completing' || state === 'Completed'
          ? `${state} productions have no jobs left that an amendment would be about; one that is extended can be amended`
          : `${state} productions can not be amended`,
  },
  comment: {
    yes: [
      ...([
        'New',
        'Scouting',
        'AwaitingApproval',
        'Rejected',
        'Active',
        'Stopped',
        'Held',
      ] as const),
      ...(['Completing', 'Completed', ...ENDING] as const),
    ],
    why: cannotBe('commented'),
  },
  release: {
    yes: ['Active', 'Held', 'AwaitingApproval'],
    why: ({ state }) => `${state} productions have no jobs to release`,
  },
  waive: {
    yes: ['Active', 'Held'],
    why: ({ state }) => `${state} productions have no jobs to waive`,
  },
  kill: {
    yes: ['Active', 'Held', 'Stopped'],
    why: ({ state }) => `${state} productions have no jobs to kill`,
  },
  reprocess: {
    yes: ['Active', 'Completing', 'Completed', 'Stopped', 'Held'],
    why: (production) => {
      const { name, state } = production;
      if (state === 'New' || state === 'Scouting') return scouting(name);
      if (state === 'AwaitingApproval') {
        return `its scouts wait for approval: \`fabrica resume ${name}\` first`;
      }
      return state === 'Rejected'
        ? `it is Rejected, nothing of it is kept: \`fabrica rescout ${name}\``
        : cannotBe('reprocessed')(production);
    },
  },
  rescout: {
    yes: ['Rejected'],
    why: ({ state }) => `only Rejected productions are scouted again, it is ${state}`,
  },
  cancel: {
    yes: [
      ...([
        'New',
        'Scouting',
        'AwaitingApproval',
        'Rejected',
        'Active',
        'Stopped',
        'Held',
      ] as const),
      'Completing',
    ],
    already: ['Cancelling', 'Cancelled'],
    why: cannotBe('cancelled'),
  },
  clean: {
    yes: ['Rejected', 'Completed', 'Cancelled'],
    already: ['Cleaning', 'Cleaned'],
    why: (production) => {
      const { name, state } = production;
      return state === 'Archived' || state === 'Cancelling'
        ? cannotBe('cleaned')(production)
        : `${cannotBe('cleaned')(production)}: cancel it first (\`fabrica cancel ${name}\`)`;
    },
  },
};

/** Whether a production in this state takes a command; what the command says is judged elsewhere. */
export function commandAllowed(kind: CommandKind, production: CommandCase): CommandVerdict {
  if (kind === 'malformed') return { allowed: 'no', why: 'it was not understood' };
  const { already = [], why, yes } = RULES[kind];
  if (already.includes(production.state)) return { allowed: 'already' };
  if (!yes.includes(production.state)) return { allowed: 'no', why: why(production) };
  const more = refusalInState(kind, production);
  return more === null ? { allowed: 'yes' } : { allowed: 'no', why: more };
}

/** What the state alone does not tell. */
function refusalInState(kind: PersonsCommand, production: CommandCase): string | null {
  const { finish, name, resumeState, state } = production;
  const waits = state === 'Stopped' || state === 'Held';
  const undecided = waits && BEFORE_VERDICT.includes(resumeState);
  if (kind === 'finish' && undecided) return notBegun(name);
  if (kind === 'kill' && undecided) return `it is scouting: \`fabrica cancel ${name}\` ends it`;
  if (kind === 'reprocess' && undecided) return scouting(name);
  if (finish !== 'draining') return null;
  if (kind === 'extend' || kind === 'reprocess') {
    return `it is being finished: wait until it is Completed (\`fabrica watch ${name}\`), then ask again`;
  }
  return null;
}

const scouting = (name: string): string =>
  `it is scouting: wait for the verdict, or \`fabrica cancel ${name}\``;

const notBegun = (name: string): string =>
  `it has made nothing that could be finished: \`fabrica cancel ${name}\` ends it`;
