import type { ProductionState } from '../../domain/states/production.js';
import { campaignProductions } from '../campaigns.js';
import type { Db } from '../catalog.js';
import { goodAttempts } from '../tallies.js';
import {
  isTroubled,
  parkedIn,
  summaryOf,
  withProgress,
  type CampaignSummary,
  type ProductionInCampaign,
} from './campaign-summary.js';

/** A production that waits for a person. */
export interface TroubledInCampaign {
  readonly name: string;
  readonly state: ProductionState;
  readonly reason: string;
  /** Jobs of any kind that are parked. */
  readonly parked: number;
}

/** How fast a campaign goes, as `policy/expected-end.ts` takes it: of the productions that go on. */
export interface CampaignPace {
  readonly eventsLeft: number;
  readonly eventsMade: number;
  readonly attemptsDone: number;
  /** Good attempts of the last hour, or since the first production was registered. */
  readonly lately: number;
  /** How long that is, s. */
  readonly seconds: number;
}

/** A campaign as its page tells it. Times in ms since 1970. */
export interface CampaignView extends CampaignSummary {
  readonly pace: CampaignPace;
  /** The first of them, in the order of their registration. */
  readonly trouble: readonly TroubledInCampaign[];
}

/** States in which a production goes on by itself. */
const GOING: readonly ProductionState[] = ['New', 'Scouting', 'Active', 'Completing'];
const HOUR = 3_600_000;

/** The page of a campaign with at most `trouble` productions that wait for a person; null if it has no production. */
export async function viewCampaign(
  db: Db,
  name: string,
  options: { readonly now: number; readonly trouble: number },
): Promise<CampaignView | null> {
  const { now, trouble } = options;
  const all = await withProgress(db, await campaignProductions(db, name), now);
  if (all.length === 0) return null;
  const summary = summaryOf(name, all);
  return {
    ...summary,
    pace: await paceOf(db, all, summary.createdAt, now),
    trouble: all
      .filter(isTroubled)
      .slice(0, trouble)
      .map((one) => ({
        name: one.row.name,
        state: one.row.state,
        reason: one.row.reason,
        parked: parkedIn(one),
      })),
  };
}

async function paceOf(
  db: Db,
  all: readonly ProductionInCampaign[],
  begun: number,
  now: number,
): Promise<CampaignPace> {
  const going = all.filter(({ row }) => GOING.includes(row.state));
  const { attempts, from } = await goodAttempts(
    db,
    going.map(({ row }) => row.id),
    now - HOUR,
  );
  const sum = (value: (one: ProductionInCampaign) => number): number =>
    going.reduce((total, one) => total + value(one), 0);
  return {
    eventsLeft: sum(({ progress: { events } }) => Math.max(0, events.wanted - events.made)),
    eventsMade: sum(({ progress }) => progress.events.made),
    attemptsDone: sum(({ progress: { jobs, merges } }) => (jobs.Done ?? 0) + (merges.Done ?? 0)),
    lately: attempts,
    seconds: Math.max(0, (now - Math.max(from, begun)) / 1000),
  };
}
