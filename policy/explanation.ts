import type { PersonsCommand } from '../domain/command.js';
import { counted, grouped } from '../domain/counted.js';
import type {
  ExplainedCounts,
  ExplainedShare,
  ExplainedSite,
  SiteObstruction,
} from '../domain/explanation.js';
import { formatDuration } from '../domain/quantity.js';
import { commandAllowed, type CommandCase } from './command-rules.js';
import { waysToSites } from './ways-to-sites.js';
import { clause } from '../domain/clause.js';

/** What is known of a production whose jobs do not start. */
export interface ExplanationCase extends CommandCase {
  readonly reason: string;
  /** Who has brought it into its state; empty if nobody knows. */
  readonly by: string;
  /** It is held because no site takes its jobs. */
  readonly heldForSites: boolean;
  /** Why nothing may run before `fabrica recover`; empty if it may. */
  readonly unrecovered: string;
  readonly counts: ExplainedCounts;
  /** Until the first job in its back-off may go, s; null if none is. */
  readonly backoffSeconds: number | null;
  /** Until jobs that have failed go although too few others have joined them, s; null if they do not wait. */
  readonly companySeconds: number | null;
  /** What has become of input files of the jobs that are next. */
  readonly lost: LostInputs;
  /** Jobs that go as soon as a site has room for them. */
  readonly ready: number;
  /** They are merges. */
  readonly mergesNext: boolean;
  /** Which limit of the production lets nothing go; empty if none does. */
  readonly throttled: string;
  /** Jobs that go when it is looked for room the next time, by site. */
  readonly next: readonly { readonly site: string; readonly jobs: number }[];
  readonly sites: readonly ExplainedSite[];
  readonly share: ExplainedShare | null;
}

/** Waiting jobs that can not read a file. */
export interface LostInputs {
  /** Jobs whose files are being made again. */
  readonly remade: number;
  /** Of these: jobs that are looked at again after a while, as if they were in a back-off. */
  readonly remadeLater: number;
  /** Jobs with a file of which no good copy is left. */
  readonly gone: number;
}

/** Sites that a sentence names. */
const SITES_TOLD = 5;

/** Why nothing or so little of a production runs: sentences for people, the most important first. */
export function becauseOf(known: ExplanationCase): string[] {
  const restored = known.unrecovered;
  return [
    ...(restored === ''
      ? []
      : [`Nothing runs since a restore: ${clause(restored)}. Run \`fabrica recover\`.`]),
    ...stateSentences(known),
  ];
}

function stateSentences(known: ExplanationCase): string[] {
  const { by, name, reason, state } = known;
  const why = reason === '' ? '' : `: ${clause(reason)}`;
  switch (state) {
    case 'New':
      return [
        'Its workflow has not begun; if that takes long, `fabrica doctor` tells why.',
        ...parked(known),
      ];
    case 'Scouting':
      return ['It scouts: all other jobs start after the verdict.', ...placement(known)];
    case 'AwaitingApproval':
      return [
        `Its scouts are good, and it waits for a person: \`fabrica resume ${name}\` or \`fabrica cancel ${name}\`.`,
      ];
    case 'Rejected':
      return [`Its scouts have failed${why}. \`fabrica failures ${name}\` tells more.`];
    case 'Active':
      return placement(known);
    case 'Stopped':
      return [
        `It is paused${by === '' ? '' : ` by ${by}`}${why}. \`fabrica resume ${name}\` goes on.`,
        ...finishing(known),
        ...running(known),
        ...parked(known),
      ];
    case 'Held':
      return known.heldForSites
        ? [
            'It is held because no site takes its jobs, and goes on by itself when one does.',
            ...finishing(known),
            ...closed(known.sites),
            ...opening(known),
            ...running(known),
            ...parked(known),
          ]
        : [
            `It is held${why}. \`fabrica release ${name}\` goes on.`,
            ...finishing(known),
            ...running(known),
            ...parked(known),
          ];
    case 'Completing':
      return ['All its jobs are done: it is being audited.'];
    case 'Cancelling':
      return ['It is being cancelled: its jobs end, and what they have left is removed.'];
    case 'Cleaning':
      return ['It is being cleaned: its files are removed.'];
    case 'Completed':
    case 'Cancelled':
    case 'Cleaned':
    case 'Archived':
      return [`It has ended, it is ${state}${why}.`];
  }
}

