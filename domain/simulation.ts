import { z } from 'zod';
import { durationSchema, sizeSchema } from './fields.js';
import { FAILURE_CLASSES, type FailureClass } from './failure-class.js';

/** Simulated sites and storages in `fabrica.yaml`: nothing runs there, and what would happen is drawn. Times are simulated ones. */

const quantity = z.strictObject({
  median: z.number().positive().max(1e15).describe('Half of the values are below.'),
  spread: z.number().min(0).max(5).default(0).describe('Sigma of the logarithm.'),
});
const distribution = (median: number, spread: number) => quantity.default({ median, spread });

/** Failures that are Fabrica's own, or a person's, are not drawn. */
const DRAWN: readonly FailureClass[] = FAILURE_CLASSES.filter(
  (one) => !['catalog', 'control', 'killed'].includes(one),
);

const failures = z
  .partialRecord(z.enum(DRAWN), z.number().min(0).max(1))
  .refine(
    (rates) => Object.values(rates).reduce((sum, rate) => sum + rate, 0) <= 1,
    'must not add up to more than 1',
  );

const outages = z
  .array(z.strictObject({ from: durationSchema, to: durationSchema.optional() }))
  .max(1000)
  .default([])
  .describe('When it does not answer, counted from its first use; without to for ever.');

/** What all simulated sites and storages share. */
export const simulationSchema = z.strictObject({
  seed: z.number().int().min(0).max(1e9).default(1).describe('Of all draws.'),
  speed: z
    .number()
    .positive()
    .max(1e8)
    .default(3600)
    .describe('Simulated seconds per second; at 3600 an hour takes a second.'),
  secondsPerEvent: distribution(3, 0.3).describe('CPU time of an event on a core of 10 HS23, s.'),
  wallOverCpu: distribution(1.1, 0.05).describe('Wall time over CPU time, at least 1.'),
  queueSeconds: distribution(300, 1).describe('From submission to start while slots are free, s.'),
  memory: distribution(1e9, 0.1).describe('Resident memory, bytes.'),
  bytesPerEvent: z.number().positive().max(1e12).default(10_000).describe('Of each output.'),
  failures: failures.default({}).describe('How likely an attempt fails in each class.'),
});
export type Simulation = z.output<typeof simulationSchema>;

/** The computing element of a simulated site. */
export const simulatedComputeSchema = z.strictObject({
  kind: z.literal('simulated'),
  folder: z.string().min(1).max(4096).optional().describe('Where it remembers its jobs.'),
  queueSeconds: quantity.optional().describe('Instead of that of simulation.'),
  failures: failures.optional().describe('Instead of those of simulation.'),
  outages,
  diesAt: durationSchema.optional().describe('From then on it loses every job.'),
});

/** What a simulated storage has besides what every storage has. */
export const simulatedStorageFields = {
  kind: z.literal('simulated'),
  capacity: sizeSchema.default(1e15).describe('Bytes that it holds.'),
  readOnly: z.boolean().default(false).describe('It refuses writes.'),
  slowness: z
    .number()
    .min(0)
    .max(60_000)
    .default(0)
    .describe('Each call takes this long, ms, for however many files it is.'),
  lies: z.number().min(0).max(1).default(0).describe('Share of files with a wrong checksum.'),
  outages,
};
