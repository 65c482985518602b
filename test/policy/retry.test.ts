import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLAME_OF, FAILURE_CLASSES, type FailureClass } from '../../domain/failure-class.js';
import { decideRetry, type FailureCase } from '../../policy/retry.js';

const failure = (more: Partial<FailureCase> & Pick<FailureCase, 'class'>): FailureCase => ({
  attempt: 1,
  charged: 0,
  payloadFailures: 0,
  raised: false,
  attempts: 5,
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
  'input-missing': { avoidSite: true, charge: true, raise: false },
  'input-corrupt': { avoidSite: true, charge: true, raise: false },
  environment: { avoidSite: true, charge: true, raise: false },
  node: { avoidSite: true, charge: true, raise: false },
  'wall-time': { avoidSite: false, charge: true, raise: true },
  memory: { avoidSite: false, charge: true, raise: true },
  'disk-limit': { avoidSite: true, charge: true, raise: false },
  'stage-out': { avoidSite: true, charge: true, raise: false },
  submission: { avoidSite: true, charge: true, raise: false },
  lost: { avoidSite: true, charge: true, raise: false },
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

  it.each(['wall-time', 'memory'] as const)(
    'raises the limits of a %s kill once, and parks the next',
    (one) => {
      const again = decideRetry(failure({ class: one, charged: 1, raised: true }));
      expect(again).toEqual({
        action: 'park',
        why: `${one} with the full limits of the definition`,
      });
    },
  );

  it('parks the failure of the last attempt', () => {
    expect(decideRetry(failure({ class: 'node', charged: 3 })).action).toBe('retry');
    expect(decideRetry(failure({ class: 'node', charged: 4 }))).toEqual({
      action: 'park',
      why: 'node; all 5 attempts are used',
    });
    expect(decideRetry(failure({ class: 'node', attempts: 1 })).action).toBe('park');
  });

  it('doubles the back-off with each charged attempt, up to the maximum', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7].map((charged) => {
      const decision = decideRetry(failure({ class: 'lost', charged, attempts: 50 }));
      return decision.action === 'retry' ? decision.seconds : null;
    });
    expect(waits).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
  });

  const cases = fc
    .record({
      class: fc.constantFrom(...FAILURE_CLASSES),
      attempt: fc.integer({ min: 1, max: 899 }),
      charged: fc.nat(60),
      payloadFailures: fc.nat(3),
      raised: fc.boolean(),
      attempts: fc.integer({ min: 1, max: 50 }),
      backoff: fc.integer({ min: 1, max: 1000 }),
      more: fc.nat(10_000),
    })
    .map(({ more, ...rest }) => ({ ...rest, maximumBackoff: rest.backoff + more }));

  it('keeps the wait within the bounds of the definition', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const decision = decideRetry(one);
        if (decision.action === 'park') return;
        expect(decision.seconds).toBeGreaterThanOrEqual(one.backoff);
        expect(decision.seconds).toBeLessThanOrEqual(one.maximumBackoff);
      }),
    );
  });

  it('never charges what Fabrica is to blame for', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const decision = decideRetry(one);
        if (decision.action === 'park') return;
        expect(decision.charge).toBe(BLAME_OF[one.class] !== 'fabrica');
      }),
    );
  });

  it('parks a job that faults of Fabrica have sent round too often', () => {
    expect(decideRetry(failure({ class: 'control', attempt: 899 })).action).toBe('retry');
    expect(decideRetry(failure({ class: 'control', attempt: 900 })).action).toBe('park');
  });

  it('ends every job within its attempts, whatever befalls it but faults of Fabrica', () => {
    const charged = FAILURE_CLASSES.filter((one) => BLAME_OF[one] !== 'fabrica');
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.constantFrom(...charged)),
        fc.integer({ min: 1, max: 50 }),
        (classes, attempts) => {
          const job = { charged: 0, payloadFailures: 0, raised: false };
          for (let attempt = 1; ; attempt++) {
            expect(attempt).toBeLessThanOrEqual(attempts);
            const next = classes.next();
            if (next.done === true) return;
            const decision = decideRetry(failure({ class: next.value, attempts, ...job }));
            if (decision.action === 'park') return;
            job.charged += 1;
            job.raised ||= decision.raise;
            if (BLAME_OF[next.value] === 'payload') job.payloadFailures += 1;
          }
        },
      ),
    );
  });
});
