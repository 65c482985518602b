import { blocksOf, changeBlockState, recountBlock } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { jobsNumbered, lastJobNumber, type MadeJob } from '../../catalog/reprocess.js';
import { allSites } from '../../catalog/resources.js';
import { jobsInStates, markKilled, moveSelected } from '../../catalog/selected-jobs.js';
import type { Command } from '../../domain/command.js';
import { counted } from '../../domain/counted.js';
import { countNumbers, jobNumbersText, someJobNumbers } from '../../domain/job-numbers.js';
import { quoted } from '../../domain/problem.js';
import { parseSelection, type JobSelection } from '../../domain/selection.js';
import type { JobState } from '../../domain/states/job.js';
import { afterHold } from '../../domain/states/production.js';
import { releaseRefusal } from './closed-sites.js';
import { already as allSo, done, invalid, refused, type CommandEffect } from './command-effect.js';
import type { ControlContext } from './context.js';
import { tellParkedElsewhere } from './held-reason.js';

/** What a person may do with jobs that do not get on. */
export type ParkedRequest = Command & { readonly kind: 'release' | 'waive' | 'kill' };

interface Rule {
  /** Jobs in these states are meant. */
  readonly states: readonly JobState[];
  /** A job in these states is as the request wants it. */
  readonly already: readonly JobState[];
  readonly done: string;
}

const RULES: Readonly<Record<ParkedRequest['kind'], Rule>> = {
  release: {
    states: ['Parked'],
    already: ['Waiting', 'Submitted', 'Running'],
    done: 'released',
  },
  waive: {
    states: ['Parked'],
    already: ['Waived'],
    done: 'waived',
  },
  kill: {
    states: ['Waiting', 'Submitted', 'Running', 'Parked'],
    already: ['Waived'],
    done: 'killed',
  },
};

/**
 * `release` retries parked jobs and starts held blocks again, `waive` gives parked jobs up, `kill` gives up whatever has not ended: those at
 * sites are marked, and their workflow ends them. A selection names a part of them. Nothing is half done.
 */
export async function unpark(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
  request: ParkedRequest,
): Promise<CommandEffect> {
  const now = context.clock.now();
  const parsed = parseSelection(request.select);
  if ('problem' in parsed) return invalid(parsed.problem);
  const { selection } = parsed;
  const whole = Object.keys(selection).length === 0;
  const closed = whyNot(production, request, whole);
  if (closed !== null) return closed;
  if (whole && request.kind === 'release' && production.state === 'AwaitingApproval') {
    await changeProductionState(db, production, {
      to: 'Active',
      why: `approved by ${request.who}`,
      who: request.who,
      now,
    });
    return done('approved: it is Active');
  }
  const chosen = await choose(db, production, request.kind, selection);
  if ('outcome' in chosen) return chosen;
  const sites =
    production.held_for === 'sites' ? await releaseRefusal(context, db, production) : null;
  if (sites !== null && chosen.jobs.length + chosen.already.length === 0) return sites;
  return carryOut(db, production, request, { ...chosen, whole, sites }, now);
}

function whyNot(
  { name, state }: ProductionRow,
  { kind }: ParkedRequest,
  whole: boolean,
): CommandEffect | null {
  if (kind === 'kill' && whole) {
    return invalid(
      'it must be told which jobs (jobs, class or site)',
      `Select some (\`--jobs\`, \`--class\` or \`--site\`); \`fabrica cancel ${name}\` ends all of them.`,
    );
  }
  return state === 'AwaitingApproval' && !whole
    ? refused(
        `${state} productions have no jobs to ${kind}`,
        `\`fabrica resume ${name}\` approves its scouts, \`fabrica cancel ${name}\` ends it.`,
      )
    : null;
}

interface Chosen {
  readonly jobs: readonly MadeJob[];
  /** Asked for, and so already. */
  readonly already: readonly number[];
}