/** Of a production whose jobs may go: what keeps them. */
function placement(known: ExplanationCase): string[] {
  const { counts, throttled } = known;
  if (counts.waiting === 0) {
    return [...finishing(known), ...nothingWaits(known), ...parked(known)];
  }
  const idle = known.next.length === 0;
  return [
    ...finishing(known),
    ...merging(known, idle),
    ...backoff(known),
    ...(known.companySeconds === null
      ? []
      : [
          `Jobs that have failed wait for others to go with, ${formatDuration(known.companySeconds)} more at most.`,
        ]),
    ...withoutInputs(known.lost),
    ...(throttled === '' ? [] : [`A limit of its own is reached: ${throttled}.`]),
    ...(idle ? [] : [`With the next look go ${places(known.next)}.`]),
    ...(idle && counts.placeable > 0 ? noRoom(known) : []),
    ...closed(known.sites),
    ...mistrusted(known.sites),
    ...shared(known.share),
    ...parked(known),
  ];
}

function finishing({ finish }: ExplanationCase): string[] {
  return finish === 'draining'
    ? ['It is being finished: no more jobs that make events start.']
    : [];
}

/** Merges that are next, and the jobs behind them. */
function merging({ counts, mergesNext }: ExplanationCase, idle: boolean): string[] {
  if (!mergesNext) return [];
  const jobs = counts.waiting - counts.merges;
  const besides =
    jobs === 0
      ? ''
      : `; ${counted(jobs, 'job that makes events waits', 'jobs that make events wait')} besides`;
  return [
    `${counted(counts.merges, 'merge comes', 'merges come')} next, beside the shares${idle ? ', as soon as there is room' : ''}${besides}.`,
  ];
}

function nothingWaits(known: ExplanationCase): string[] {
  const { counts, name } = known;
  if (counts.atSites > 0) {
    const are = counts.atSites === 1 ? 'is' : 'are';
    return [
      `No job waits: ${counted(counts.atSites, 'job')} of it ${are} at sites${later(known)}.`,
    ];
  }
  if (counts.parked > 0) return [];
  return [
    `No job waits: it verifies, merges or distributes its blocks, \`fabrica show ${name}\` tells which${later(known)}.`,
  ];
}

/** Its further blocks. While it scouts it is told that all other jobs come after the verdict. */
function later({ counts, state }: ExplanationCase): string {
  const { unplannedEvents: events } = counts;
  if (events === 0 || state !== 'Active') return '';
  return `; ${counted(events, 'event')} ${events === 1 ? 'is' : 'are'} planned later, in further blocks`;
}

function running({ counts, sites }: ExplanationCase): string[] {
  if (counts.atSites === 0) return [];
  const there = sites.filter(({ mine }) => mine > 0).sort((a, b) => b.mine - a.mine);
  const told = there.slice(0, SITES_TOLD).map(({ mine, site }) => `${grouped(mine)} at ${site}`);
  const where = told.length === 0 ? '' : ` (${listed(told, there.length)})`;
  return [
    `${counted(counts.atSites, 'job')} that ${counts.atSites === 1 ? 'runs or waits at a site goes' : 'run or wait at sites go'} on${where}.`,
  ];
}

function backoff({ backoffSeconds, counts, lost }: ExplanationCase): string[] {
  const late = counts.inBackoff - lost.remadeLater;
  if (late <= 0 || backoffSeconds === null) return [];
  const next = `the first may go in ${formatDuration(Math.max(0, backoffSeconds))}`;
  const all = late === counts.waiting;
  const jobs = all
    ? `Every waiting job (${grouped(late)})`
    : `${grouped(late)} of ${counted(counts.waiting, 'waiting job')}`;
  return [`${jobs} ${all || late === 1 ? 'is' : 'are'} in the back-off after a failure; ${next}.`];
}

function withoutInputs({ gone, remade }: LostInputs): string[] {
  const next = (jobs: number): string => `${grouped(jobs)} of the jobs that are next`;
  return [
    ...(remade === 0
      ? []
      : [
          `${next(remade)} ${remade === 1 ? 'waits' : 'wait'} for input files that are being made again.`,
        ]),
    ...(gone === 0
      ? []
      : [
          `${next(gone)} ${gone === 1 ? 'has' : 'have'} lost an input file: such jobs are parked with the next look, or read what has taken its place.`,
        ]),
  ];
}

/** What a site that the production may use is passed over for, as `3 full`. */
const FEATURES: Readonly<Partial<Record<SiteObstruction, string>>> = {
  full: 'full',
  rate: 'at their limit of jobs per minute',
  share: 'where its share is used',
  failures: 'where many of its jobs fail',
  limit: 'with room that its own limit leaves free',
  storage: 'without a storage that takes its outputs',
};

