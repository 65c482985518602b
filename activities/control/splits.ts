import type { OpenAttempt } from '../../catalog/attempts.js';
import type { BlockKey } from '../../catalog/blocks.js';
import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { insertJobs, nextJobNumbers } from '../../catalog/jobs.js';
import type { ProductionRow } from '../../catalog/productions.js';
import { inputFilesOf } from '../../catalog/job-inputs.js';
import { splitFiles, splitRange } from '../../policy/splitting.js';
import { giveInputs } from './given-inputs.js';
import { freshSeeds } from './seeds.js';

/** Makes the jobs that take the place of those that are too big: new numbers, seeds and file indices for exactly their events, or input files. */
export async function plantParts(
  db: Db,
  production: ProductionRow,
  key: BlockKey,
  tooBig: readonly { readonly attempt: OpenAttempt; readonly why: string }[],
  now: number,
): Promise<void> {
  if (tooBig.length === 0) return;
  const numbers = tooBig.map(({ attempt }) => attempt.job);
  const inputs =
    production.inputs > 0 ? await inputFilesOf(db, production.id, numbers) : new Map<number, []>();
  const parts = tooBig.flatMap(({ attempt }) => {
    const range = { firstEvent: attempt.first_event, events: attempt.events };
    const files = inputs.get(attempt.job);
    const divided =
      files === undefined
        ? splitRange(range).map((part) => ({ ...part, files: [] as number[] }))
        : splitFiles(range.firstEvent, files);
    return divided.map((part) => ({ ...part, from: attempt.job }));
  });
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
  await giveInputs(
    db,
    production,
    jobs.map((job, i) => ({ job: job.number, seed: job.seed, files: parts[i]?.files ?? [] })),
  );
  for (const { attempt, why } of tooBig) {
    const made = jobs.filter((job) => job.split_from === attempt.job).map((job) => job.number);
    await recordEvent(db, {
      at: now,
      who: 'fabrica',
      production: key.production,
      block: key.block,
      what: `job ${attempt.job} split`,
      why: `${why} with the full limits; jobs ${made.join(' and ')} take its ${inputs.has(attempt.job) ? 'files' : 'events'}`,
    });
  }
}