/** The jobs that a request means; it is refused if a job that is named does not fit. */
async function choose(
  db: Db,
  production: ProductionRow,
  kind: ParkedRequest['kind'],
  selection: JobSelection,
): Promise<Chosen | CommandEffect> {
  const { class: failure, jobs: ranges, site } = selection;
  const { already, states } = RULES[kind];
  if (site !== undefined) {
    const sites = (await allSites(db)).map(({ name }) => name);
    if (!sites.includes(site)) {
      return invalid(`no site is named ${quoted(site)}; there are ${sites.join(', ')}`);
    }
  }
  const fitting = await jobsInStates(db, production.id, { states, class: failure, site });
  if (ranges === undefined) {
    const jobs = kind === 'kill' ? fitting.filter((job) => job.kind !== 'merge') : fitting;
    const narrowed = failure !== undefined || site !== undefined;
    if (narrowed && jobs.length === 0) {
      return refused(`no ${states.join(', ')} job ${where(selection)}`, otherJobs(production));
    }
    const onlyMerges = kind === 'waive' && jobs.every((job) => job.kind === 'merge');
    const problem = onlyMerges ? merges(kind, jobs) : null;
    return problem === null ? { jobs, already: [] } : refused(problem, releaseThem(production));
  }
  const last = await lastJobNumber(db, production.id);
  const beyond = ranges.find(({ to }) => to > last);
  if (beyond !== undefined) {
    return invalid(`there is no job ${beyond.to}: its jobs are 1-${last}`);
  }
  if (countNumbers(ranges) > MOST_JOBS) {
    return invalid(`at most ${counted(MOST_JOBS, 'job')} may be named at once`);
  }
  const named = await jobsNumbered(db, production.id, ranges);
  const narrowed = failure !== undefined || site !== undefined;
  const inState = named.filter(({ state }) => states.includes(state));
  const fits = new Set((narrowed ? fitting : inState).map(({ number }) => number));
  const jobs = named.filter(({ number }) => fits.has(number));
  const so = named.filter(({ number, state }) => !fits.has(number) && already.includes(state));
  const unfit = misfits(kind, named, { jobs, so, selection });
  if (unfit !== null) return refused(unfit, otherJobs(production));
  const left = kind === 'release' ? null : merges(kind, jobs);
  if (left !== null) return refused(left, releaseThem(production));
  return { jobs, already: so.map(({ number }) => number) };
}

const MOST_JOBS = 50_000;

const otherJobs = ({ name }: ProductionRow): string =>
  `Leave those out; \`fabrica jobs ${name}\` lists its jobs and their states.`;

const releaseThem = ({ name }: ProductionRow): string =>
  `\`fabrica release ${name}\` tries them again.`;

function where({ class: failure, site }: JobSelection): string {
  return [
    ...(failure === undefined ? [] : [`failed last by ${failure}`]),
    ...(site === undefined ? [] : [`was last at ${site}`]),
  ].join(' and ');
}

function misfits(
  kind: ParkedRequest['kind'],
  named: readonly MadeJob[],
  found: { jobs: readonly MadeJob[]; so: readonly MadeJob[]; selection: JobSelection },
): string | null {
  const good = new Set([...found.jobs, ...found.so].map(({ number }) => number));
  const bad = named.filter(({ number }) => !good.has(number));
  if (bad.length === 0) return null;
  const { states } = RULES[kind];
  const byState = new Map<string, number[]>();
  for (const { number, state } of bad) {
    const what = states.includes(state) ? `not one that ${where(found.selection)}` : state;
    byState.set(what, [...(byState.get(what) ?? []), number]);
  }
  const parts = [...byState].map(
    ([what, numbers]) =>
      `${numbers.length === 1 ? 'job' : 'jobs'} ${someJobNumbers(numbers)}: ${what}`,
  );
  return `only ${states.join(', ')} jobs can be ${RULES[kind].done}; ${parts.join('; ')}`;
}

