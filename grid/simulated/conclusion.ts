import { createHash } from 'node:crypto';
import { messageOf } from '../../domain/errors.js';
import type { FailureClass } from '../../domain/failure-class.js';
import type { WrapperOutputReport, WrapperReport } from '../compute/wrapper-report.js';
import type { WrapperInput } from '../compute/wrapper.js';
import type { StorageElement, StorageElements } from '../storage/storage-element.js';
import type { Fate } from './fate.js';
import { SimulatedStorage } from './storage.js';
import { SYMPTOMS, type Symptom } from './symptoms.js';
import type { SimulatedWrapper } from './wrapper-memory.js';

/** How a simulated job has ended: what its wrapper and payload have written. */
export interface Conclusion {
  /** Null: the wrapper has left no report. */
  readonly report: WrapperReport | null;
  readonly events: number | null;
  readonly log: string;
  /** What really befell it. */
  readonly failure: FailureClass | null;
}

export interface ConclusionContext {
  readonly storages: StorageElements;
  /** Bytes of an output per event. */
  readonly bytesPerEvent: number;
  readonly site: string;
}

/** Does what the job's wrapper would have done by its end: claims the attempt, looks at its inputs, stages its outputs out. Repeating it does no harm. */
export async function concludeJob(
  wrapper: SimulatedWrapper,
  fate: Fate,
  times: { startedAt: number; endedAt: number },
  context: ConclusionContext,
): Promise<Conclusion> {
  if (fate.failure === 'lost') {
    return { report: null, events: null, log: 'Started.\n', failure: 'lost' };
  }
  const storages = new SimulatedStorages(context.storages);
  const overWall = fate.wallSeconds > wrapper.wallSeconds;
  const measured = {
    ...times,
    node: `${context.site.toLowerCase()}-${1 + (wrapper.name.length % 9)}.example.org`,
    wallSeconds: overWall ? wrapper.wallSeconds : fate.wallSeconds,
    cpuSeconds: fate.cpuSeconds,
    memoryMB: fate.memoryMB,
  };
  const failed = (failure: FailureClass, symptom: Symptom): Conclusion => ({
    failure,
    report: {
      ...measured,
      outcome: 'failed',
      step: symptom.step,
      exitCode: symptom.exitCode,
      reason: symptom.reason,
      outputs: [],
    },
    events: null,
    log: symptom.log,
  });

  if (!(await storages.claim(wrapper))) {
    return failed('stage-out', {
      ...SYMPTOMS['stage-out'],
      reason: 'no storage takes the claim of this attempt',
    });
  }
  for (const input of wrapper.stageIn) {
    const complaint = await storages.complaintAbout(input);
    if (complaint !== '') {
      const failure = complaint.startsWith('input-corrupt') ? 'input-corrupt' : 'input-missing';
      return failed(failure, { step: 'stage-in', exitCode: null, reason: complaint, log: '' });
    }
  }
  const { failure } = fate;
  if (failure !== null && failure in SYMPTOMS) {
    return failed(failure, SYMPTOMS[failure as keyof typeof SYMPTOMS]);
  }
  if (overWall) return failed('wall-time', SYMPTOMS['wall-time']);
  if (fate.memoryMB > wrapper.memoryMB) return failed('memory', SYMPTOMS.memory);

  const events = Number(wrapper.variables.FABRICA_EVENTS ?? 0);
  const staged = await storages.stageOut(wrapper, events * context.bytesPerEvent);
  if (typeof staged === 'string') {
    return failed('stage-out', { ...SYMPTOMS['stage-out'], reason: staged });
  }
  return {
    report: {
      ...measured,
      outcome: 'done',
      step: 'none',
      exitCode: 0,
      reason: '',
      outputs: staged,
    },
    // A bad output shows by its events.
    events: failure === 'bad-output' ? events - 1 : events,
    failure,
    log: `Simulated ${events} events with seed ${wrapper.variables.FABRICA_SEED ?? '-'}.\n`,
  };
}

/** The storages as a wrapper reaches them: by url. */
class SimulatedStorages {
  readonly #storages: StorageElements;

  constructor(storages: StorageElements) {
    this.#storages = storages;
  }

  async claim(wrapper: SimulatedWrapper): Promise<boolean> {
    for (const { storage, url } of wrapper.claims) {
      const at = this.#at(storage, url);
      if (at === null) continue;
      try {
        return await at.element.claim(at.path, wrapper.name);
      } catch {
        // The next one.
      }
    }
    return wrapper.claims.length === 0;
  }

  /** What is wrong with all replicas of an input, as a wrapper would tell it; empty if one is good. */
  async complaintAbout(input: WrapperInput): Promise<string> {
    let complaint = `input-missing: ${input.name}: it has no replica`;
    for (const url of input.urls) {
      for (const name of this.#storages.names()) {
        const element = this.#storages.get(name);
        const path = element.pathOf(url);
        if (path === null) continue;
        const fault = await faultOf(element, path, input);
        if (fault === '') return '';
        complaint = fault;
      }
    }
    return complaint;
  }

  /** The outputs, each at the first storage that takes it; or why one finds no place, and then nothing is left of the others. */
  async stageOut(
    wrapper: SimulatedWrapper,
    bytes: number,
  ): Promise<WrapperOutputReport[] | string> {
    const staged: WrapperOutputReport[] = [];
    for (const [index, { level, file, destinations }] of wrapper.outputs.entries()) {
      let why = 'it has no destination';
      const size = Math.max(1, Math.round(bytes));
      const adler32 = contentOf(wrapper, level);
      let output: WrapperOutputReport | null = null;
      for (const { storage, url } of destinations) {
        const at = this.#at(storage, url);
        if (at === null) continue;
        try {
          await at.element.make(at.path, { size, adler32 });
          output = { index, level, storage, size, url };
          break;
        } catch (error) {
          why = `${storage}: ${messageOf(error)}`;
        }
      }
      if (output === null) {
        for (const one of staged) {
          const at = this.#at(one.storage, one.url);
          await at?.element.remove(at.path).catch(() => undefined);
        }
        return `${file}: ${why}`;
      }
      staged.push(output);
    }
    return staged;
  }

  #at(storage: string, url: string): { element: SimulatedStorage; path: string } | null {
    if (!this.#storages.has(storage)) return null;
    const element = this.#storages.get(storage);
    const path = element.pathOf(url);
    return element instanceof SimulatedStorage && path !== null ? { element, path } : null;
  }
}

async function faultOf(
  element: StorageElement,
  path: string,
  input: WrapperInput,
): Promise<string> {
  try {
    const found = await element.stat(path, { checksum: true });
    if (found === null) return `input-missing: ${input.name}: ${path} is not there`;
    if (found.size !== input.size || found.adler32 !== input.adler32) {
      return `input-corrupt: ${input.name}: ${path} has ${found.size} bytes, adler32 ${found.adler32 ?? '-'}`;
    }
    return '';
  } catch (error) {
    return `input-missing: ${input.name}: ${messageOf(error)}`;
  }
}

/** A checksum that stands for the content: the same events of the same seed, or the same inputs, give the same. */
function contentOf({ variables, stageIn }: SimulatedWrapper, level: string): string {
  const { FABRICA_SEED, FABRICA_FIRST_EVENT, FABRICA_EVENTS } = variables;
  const identity = [
    level,
    ...[FABRICA_SEED, FABRICA_FIRST_EVENT, FABRICA_EVENTS],
    ...stageIn.map(({ adler32 }) => adler32),
  ];
  return createHash('sha256').update(identity.join('/')).digest('hex').slice(0, 8);
}
