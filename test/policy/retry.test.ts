import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLAME_OF,
  BLAMES,
  FAILURE_CLASSES,
  type FailureClass,
} from '../../domain/failure-class.js';
import { decideRetry, untilCompany, type FailureCase } from '../../policy/retry.js';

const failure = (more: Partial<FailureCase> & Pick<FailureCase, 'class'>): FailureCase => ({
  blame: BLAME_OF[more.class],
  attempt: 1,
  charged: 0,
  uncharged: 0,
  payloadFailures: 0,
  raised: false,
  divisible: false,
  attempts: 5,
  systemAttempts: 20,
  backoff: 60,
  maximumBackoff: 3600,
  ...more,
});

/** The table of DESIGN 5: what the first failure of a job leads to. */
const FIRST: Readonly<
  Record<FailureClass, 'park' | { avoidSite: boolean; charge: boolean; raise: boolean }>
> = {
  'payload-error': { avoidSite: true, charge: true, raise: false },
  'payload-crash': { avoidSite: true, charge: true, raise: false },
  'input-missing': { avoidSite: true, charge: false, raise: false },
  'input-corrupt': { avoidSite: true, charge: false, raise: false },
  environment: { avoidSite: true, charge: false, raise: false },
  node: { avoidSite: true, charge: false, raise: false },
  'wall-time': { avoidSite: false, charge: true, raise: true },
  memory: { avoidSite: false, charge: true, raise: true },
  'disk-limit': { avoidSite: true, charge: true, raise: true },
  'stage-out': { avoidSite: true, charge: false, raise: false },
  submission: { avoidSite: true, charge: false, raise: false },
  lost: { avoidSite: true, charge: false, raise: false },
  'bad-output': { avoidSite: true, charge: true, raise: false },
  catalog: { avoidSite: false, charge: false, raise: false },
  control: { avoidSite: false, charge: false, raise: false },
  killed: 'park',
};

