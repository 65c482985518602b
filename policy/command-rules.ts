import type { CommandKind, PersonsCommand } from '../domain/command.js';
import { ERRORS } from '../domain/errors.js';
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

/** Why a command is refused, and what whoever sent it may do, in sentences. */
export interface WhyRefused {
  readonly why: string;
  readonly remedy: string;
}

/** `already`: the production is as the command wants it. */
export type CommandVerdict =
  { readonly allowed: 'yes' | 'already' } | ({ readonly allowed: 'no' } & WhyRefused);

interface Rule {
  readonly yes: readonly ProductionState[];
  readonly already?: readonly ProductionState[];
  /** What holds in any other state. */
  readonly no: (production: CommandCase) => WhyRefused;
}

const GOING = ['New', 'Scouting', 'AwaitingApproval', 'Active', 'Stopped', 'Held'] as const;
const ENDING = ['Cancelling', 'Cancelled', 'Cleaning', 'Cleaned', 'Archived'] as const;
const BEFORE_VERDICT: readonly (ProductionState | null)[] = ['New', 'Scouting', 'AwaitingApproval'];

/** Why a production is extended in no state: it reads files (`inputs` of them). Null if it may be in some. */
export function neverExtended({
  inputs,
  name,
}: {
  readonly inputs: number;
  readonly name: string;
}): WhyRefused | null {
  if (inputs === 0) return null;
  return {
    why: 'its events are those of the files that it reads',
    remedy: `Submit a production that reads the further files under another name than ${name}.`,
  };
}

/** What helps where a command asks for what comes later or has gone by: the ways out of the state. */
function waysOn({ name, state }: CommandCase): string {
  switch (state) {
    case 'New':
    case 'Scouting':
      return `Wait for the verdict on its scouts (\`fabrica watch ${name}\`); \`fabrica cancel ${name}\` ends it.`;
    case 'AwaitingApproval':
      return `\`fabrica resume ${name}\` approves its scouts, \`fabrica cancel ${name}\` ends it.`;
    case 'Rejected':
      return `\`fabrica rescout ${name}\` scouts it again; a corrected definition is submitted under the same name.`;
    case 'Active':
      return `\`fabrica reprocess ${name}\` runs jobs of it again that are done.`;
    case 'Stopped':
      return `\`fabrica resume ${name}\` has it go on.`;
    case 'Held':
      return `\`fabrica release ${name}\` tries its parked jobs again, \`fabrica waive ${name}\` gives them up; \`fabrica failures ${name}\` tells why they failed.`;
    case 'Completing':
      return `Wait for its audit: \`fabrica watch ${name}\`.`;
    case 'Completed':
      return `\`fabrica extend ${name}\` makes more events, \`fabrica reprocess ${name}\` makes files again.`;
    case 'Cancelling':
    case 'Cancelled':
    case 'Cleaning':
    case 'Cleaned':
    case 'Archived':
      return anotherName(name);
  }
}

const anotherName = (name: string): string =>
  `Submit what is still wanted under another name than ${name}.`;

const cancelIt = (name: string): string => `\`fabrica cancel ${name}\` ends it.`;

/** Of a state in which the command would change nothing that counts. */
const NO_NEED = 'Nothing has to be done: no job of it starts in that state.';

const cannotBe = (done: string, { state }: CommandCase): string =>
  `${state} productions can not be ${done}`;

/** There are no jobs yet, or no more, that a command would be about. */
function noJobs(command: string, production: CommandCase): WhyRefused {
  const { name, state } = production;
  const ended = !BEFORE_VERDICT.includes(state) && state !== 'Stopped' && state !== 'Rejected';
  const ends = command === 'kill' && BEFORE_VERDICT.includes(state);
  return {
    why: `${state} productions have no jobs to ${command}`,
    remedy: ends ? cancelIt(name) : ended ? NO_NEED : waysOn(production),
  };
}

