import type { Catalog } from '../../../catalog/catalog.js';
import { getProduction, revisionOf } from '../../../catalog/productions.js';
import { progressOf } from '../../../catalog/progress.js';
import { logSince } from '../../../catalog/views/log-since.js';
import { openBySite } from '../../../catalog/views/open-work.js';
import type { EventLine } from '../../../catalog/views/production-view.js';
import type { Clock } from '../../../domain/clock.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import { shareDone } from '../pages/stages.js';
import type { LiveView } from './live-view.js';
import { Pace } from './pace.js';

const SHOWN_EVENTS = 5;

/** What one look has found. */
export interface Look {
  readonly view: LiveView;
  /** Entries of the log since the look before. */
  readonly news: readonly EventLine[];
  readonly ended: boolean;
}

/** A production that is looked at again and again. Reads the catalog only. */
export class ProductionWatch {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #pace = new Pace();
  readonly #log: EventLine[] = [];
  #merges: boolean | null = null;

  constructor(catalog: Catalog, name: string, clock: Clock) {
    this.#catalog = catalog;
    this.#name = name;
    this.#clock = clock;
  }

  /** How it stands now; `note` is passed on. Throws `FABRICA_PRODUCTION_UNKNOWN`. */
  async look(note: string): Promise<Look> {
    const now = this.#clock.now();
    return this.#catalog.read(async (db) => {
      const production = await getProduction(db, this.#name);
      this.#merges ??= (await revisionOf(db, production)).definition.merge !== undefined;
      const merges = this.#merges;
      const progress = await progressOf(db, production, now);
      this.#pace.add({ at: now, made: progress.events.made, share: shareDone(progress, merges) });
      const news = await logSince(db, production.id, this.#log.at(-1)?.id ?? 0);
      this.#log.push(...news);
      const ended = !LIVE_PRODUCTION_STATES.includes(production.state);
      const { eventsPerSecond, secondsLeft } = this.#pace;
      return {
        news,
        ended,
        view: {
          progress,
          merges,
          startedAt: production.created_at,
          openBySite: ended ? {} : await openBySite(db, production.id),
          eventsPerSecond: ended ? null : eventsPerSecond,
          secondsLeft: ended ? null : secondsLeft,
          log: this.#log.slice(-SHOWN_EVENTS),
          note,
        },
      };
    });
  }
}