function noRoom({ ready, sites }: ExplanationCase): string[] {
  const usable = sites.filter(({ obstruction }) => obstruction === null || obstruction in FEATURES);
  // Sites have room, and the jobs wait for something else, which is told.
  if (ready === 0 && usable.some(({ obstruction }) => obstruction === null)) return [];
  if (usable.length === 0) {
    const wanted = sites.filter(({ obstruction }) => obstruction !== 'unlisted');
    const none = wanted.length === 0 ? sites : wanted;
    const told = none.slice(0, SITES_TOLD).map(({ site, why }) => `${site} (${why})`);
    return [`No site takes its jobs: ${listed(told, none.length)}.`];
  }
  const found = Object.entries(FEATURES).flatMap(([obstruction, text]) => {
    const count = usable.filter((site) => site.obstruction === obstruction).length;
    return count === 0 ? [] : [`${grouped(count)} ${text}`];
  });
  if (found.length === 0) {
    return [
      'Sites have room, but its waiting jobs avoid them: they have failed there, and another one is open.',
    ];
  }
  return [
    `Of ${counted(usable.length, 'site')} that it may use none takes more of it now: ${found.join(', ')}.`,
  ];
}

function places(next: ExplanationCase['next']): string {
  const all = next.reduce((sum, { jobs }) => sum + jobs, 0);
  const told = next.slice(0, SITES_TOLD).map(({ jobs, site }) => `${grouped(jobs)} to ${site}`);
  return `${counted(all, 'job')}: ${listed(told, next.length)}`;
}

function closed(sites: readonly ExplainedSite[]): string[] {
  const banned = sites.filter(({ obstruction }) => obstruction === 'banned');
  const leftOut = sites.filter(({ obstruction }) => obstruction === 'left-out');
  const earlier = sites.filter(({ obstruction }) => obstruction === 'epoch');
  const named = (some: readonly ExplainedSite[]): string =>
    listed(
      some.slice(0, SITES_TOLD).map(({ site, why }) => `${site} (${why})`),
      some.length,
    );
  return [
    ...(banned.length === 0 ? [] : [`Banned: ${named(banned)}.`]),
    ...(leftOut.length === 0
      ? []
      : [`Left out because too many of its jobs failed there: ${named(leftOut)}.`]),
    ...(earlier.length === 0 ? [] : [`Not tidied up after a restore: ${named(earlier)}.`]),
  ];
}

/** What opens a site to a production that is held because none takes its jobs. */
function opening(known: ExplanationCase): string[] {
  const { name, sites } = known;
  const banned = sites.filter((one) => one.obstruction === 'banned' && one.state === 'Banned');
  const leftOut = sites.some(({ obstruction }) => obstruction === 'left-out');
  const ways = waysToSites(name, {
    banned: banned.map(({ site }) => site),
    leftOut: leftOut && takes('release', known),
  });
  return [
    ...ways.map((way) => `${way}.`),
    ...(takes('amend', known)
      ? [`\`fabrica amend ${name} --set 'sites=[...]'\` gives it other sites.`]
      : []),
  ];
}

/** True if it would not be refused now. */
function takes(command: PersonsCommand, production: CommandCase): boolean {
  return commandAllowed(command, production).allowed === 'yes';
}

/** From this share of failures on a site is told of. */
const MANY = 0.1;

function mistrusted(sites: readonly ExplainedSite[]): string[] {
  const some = sites.filter(
    ({ failing, obstruction }) =>
      failing >= MANY && obstruction !== 'left-out' && obstruction !== 'unlisted',
  );
  if (some.length === 0) return [];
  const told = some
    .slice(0, SITES_TOLD)
    .map(({ failing, site }) => `${site} (${Math.round(100 * failing)} %)`);
  return [`Less goes to where its jobs fail of late: ${listed(told, some.length)}.`];
}

function shared(share: ExplainedShare | null): string[] {
  if (share === null || share.productions < 2) return [];
  const others = share.others.slice(0, SITES_TOLD).map(({ production }) => production);
  return [
    `It shares the grid with ${listed(others, share.productions - 1)}: its part is ${counted(Math.round(share.part), 'job')}, it has ${grouped(share.atSites)} at sites.`,
  ];
}

function parked(known: ExplanationCase): string[] {
  const { counts, name } = known;
  if (counts.parked === 0) return [];
  const are = counts.parked === 1 ? 'job is' : 'jobs are';
  return [
    `${grouped(counts.parked)} ${are} parked: \`fabrica failures ${name}\` tells why${tryingAgain(known)}.`,
  ];
}

/** How parked jobs are tried again: what is paused is resumed first. Empty where no command does it. */
function tryingAgain(known: ExplanationCase): string {
  const { name, resumeState, state } = known;
  const release = `\`fabrica release ${name}\``;
  if (takes('release', known)) return `, ${release} tries again`;
  const resumed = { ...known, state: resumeState ?? state, resumeState: null };
  return takes('resume', known) && takes('release', resumed)
    ? `; \`fabrica resume ${name}\` first, then ${release} tries again`
    : '';
}

/** The first of a list, and how many there are besides. */
function listed(first: readonly string[], all: number): string {
  const rest = all - first.length;
  return rest > 0 ? `${first.join(', ')} and ${grouped(rest)} more` : first.join(', ');
}