const RULES: Readonly<Record<PersonsCommand, Rule>> = {
  pause: {
    yes: ['New', 'Scouting', 'Active', 'Held'],
    already: ['Stopped'],
    no: (production) => ({
      why: cannotBe('paused', production),
      remedy:
        production.state === 'AwaitingApproval'
          ? `Nothing has to be done: no job of it starts before \`fabrica resume ${production.name}\` approves its scouts.`
          : NO_NEED,
    }),
  },
  resume: {
    yes: ['Stopped', 'AwaitingApproval'],
    already: ['New', 'Scouting', 'Active'],
    no: (production) => ({
      why: production.state === 'Held' ? 'it is held, not paused' : cannotBe('resumed', production),
      remedy: waysOn(production),
    }),
  },
  reprioritize: {
    yes: [...GOING, 'Rejected', 'Completing', 'Cancelling', 'Cleaning'],
    no: ({ name, state }) => ({
      why: `${state} productions have no use for a priority`,
      remedy:
        state === 'Completed'
          ? `Have it go on first (\`fabrica extend ${name}\` or \`fabrica reprocess ${name}\`), then give it a priority.`
          : NO_NEED,
    }),
  },
  extend: {
    yes: [...GOING, 'Completing', 'Completed'],
    no: (production) => ({
      why: cannotBe('extended', production),
      remedy:
        production.state === 'Rejected'
          ? 'Submit a new revision of its definition, with more events, under the same name.'
          : anotherName(production.name),
    }),
  },
  finish: {
    yes: ['Active', 'Stopped', 'Held'],
    already: ['Completing', 'Completed'],
    no: (production) => {
      if (BEFORE_VERDICT.includes(production.state)) return notJudged(production);
      const nothing = `${production.state} productions have nothing to finish`;
      return { why: nothing, remedy: waysOn(production) };
    },
  },
  amend: {
    yes: GOING,
    no: (production) => {
      const { name, state } = production;
      if (state === 'Rejected') {
        const remedy = 'Submit its new definition under the same name.';
        return { why: cannotBe('amended', production), remedy };
      }
      return state === 'Completing' || state === 'Completed'
        ? {
            why: `${state} productions have no jobs left that an amendment would be about`,
            remedy: `Have it go on first (\`fabrica extend ${name}\` or \`fabrica reprocess ${name}\`), then amend it; what is to be made in another way is submitted under another name than ${name}.`,
          }
        : { why: cannotBe('amended', production), remedy: anotherName(name) };
    },
  },
  comment: {
    yes: [...GOING, 'Rejected', 'Completing', 'Completed', ...ENDING],
    no: (production) => ({
      why: cannotBe('commented', production),
      remedy: waysOn(production),
    }),
  },
  release: {
    yes: ['Active', 'Held', 'AwaitingApproval'],
    no: (production) => noJobs('release', production),
  },
  waive: {
    yes: ['Active', 'Held'],
    no: (production) => noJobs('waive', production),
  },
  kill: {
    yes: ['Active', 'Held', 'Stopped'],
    no: (production) => noJobs('kill', production),
  },
  reprocess: {
    yes: ['Active', 'Completing', 'Completed', 'Stopped', 'Held'],
    no: (production) => {
      const { name, state } = production;
      if (state === 'New' || state === 'Scouting') return scouting(name);
      if (state === 'AwaitingApproval') {
        return {
          why: 'its scouts wait for approval',
          remedy: `Approve them first: \`fabrica resume ${name}\`.`,
        };
      }
      const why =
        state === 'Rejected'
          ? 'it is Rejected, nothing of it is kept'
          : cannotBe('reprocessed', production);
      return { why, remedy: waysOn(production) };
    },
  },
  rescout: {
    yes: ['Rejected'],
    no: (production) => ({
      why: `only Rejected productions are scouted again, it is ${production.state}`,
      remedy: waysOn(production),
    }),
  },
  cancel: {
    yes: [...GOING, 'Rejected', 'Completing'],
    already: ['Cancelling', 'Cancelled'],
    no: (production) => ({
      why: cannotBe('cancelled', production),
      remedy:
        production.state === 'Completed'
          ? `\`fabrica clean ${production.name}\` removes its files.`
          : NO_NEED,
    }),
  },
  clean: {
    yes: ['Rejected', 'Completed', 'Cancelled'],
    already: ['Cleaning', 'Cleaned'],
    no: (production) => {
      const { name, state } = production;
      const why = cannotBe('cleaned', production);
      switch (state) {
        case 'Archived':
          return { why, remedy: 'Nothing has to be done: its files are removed.' };
        case 'Cancelling':
          return {
            why,
            remedy: `Wait until it is Cancelled (\`fabrica watch ${name}\`), then ask again.`,
          };
        case 'Completing':
          return {
            why,
            remedy: `Wait until it is Completed (\`fabrica watch ${name}\`), then ask again.`,
          };
        default:
          return { why, remedy: `Cancel it first: \`fabrica cancel ${name}\`.` };
      }
    },
  },
};

