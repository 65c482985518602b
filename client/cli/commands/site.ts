import type { Command } from 'commander';
import type { SiteWord, WordChange } from '../../../catalog/resources.js';
import { listSites, type SiteSummary } from '../../../catalog/views/site-list.js';
import { withdrawalText } from '../../../domain/withdrawal.js';
import type { SiteWithdrawn } from '../../../workflows/site-withdrawal.js';
import { formatDuration } from '../../../domain/quantity.js';
import { clause } from '../../../domain/clause.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { duration, examples, textArgument, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { checkSiteName } from '../known-names.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { safe, timeText } from '../text.js';

interface BanOptions {
  readonly why?: string;
  readonly until?: number;
}

/** `fabrica site`: sites, and a person's word about them. */
export function addSite(program: Command, invocation: Invocation): void {
  const site = program
    .command('site')
    .description('list sites, keep them from getting jobs, let them again')
    .addHelpText('after', examples('fabrica site list', 'fabrica site ban KMI --until 2h'));
  site
    .command('list')
    .description('list the sites')
    .addHelpText('after', examples('fabrica site list --json'))
    .action(
      invocation.action<object>(async (session) => {
        const sites = await sitesOf(session);
        session.answer({ sites }, siteTable(sites, session));
        return EXIT.ok;
      }),
    );
  site
    .command('ban')
    .description('give a site no more jobs, withdraw those that wait there; those that run go on')
    .argument('<name>', 'name of the site')
    .option('--why <text>', 'for the event log and for colleagues')
    .option('--until <duration>', 'for so long, e.g. 2h (default: until unban)', duration)
    .addHelpText('after', examples("fabrica site ban KMI --why 'CVMFS is broken' --until 1d"))
    .action(
      invocation.action<BanOptions>(async (session, options, args) => {
        const until = options.until === undefined ? null : session.now + 1000 * options.until;
        const why = options.why ?? '';
        return override(session, textArgument(args, 0), { state: 'Banned', why, until });
      }),
    );
  site
    .command('unban')
    .description("take a person's word about a site back")
    .argument('<name>', 'name of the site')
    .option('--why <text>', 'for the event log')
    .addHelpText('after', examples('fabrica site unban KMI'))
    .action(
      invocation.action<{ why?: string }>(async (session, { why = '' }, args) =>
        override(session, textArgument(args, 0), { state: null, why, until: null }),
      ),
    );
}

async function sitesOf(session: Session): Promise<SiteSummary[]> {
  return (await session.catalog()).read((db) => listSites(db, session.now));
}

async function override(
  session: Session,
  name: string,
  change: { state: 'Banned' | null; why: string; until: number | null },
): Promise<ExitCode> {
  await checkSiteName(session, name);
  const { client } = await session.temporal();
  const { who } = session.terminal;
  const input = { site: name, who, ...change };
  const { standaloneActivities } = await import('../../temporal/standalone-activities.js');
  const { before, changed } = await standaloneActivities(client).control('setSiteOverride', input);
  const outcome = changed ? 'done' : 'already';
  const word = before === null ? null : wordBefore(before);
  const [after] = (await sitesOf(session)).filter((one) => one.site === name);
  if (change.state === null) {
    const now = `it is ${after?.state ?? 'unknown'}`;
    const text =
      before === null
        ? `Nothing had to be changed: nobody's word is on ${name}, ${now}.`
        : `Nobody's word is on ${name} any more, ${now}; it was ${wordText(before)}.`;
    session.answer(
      { site: after ?? null, withdrawn: 0, silent: false, outcome, before: word },
      text,
    );
    return EXIT.ok;
  }
  const { withdrawFromSite } = await import('../../temporal/site-withdrawal-run.js');
  const waits = (after?.open ?? 0) > 0;
  const withdrawn = waits
    ? await withdrawFromSite(client, { site: name, who, why: change.why })
    : { jobs: 0, silent: false };
  const until = change.until === null ? 'until it is unbanned' : `until ${timeText(change.until)}`;
  const moved = withdrawnText(name, withdrawn);
  session.answer(
    {
      site: after ?? null,
      withdrawn: withdrawn?.jobs ?? null,
      silent: withdrawn?.silent ?? null,
      ...{ outcome, before: word },
    },
    `${name} gets no more jobs ${until}${moved}.${banBefore({ before, changed }, after)}`,
  );
  return EXIT.ok;
}

/** What has become of the ban that was there before; empty if there was none. */
function banBefore({ before, changed }: WordChange, after: SiteSummary | undefined): string {
  if (before === null) return '';
  if (!changed) return ` Nothing had to be changed: it was ${wordText(before)}.`;
  const { by = '', reason = '' } = after?.override ?? {};
  const why = reason === '' ? '' : `: ${clause(safe(reason))}`;
  return ` It was ${wordText(before)}; in its place is now that of ${safe(by)}${why}.`;
}

/** `Banned by ann@host since 2026-11-23 14:30:02 until ...: CVMFS is broken`. */
function wordText({ by, reason, since, state, until }: SiteWord): string {
  const end = until === null ? '' : ` until ${timeText(until)}`;
  return `${state} by ${safe(by)} since ${timeText(since)}${end}${reason === '' ? '' : `: ${clause(safe(reason))}`}`;
}

/** The same as JSON. */
function wordBefore({ since, until, ...word }: SiteWord) {
  return { ...word, sinceAt: since, untilAt: until };
}

/** What has become of the jobs that waited there; null if nobody has told in time. */
function withdrawnText(site: string, withdrawn: SiteWithdrawn | null): string {
  if (withdrawn === null) return '; what waits there is being withdrawn';
  const { jobs, silent } = withdrawn;
  return jobs === 0 && !silent ? '' : `; ${withdrawalText(jobs, silent ? [site] : [])}`;
}

function siteTable(sites: readonly SiteSummary[], session: Session): string {
  const rows = sites.map((one): Cell[] => [
    one.site,
    one.area,
    one.kind,
    { text: one.state, paint: stateStyle(session.style, one.state) },
    one.slots,
    one.open,
    one.storages.join(' '),
    wordOf(one, session.now),
  ]);
  const head = ['site', 'area', 'kind', 'state', 'slots', 'jobs', 'storages', 'a person says'];
  return session.table(head, rows);
}

function wordOf({ override: word }: SiteSummary, now: number): string {
  if (word === null) return '';
  const left = word.untilAt === null ? '' : ` for ${formatDuration((word.untilAt - now) / 1000)}`;
  const why = word.reason === '' ? '' : `: ${word.reason}`;
  return `${word.state}${left} by ${word.by}${why}`;
}
