import type { ProductionSummary } from '../../../catalog/views/production-list.js';
import { stateStyle } from '../style.js';
import type { Cell } from '../table.js';
import { percent, timeText } from '../text.js';
import type { PageLook } from './production-page.js';
import { waivedCell } from './stages.js';

/** Productions, a line each. */
export function productionTable(productions: readonly ProductionSummary[], look: PageLook): string {
  const rows = productions.map(({ events, ...one }): Cell[] => [
    one.name,
    { text: one.state, paint: stateStyle(look.style, one.state) },
    one.priority,
    one.campaign,
    events.wanted,
    waivedCell(events),
    percent(events.made, events.wanted),
    percent(events.distributed, events.wanted),
    one.failures,
    timeText(one.createdAt),
    one.reason,
  ]);
  const head = ['production', 'state', 'priority', 'campaign', 'events', 'waived', 'made'];
  return look.table([...head, 'distributed', 'failures', 'registered', 'reason'], rows);
}