/** Why the merges among these jobs are not given up; null if there are none. */
function merges(kind: ParkedRequest['kind'], jobs: readonly MadeJob[]): string | null {
  const found = jobs.filter((job) => job.kind === 'merge').map(({ number }) => number);
  return found.length === 0
    ? null
    : `merge jobs can not be ${RULES[kind].done}, their inputs are good: release them (${someJobNumbers(found)})`;
}

async function carryOut(
  db: Db,
  production: ProductionRow,
  { kind, who, why }: ParkedRequest,
  {
    already,
    jobs,
    sites,
    whole,
  }: Chosen & {
    readonly whole: boolean;
    /** Why it does not go on whatever is done with its jobs: no site takes them. */
    readonly sites: CommandEffect | null;
  },
  now: number,
): Promise<CommandEffect> {
  const { state } = production;
  const moved = kind === 'release' ? jobs : jobs.filter((job) => job.kind !== 'merge');
  const left = kind === 'release' ? null : merges(kind, jobs);
  const to = kind === 'release' ? 'Waiting' : 'Waived';
  const numbersIn = (state: JobState): number[] =>
    moved.filter((job) => job.state === state).map(({ number }) => number);
  const atSites = [...numbersIn('Submitted'), ...numbersIn('Running')].sort((a, b) => a - b);
  for (const state of ['Parked', 'Waiting'] as const) {
    const numbers = numbersIn(state);
    if (numbers.length > 0) await moveSelected(db, production.id, numbers, state, to);
  }
  if (atSites.length > 0) await markKilled(db, production.id, atSites);
  const touched = new Set(moved.map(({ block }) => block));
  let freed = 0;
  let held = '';
  for (const block of await blocksOf(db, production.id)) {
    if (touched.has(block.number)) {
      await recountBlock(db, { production: production.id, block: block.number });
    }
    if (block.state !== 'Held') continue;
    if (whole || touched.has(block.number)) {
      // What is still parked in it is judged again when nothing else is left to do.
      const back = block.resume_state ?? 'Fabricating';
      await changeBlockState(db, block, { to: back, why: '', now });
      freed++;
    } else held = block.reason;
  }
  const sentence = `${counted(moved.length, 'job')} ${RULES[kind].done}`;
  const unheld = production.state === 'Held' && sites === null && (whole || moved.length > 0);
  if (unheld) {
    const goesOn = held === '';
    await changeProductionState(db, production, {
      to: goesOn ? afterHold(production.resume_state) : 'Held',
      why: goesOn ? `${sentence} by ${who}` : held,
      who,
      now,
    });
  }
  await tellParkedElsewhere(db, production, now);
  const details = [
    ...(moved.length > 0 && !whole
      ? [` (${someJobNumbers(moved.map(({ number }) => number))})`]
      : []),
    ...(atSites.length > 0 ? [`, ${atSites.length} of them are ended at their sites`] : []),
    ...(already.length > 0 ? [`; so already: ${someJobNumbers(already)}`] : []),
    ...(left === null ? [] : [`; ${left}`]),
    ...(sites === null ? [] : [`; ${sites.message}`]),
  ];
  const what = `${sentence}${details.join('')}`;
  await recordEvent(db, {
    at: now,
    who,
    production: production.id,
    what,
    why,
    data: { jobs: jobNumbersText(moved.map(({ number }) => number)) },
  });
  const changed = moved.length > 0 || freed > 0 || production.state !== state;
  const effect = changed ? done(what) : allSo(what);
  return kind === 'release' ? { ...effect, reopened: [...touched] } : effect;
}

/** True if a release or a waive would find something to do. */
export async function hasParked(db: Db, production: number): Promise<boolean> {
  const held = (await blocksOf(db, production)).some(({ state }) => state === 'Held');
  return held || (await jobsInStates(db, production, { states: ['Parked'] })).length > 0;
}
