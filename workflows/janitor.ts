import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { sweepWorkflowId } from '../domain/names.js';
import { control, storageAt } from './activities.js';
import type { sweep } from './sweep.js';

export interface JanitorInput {
  /** A person asks: storages are tried whose time has not come, too. */
  readonly all?: boolean;
}

export interface PaymentInput {
  readonly epoch: string;
  readonly storage: string;
  /** The debt after which this run begins. */
  readonly after: number;
  /** By the runs before this one. */
  readonly paid: number;
  readonly refused: number;
  readonly failure: string;
}

/** What became of the debts on one storage. */
export interface Payment {
  readonly storage: string;
  readonly paid: number;
  readonly refused: number;
  /** Why the storage did not answer, or refused; empty if all is paid. */
  readonly failure: string;
}

export interface JanitorReport {
  readonly payments: readonly Payment[];
  /** Storages whose sweep was due and has been started. */
  readonly sweeps: readonly string[];
}

/** Transactions that note what ended productions have left; what is more waits for the next run. */
const GATHERINGS = 50;
/** Payments in one run; each carries some hundred kB of paths. */
const ROUNDS = 25;
/** More debts than these on one storage wait for the next run of the janitor. */
const MOST = 500_000;

/** Tidies up what no production does itself, and ends: debts are paid, and sweeps started that are due. Started by the schedule `fabrica/janitor`, and by people. */
export async function janitor(input: JanitorInput = {}): Promise<JanitorReport> {
  const all = input.all === true;
  let due = await control.debtorsDue({ all });
  for (let i = 0; due.more && i < GATHERINGS; i++) due = await control.debtorsDue({ all });
  const { epoch } = due;
  const payments = await Promise.all(due.storages.map((storage) => pay(epoch, storage)));
  return { payments, sweeps: await startSweeps() };
}

/** Starts the sweeps that are due; they go on by themselves. */
async function startSweeps(): Promise<string[]> {
  const { repair, storages } = await control.sweepsDue();
  const started: string[] = [];
  for (const storage of storages) {
    try {
      await startChild<typeof sweep>('sweep', {
        workflowId: sweepWorkflowId(storage),
        args: [
          {
            storage,
            production: null,
            checksums: false,
            repair,
            believeLost: false,
            who: 'fabrica',
          },
        ],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `sweep of ${storage}`,
      });
      started.push(storage);
    } catch (error) {
      // A person's sweep of it runs just now.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
  return started;
}

/** Pays the debts on a storage in a workflow of its own: their paths fill a history. */
async function pay(epoch: string, storage: string): Promise<Payment> {
  const child = await startChild<typeof payment>('payment', {
    workflowId: `${workflowInfo().workflowId}/debts/${storage}`,
    args: [{ epoch, storage, after: 0, paid: 0, refused: 0, failure: '' }],
    staticSummary: `debts on ${storage}`,
  });
  return child.result();
}

/** Removes what is owed on one storage, each path tried once. A storage that does not answer is asked once. */
export async function payment(input: PaymentInput): Promise<Payment> {
  const { epoch, storage } = input;
  let { after, failure, paid, refused }: PaymentInput = input;
  for (let round = 0; ; round++) {
    if (round === ROUNDS) {
      await continueAsNew<typeof payment>({ epoch, storage, after, paid, refused, failure });
    }
    const page = await control.planPayment({ epoch, storage, after });
    if (page.paths.length > 0) {
      try {
        // Whether it answers at all is soon known; what it then does may take long.
        await storageAt(storage, '15 seconds').measureSpace({ storage });
        const answer = await storageAt(storage, '10 minutes').removeEach({
          storage,
          paths: page.paths,
        });
        const kept = new Set(answer.refused.map(({ path }) => path));
        const gone = page.paths.map(({ path }) => path).filter((path) => !kept.has(path));
        await control.recordPayment({ epoch, storage, gone, refused: answer.refused });
        paid += gone.length;
        refused += answer.refused.length;
        failure ||= answer.refused[0]?.reason ?? '';
      } catch (error) {
        if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
        failure = error.cause?.message ?? error.message;
        break;
      }
    }
    if (page.next === null || paid + refused >= MOST) break;
    after = page.next;
  }
  await control.closePayment({ epoch, storage, paid, failure });
  return { storage, paid, refused, failure };
}
