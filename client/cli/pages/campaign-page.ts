import type { CampaignSummary } from '../../../catalog/views/campaign-summary.js';
import type { CampaignView } from '../../../catalog/views/campaign-view.js';
import { formatDuration, formatSize } from '../../../domain/quantity.js';
import { secondsLeft } from '../../../policy/expected-end.js';
import { stateStyle } from '../style.js';
import { facts, type Cell } from '../table.js';
import { counted, countsText, grouped, percent, timeText } from '../text.js';
import { stageLine } from './bar.js';
import { waivedCell } from './stages.js';
import type { PageLook } from './production-page.js';

/** Campaigns, a line each. */
export function campaignTable(campaigns: readonly CampaignSummary[], look: PageLook): string {
  if (campaigns.length === 0) {
    return 'No production is registered here. `fabrica campaign submit FILE` makes those of a campaign.';
  }
  const rows = campaigns.map(({ events, ...one }): Cell[] => [
    one.name,
    one.productions,
    one.troubled === 0 ? '' : { text: grouped(one.troubled), paint: look.style.bad },
    events.wanted,
    waivedCell(events),
    percent(events.made, events.wanted),
    percent(events.distributed, events.wanted),
    one.files,
    formatSize(one.bytes),
    timeText(one.createdAt),
    countsText(one.states),
  ]);
  const head = [
    'campaign',
    'productions',
    'trouble',
    'events',
    'waived',
    'made',
    'distributed',
    'files',
  ];
  return look.table([...head, 'size', 'begun', 'states'], rows);
}

/** The page of a campaign for a person. */
export function campaignPage(
  view: CampaignView,
  expectedEndAt: number | null,
  look: PageLook,
): string {
  const { events } = view;
  const { wanted } = events;
  const stages =
    wanted === 0
      ? ''
      : [
          stageLine('fabricated', events.made, wanted),
          stageLine('distributed', events.distributed, wanted),
        ].join('\n');
  return [head(view, expectedEndAt, look), stages, trouble(view, look)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function head(view: CampaignView, expectedEndAt: number | null, look: PageLook): string {
  const { events, failures } = view;
  const failed = Object.values(failures).reduce((sum, attempts) => sum + attempts, 0);
  const pairs: [string, Cell][] = [
    ['campaign', { text: view.name, paint: look.style.bold }],
    ['productions', `${grouped(view.productions)}: ${countsText(view.states)}`],
    ['registered', `${timeText(view.createdAt)}, last change ${timeText(view.updatedAt)}`],
    ['jobs', countsText(view.jobs) || 'none yet'],
    ['merges', countsText(view.merges)],
    ['failures', failed === 0 ? '' : `${counted(failed, 'attempt')}: ${countsText(view.failures)}`],
    ['waived', events.waived > 0 ? counted(events.waived, 'event') : ''],
    ['files', `${grouped(view.files)}, ${formatSize(view.bytes)} (each counted once)`],
    ['expected end', endText(view, expectedEndAt)],
  ];
  return facts(pairs, look);
}

/** Where it can not be told, why. */
function endText({ pace, states }: CampaignView, expectedEndAt: number | null): string {
  if (expectedEndAt !== null) {
    const lately = `${counted(pace.lately, 'good attempt')} in ${formatDuration(pace.seconds)}`;
    return `${timeText(expectedEndAt)}, if it goes on as lately (${lately}); the last merges and copies come on top`;
  }
  const going = (states.New ?? 0) + (states.Scouting ?? 0) + (states.Active ?? 0);
  if (going + (states.Completing ?? 0) === 0) return 'no production goes on';
  if (pace.eventsLeft === 0) return 'soon: all events are made; they are merged and distributed';
  if (secondsLeft(pace) !== null) return 'later than any date, if it goes on as lately';
  return 'not known yet: too few jobs have ended lately';
}

function trouble({ trouble: told, troubled }: CampaignView, look: PageLook): string {
  if (troubled === 0) return '';
  const rows = told.map((one): Cell[] => [
    one.name,
    { text: one.state, paint: stateStyle(look.style, one.state) },
    one.parked,
    one.reason,
  ]);
  const rest = troubled - told.length;
  return (
    `${counted(troubled, 'production')} ${troubled === 1 ? 'waits' : 'wait'} for a person:\n` +
    look.table(['production', 'state', 'parked', 'reason'], rows) +
    (rest > 0 ? `\n... and ${grouped(rest)} more (--limit)` : '')
  );
}
