import type { Configuration } from '../../../domain/configuration.js';
import { formatSize } from '../../../domain/quantity.js';
import type { CampaignFile } from '../../campaign-file.js';
import type { FilesRead } from '../../campaign-inputs.js';
import { NOT_REGISTERED, type Registered, type Standing } from '../../temporal/standing.js';
import { facts, type Cell } from '../table.js';
import { counted, countsText, grouped } from '../text.js';
import { changesLine } from './campaign-submission.js';
import { dryRun, SCOUTS_MAKE_ALL } from './dry-run.js';
import type { PageLook } from './production-page.js';

/** What a campaign file would become. Nothing is started for it. */
export interface CampaignDryRun {
  readonly campaign: string;
  /** Of all its productions, those that are registered already too. */
  readonly events: number;
  readonly scoutJobs: number;
  readonly fabricationJobs: number;
  readonly blocks: number;
  /** Different ones: each is uploaded once. */
  readonly payloadFiles: number;
  readonly payloadBytes: number;
  readonly productions: readonly {
    readonly production: string;
    /** `same`: registered already. `revision`: the next one of a rejected production. */
    readonly standing: Standing;
    /** What commands have changed since it was submitted; the figures are those of the file, but for the priority. */
    readonly changed: Registered['changed'];
    readonly events: number;
    readonly scoutJobs: number;
    readonly fabricationJobs: number;
    readonly blocks: number;
    /** Of one that is registered already, that which it has now. */
    readonly priority: number;
  }[];
  readonly warnings: readonly string[];
}

/** What the catalog says to a campaign file. */
export interface CampaignKnown {
  /** For each production, in the order of the file. */
  readonly standings: readonly Registered[];
  /** Priorities by production, which a person may have changed since. */
  readonly priorities: ReadonlyMap<string, number>;
  /** What each production reads, in the same order. */
  readonly read: readonly (readonly FilesRead[])[];
}

/** A dry run of each production, by the same rules that it will follow. */
export function campaignDryRun(
  { name, plans, warnings }: Pick<CampaignFile, 'name' | 'plans' | 'warnings'>,
  { priorities, read, standings }: CampaignKnown,
  configuration: Configuration,
): CampaignDryRun {
  const files = new Map(
    plans.flatMap((plan) => plan.files).map((file) => [`${file.sha256} ${file.name}`, file.size]),
  );
  const productions = plans.map(({ definition }, i) => {
    const run = dryRun(definition, configuration, {
      ...{ guess: {}, files: [], warnings: [] },
      read: { sets: read[i] ?? [], storages: [] },
    });
    const { blocks, events, fabricationJobs, production, scoutJobs } = run;
    const { changed, standing } = standings[i] ?? NOT_REGISTERED;
    const holds = standing === 'same' ? priorities.get(production) : undefined;
    const priority = holds ?? definition.priority;
    return { production, standing, changed, events, scoutJobs, fabricationJobs, blocks, priority };
  });
  const sum = (key: 'events' | 'scoutJobs' | 'fabricationJobs' | 'blocks'): number =>
    productions.reduce((total, one) => total + one[key], 0);
  return {
    campaign: name,
    events: sum('events'),
    scoutJobs: sum('scoutJobs'),
    fabricationJobs: sum('fabricationJobs'),
    blocks: sum('blocks'),
    payloadFiles: files.size,
    payloadBytes: [...files.values()].reduce((total, size) => total + size, 0),
    productions,
    warnings,
  };
}

const STANDINGS: Readonly<Record<Standing, string>> = {
  missing: 'new',
  revision: 'next revision',
  same: 'registered',
};

/** The same for a person, with at most so many productions. */
export function campaignDryRunPage(run: CampaignDryRun, limit: number, look: PageLook): string {
  const { productions } = run;
  const countOf = (standing: Standing): number =>
    productions.filter((one) => one.standing === standing).length;
  const stands = countsText({
    'to be made': countOf('missing'),
    'next revisions of rejected ones': countOf('revision'),
    'registered already': countOf('same'),
  });
  const pairs: [string, Cell][] = [
    ['campaign', { text: run.campaign, paint: look.style.bold }],
    ['productions', `${grouped(productions.length)}: ${stands}`],
    ['events', grouped(run.events)],
    ['scouts', counted(run.scoutJobs, 'job')],
    [
      'fabrication',
      run.fabricationJobs === 0 ? SCOUTS_MAKE_ALL : counted(run.fabricationJobs, 'job'),
    ],
    ['blocks', grouped(run.blocks)],
    [
      'payload',
      run.payloadFiles === 0
        ? 'no files'
        : `${counted(run.payloadFiles, 'file')}, ${formatSize(run.payloadBytes)}; each is uploaded once`,
    ],
  ];
  const rows = productions
    .slice(0, limit)
    .map((one): Cell[] => [
      one.production,
      STANDINGS[one.standing],
      one.priority,
      one.events,
      one.scoutJobs + one.fabricationJobs,
      one.blocks,
    ]);
  const rest = productions.length - rows.length;
  const changes = changesLine(productions).map((line) => `\n\n${line}`);
  return (
    `${facts(pairs, look)}\n\n` +
    look.table(['production', '', 'priority', 'events', 'jobs', 'blocks'], rows) +
    (rest > 0 ? `\n... and ${counted(rest, 'more production')} (--limit)` : '') +
    changes.join('') +
    '\n\nNothing has been started.'
  );
}
