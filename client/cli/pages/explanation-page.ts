import type { ExplainedShare, ExplainedSite, Explanation } from '../../../domain/explanation.js';
import { stateStyle } from '../style.js';
import { facts, type Cell } from '../table.js';
import { counted, grouped, safe } from '../text.js';
import type { PageLook } from './production-page.js';

/** Sites that a person is shown; the others are counted. */
const MOST_SITES = 30;

/** Why so little of a production runs, for a person: what keeps it, its figures, and its sites. */
export function explanationPage(explanation: Explanation, look: PageLook): string {
  const { because, sites } = explanation;
  return [
    head(explanation, look),
    because.map((sentence) => `- ${safe(sentence)}`).join('\n'),
    siteTable(sites, look),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function head(explanation: Explanation, look: PageLook): string {
  const { counts, group, priority, production, reason, share, state } = explanation;
  const pairs: [string, Cell][] = [
    ['production', { text: production, paint: look.style.bold }],
    ['state', { text: state, paint: stateStyle(look.style, state) }],
    ['reason', reason],
    ['jobs and merges', countsOf(counts)],
    ['share', `${shareOf(share)}priority ${priority}, group ${group}`],
  ];
  return facts(pairs, look);
}

function countsOf(counts: Explanation['counts']): string {
  const { atSites, inBackoff, parked, waiting } = counts;
  const late = inBackoff === 0 ? '' : ` (${grouped(inBackoff)} in their back-off)`;
  return `${grouped(waiting)} wait to be placed${late}, ${grouped(atSites)} run or queue at sites, ${grouped(parked)} parked`;
}

function shareOf(share: ExplainedShare | null): string {
  if (share === null) return '';
  const among = `among ${counted(share.productions, 'production')}`;
  return `${grouped(Math.round(share.part))} jobs of the grid ${among}, `;
}

/** Those with room first, then those that the production may use, the largest first. */
function siteTable(sites: readonly ExplainedSite[], look: PageLook): string {
  if (sites.length === 0) return '';
  const rank = ({ obstruction }: ExplainedSite): number =>
    obstruction === null ? 0 : obstruction === 'unlisted' ? 2 : 1;
  const order = [...sites].sort((a, b) => rank(a) - rank(b) || b.slots - a.slots);
  // While nothing may start there is no room to tell of.
  const starts = sites.some(({ room }) => room !== null);
  const columns = COLUMNS.filter(([, , always]) => always || starts);
  const rows = order
    .slice(0, MOST_SITES)
    .map((one) => columns.map(([, cell]): Cell => cell(one, look)));
  const rest = order.length - rows.length;
  return [
    look.style.dim(
      `In jobs that run at a site or wait in its queue${starts ? '; "room" is how many more of this production would go there now' : ''}:`,
    ),
    look.table(
      columns.map(([title]) => title),
      rows,
    ),
    ...(rest > 0 ? [`... and ${counted(rest, 'more site')}`] : []),
  ].join('\n');
}

/** Title, content, and whether it is told as well while nothing of the production may start. */
const COLUMNS: readonly (readonly [
  title: string,
  cell: (site: ExplainedSite, look: PageLook) => Cell,
  always: boolean,
])[] = [
  ['site', ({ site }) => site, true],
  ['state', ({ state }, { style }) => ({ text: state, paint: stateStyle(style, state) }), true],
  ['slots', ({ slots }) => slots, true],
  ['all jobs', ({ open }) => open, true],
  ['its own', ({ mine }) => mine, true],
  ['its part', ({ part }) => (part === null ? null : Math.round(part)), false],
  ['room', ({ room }) => room, false],
  ['near', ({ near }) => (near ? 'yes' : ''), false],
  ['passed over', ({ why }) => why, true],
];