describe('decideRetry', () => {
  it.each(FAILURE_CLASSES)('treats a first %s as the table says', (one) => {
    const decision = decideRetry(failure({ class: one }));
    const expected = FIRST[one];
    if (expected === 'park') expect(decision.action).toBe('park');
    else expect(decision).toEqual({ action: 'retry', seconds: 60, ...expected });
  });

  it.each(['payload-error', 'payload-crash'] as const)(
    'parks a second failure of the payload (%s): another site has confirmed it',
    (one) => {
      const decision = decideRetry(failure({ class: one, charged: 1, payloadFailures: 1 }));
      expect(decision).toEqual({
        action: 'park',
        why: `${one} again at another site: the payload is to blame`,
      });
    },
  );

  it.each(['wall-time', 'memory', 'disk-limit'] as const)(
    'raises the limits of a %s kill once, and parks the next',
    (one) => {
      const again = decideRetry(failure({ class: one, charged: 1, raised: true }));
      expect(again).toEqual({
        action: 'park',
        why: `${one} with the full limits of the definition`,
      });
    },
  );

  it.each(['wall-time', 'memory', 'disk-limit'] as const)(
    'divides a job that the full limits do not suffice for (%s), even after its last attempt',
    (one) => {
      const big = failure({ class: one, charged: 4, raised: true, divisible: true });
      expect(decideRetry(big)).toEqual({ action: 'split' });
      expect(decideRetry({ ...big, raised: false, charged: 0 }).action).toBe('retry');
    },
  );

  it('parks the failure of the last attempt', () => {
    expect(decideRetry(failure({ class: 'bad-output', charged: 3 })).action).toBe('retry');
    expect(decideRetry(failure({ class: 'bad-output', charged: 4 }))).toEqual({
      action: 'park',
      why: 'bad-output; all 5 attempts are used',
    });
    expect(decideRetry(failure({ class: 'bad-output', attempts: 1 })).action).toBe('park');
  });

  it('never lets a site or a storage use up the attempts of a job, and ends in the end', () => {
    const lost = failure({ class: 'lost', attempts: 1, charged: 0, uncharged: 18 });
    expect(decideRetry(lost)).toMatchObject({ action: 'retry', charge: false });
    expect(decideRetry({ ...lost, uncharged: 19 })).toEqual({
      action: 'park',
      why: 'lost; sites and storages have failed it 20 times',
    });
  });

  it('neither charges a payload failure that is the fault of the site, nor takes it for a second one', () => {
    const acquitted = failure({ class: 'payload-error', blame: 'site', payloadFailures: 1 });
    expect(decideRetry(acquitted)).toMatchObject({ action: 'retry', charge: false });
  });

  it('doubles the back-off with each failure of the same kind, up to the maximum', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7].map((count) => {
      const decision = decideRetry(failure({ class: 'lost', uncharged: count, charged: 3 }));
      return decision.action === 'retry' ? decision.seconds : null;
    });
    expect(waits).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    expect(decideRetry(failure({ class: 'bad-output', charged: 1, uncharged: 9 }))).toMatchObject({
      seconds: 120,
    });
  });

  const cases = fc
    .record({
      class: fc.constantFrom(...FAILURE_CLASSES),
      blame: fc.constantFrom(...BLAMES),
      attempt: fc.integer({ min: 1, max: 899 }),
      charged: fc.nat(60),
      uncharged: fc.nat(600),
      payloadFailures: fc.nat(3),
      raised: fc.boolean(),
      divisible: fc.boolean(),
      attempts: fc.integer({ min: 1, max: 50 }),
      systemAttempts: fc.integer({ min: 1, max: 500 }),
      backoff: fc.integer({ min: 1, max: 1000 }),
      more: fc.nat(10_000),
    })
    .map(({ more, ...rest }) => ({ ...rest, maximumBackoff: rest.backoff + more }));

  it('keeps the wait within the bounds of the definition', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const decision = decideRetry(one);
        if (decision.action !== 'retry') return;
        expect(decision.seconds).toBeGreaterThanOrEqual(one.backoff);
        expect(decision.seconds).toBeLessThanOrEqual(one.maximumBackoff);
      }),
    );
  });

  it('charges a job only with what its payload or its limits did', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const decision = decideRetry(one);
        if (decision.action !== 'retry') return;
        expect(decision.charge).toBe(one.blame === 'payload' || one.blame === 'definition');
      }),
    );
  });

  it('parks a job that faults of Fabrica have sent round too often', () => {
    expect(decideRetry(failure({ class: 'control', attempt: 899 })).action).toBe('retry');
    expect(decideRetry(failure({ class: 'control', attempt: 900 })).action).toBe('park');
  });

  it('ends every job within its attempts, whatever befalls it but faults of Fabrica', () => {
    const others = FAILURE_CLASSES.filter((one) => BLAME_OF[one] !== 'fabrica');
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.constantFrom(...others)),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        (classes, attempts, systemAttempts) => {
          const job = { charged: 0, uncharged: 0, payloadFailures: 0, raised: false };
          for (let attempt = 1; ; attempt++) {
            expect(attempt).toBeLessThan(attempts + systemAttempts);
            const next = classes.next();
            if (next.done === true) return;
            const decision = decideRetry(
              failure({ class: next.value, attempts, systemAttempts, ...job }),
            );
            if (decision.action !== 'retry') return;
            if (decision.charge) job.charged += 1;
            else job.uncharged += 1;
            job.raised ||= decision.raise;
            if (next.value.startsWith('payload')) job.payloadFailures += 1;
          }
        },
      ),
    );
  });
});

describe('untilCompany', () => {
  const block = { now: 100_000, since: 99_000, placeable: 3, open: 400, blockJobs: 1000 };

  it('lets few retries wait for others, up to ten seconds', () => {
    expect(untilCompany(block)).toBe(9_000);
    expect(untilCompany({ ...block, since: 90_000 })).toBe(0);
  });

  it('sends a twentieth of a block at once, and all when nothing else may fail', () => {
    expect(untilCompany({ ...block, placeable: 50 })).toBe(0);
    expect(untilCompany({ ...block, open: 1 })).toBe(9_000);
    expect(untilCompany({ ...block, open: 0 })).toBe(0);
    expect(untilCompany({ ...block, blockJobs: 79 })).toBe(0);
  });

  it('never keeps what waits to be placed for the first time', () => {
    expect(untilCompany({ ...block, since: 0 })).toBe(0);
  });

  it('never waits beyond its patience', () => {
    fc.assert(
      fc.property(
        fc.record({
          now: fc.integer({ min: 0, max: 1e6 }),
          since: fc.integer({ min: 0, max: 1e6 }),
          placeable: fc.integer({ min: 1, max: 1000 }),
          open: fc.nat({ max: 1000 }),
          blockJobs: fc.integer({ min: 1, max: 10_000 }),
        }),
        (retries) => {
          const wait = untilCompany(retries);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(retries.now + wait).toBeLessThanOrEqual(
            Math.max(retries.now, retries.since + 10_000),
          );
        },
      ),
    );
  });
});