/** States in which a command changes something, if what it says can be. */
export function statesTaking(kind: PersonsCommand): readonly ProductionState[] {
  return RULES[kind].yes;
}

/** Whether a production in this state takes a command; what the command says is judged elsewhere. */
export function commandAllowed(kind: CommandKind, production: CommandCase): CommandVerdict {
  if (kind === 'malformed') {
    return {
      allowed: 'no',
      why: 'it was not understood',
      remedy: ERRORS.FABRICA_COMMAND_INVALID.remedy,
    };
  }
  const { already = [], no, yes } = RULES[kind];
  if (already.includes(production.state)) return { allowed: 'already' };
  if (!yes.includes(production.state)) return { allowed: 'no', ...no(production) };
  const more = refusalInState(kind, production);
  return more === null ? { allowed: 'yes' } : { allowed: 'no', ...more };
}

/** What the state alone does not tell. */
function refusalInState(kind: PersonsCommand, production: CommandCase): WhyRefused | null {
  const { finish, name, resumeState, state } = production;
  const waits = state === 'Stopped' || state === 'Held';
  const undecided = waits && BEFORE_VERDICT.includes(resumeState);
  if (kind === 'finish' && undecided) return notJudged(production);
  if (kind === 'kill' && undecided) return { why: 'it is scouting', remedy: cancelIt(name) };
  if (kind === 'reprocess' && undecided) return scouting(name);
  if (finish !== 'draining') return null;
  if (kind === 'extend' || kind === 'reprocess') {
    return {
      why: 'it is being finished',
      remedy: `Wait until it is Completed (\`fabrica watch ${name}\`), then ask again.`,
    };
  }
  return null;
}

const scouting = (name: string): WhyRefused => ({
  why: 'it is scouting',
  remedy: `Wait for the verdict (\`fabrica watch ${name}\`); ${cancelIt(name)}`,
});

/** Only the events of scouts that have passed are kept by an early end. */
function notJudged(production: CommandCase): WhyRefused {
  const { name, resumeState, state } = production;
  const waits = state === 'Stopped' || state === 'Held';
  switch (waits ? resumeState : state) {
    case 'New':
      return { why: 'it has made nothing that could be finished', remedy: cancelIt(name) };
    case 'AwaitingApproval':
      return {
        why: 'its scouts wait for approval',
        remedy: `\`fabrica resume ${name}\` has it go on; ${cancelIt(name)}`,
      };
    default:
      return {
        why: 'its scouts are not judged yet',
        remedy:
          state === 'Stopped'
            ? `\`fabrica resume ${name}\` has it go on to their verdict; ${cancelIt(name)}`
            : `Wait for the verdict (\`fabrica watch ${name}\`); ${cancelIt(name)}`,
      };
  }
}
