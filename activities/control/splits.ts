import type { OpenAttempt } from '../../catalog/attempts.js';
import type { BlockKey } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertJobs, nextJobNumbers } from '../../catalog/jobs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { splitRange } from '../../policy/splitting.js';
import { freshSeeds } from './seeds.js';

/** Makes the jobs that take the place of those that are too big: new numbers, seeds and file indices for exactly their events. */
export async function plantParts(
  db: Db,
  production: ProductionRow,
  key: BlockKey,
  tooBig: readonly { readonly attempt: OpenAttempt; readonly why: string }[],
  now: number,
): Promise<void> {
  if (tooBig.length === 0) return;
  const parts = tooBig.flatMap(({ attempt }) =>
    splitRange({ firstEvent: attempt.first_event, events: attempt.events }).map((range) => ({
      ...range,
      from: attempt.job,
    })),
  );
  const { number, index } = await nextJobNumbers(db, key.production, 'events');
  const seed = await freshSeeds(db, production, parts.length);
  const jobs = parts.map((part, i) => ({
    number: number + i,
    seed: seed + i,
    first_event: part.firstEvent,
    events: part.events,
    file_index: index + i,
    level: null,
    raised: 1,
    split_from: part.from,
  }));
  await insertJobs(db, key, 'fabrication', jobs);
  for (const { attempt, why } of tooBig) {
    const numbers = jobs.filter((job) => job.split_from === attempt.job).map((job) => job.number);
    await recordEvent(db, {
      at: now,
      who: 'fabrica',
      production: key.production,
      block: key.block,
      what: `job ${attempt.job} split`,
      why: `${why} with the full limits; jobs ${numbers.join(' and ')} take its events`,
    });
  }
}
