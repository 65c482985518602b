import { ApplicationFailure } from '@temporalio/common';
import {
  currentUpdateInfo,
  patched,
  setCurrentDetails,
  setDefaultSignalHandler,
  setHandler,
  uuid4,
} from '@temporalio/workflow';
import { clause } from '../domain/clause.js';
import { commandProblem } from '../domain/command-check.js';
import type { Command, CommandAnswer, Refusal, RefusalCode } from '../domain/command.js';
import { ERRORS } from '../domain/errors.js';
import { laterProgress, type ProductionProgress } from '../domain/progress.js';
import { detailsOf } from './details.js';
import * as messages from './messages.js';
import { isMalformed } from './payload-converter.js';
import { commandOfSignal, unknownSignal } from './signal-command.js';

/** A command that has arrived, and who waits for its answer: nobody for a signal. */
interface Letter {
  readonly command: Command;
  readonly answer?: (answer: CommandAnswer) => void;
  readonly fail?: (error: unknown) => void;
}

/**
 * What arrives from people and from blocks. Commands are carried out one after the other in the order of their arrival, whether they came by
 * signal or by update; the latest progress is what is shown. Updates that can be refused without the catalog leave no trace; their validators
 * look at nothing but what was sent.
 */
export class Inbox {
  progress: ProductionProgress | null = null;
  /** Commands that have been carried out or refused. */
  handled = 0;
  readonly #letters: Letter[] = [];
  #carryOut: ((command: Command) => Promise<CommandAnswer>) | null = null;
  #heed: (news: ProductionProgress) => void = () => undefined;
  #busy = false;

  constructor() {
    for (const kind of messages.PERSONS_COMMANDS) {
      setHandler(messages.SIGNALS[kind], (argument?: unknown) => {
        this.put({ command: commandOfSignal(kind, argument) });
      });
      setHandler(
        messages.UPDATES[kind],
        (argument?: unknown) => {
          // The id of an update is that of its command: whoever sends it again, also to a later run, is answered the same.
          const id = currentUpdateInfo()?.id ?? null;
          return this.answered({ id, ...commandOfSignal(kind, argument) });
        },
        {
          validator: (argument?: unknown) => {
            const problem = commandProblem(commandOfSignal(kind, argument));
            if (problem !== null) throw refusal(problem, refusalOf('FABRICA_COMMAND_INVALID'));
          },
        },
      );
    }
    setHandler(messages.progress, () => this.progress);
    setHandler(messages.blockProgress, (news: ProductionProgress) => {
      if (isMalformed(news)) return;
      this.show(news);
      this.#heed(news);
    });
    // Last: whatever has arrived before that none of the others takes goes to it at once.
    setDefaultSignalHandler((name) => {
      if (patched('unknown-signals')) this.put({ command: unknownSignal(name) });
    });
  }

  show(progress: ProductionProgress): void {
    this.progress = laterProgress(this.progress, progress);
    setCurrentDetails(detailsOf(this.progress));
  }

  /** True while nothing has arrived that is not carried out. */
  get idle(): boolean {
    return this.#letters.length === 0 && !this.#busy;
  }

  /** Each command gets an id where it has none: the activity that carries it out may be repeated. */
  put({ command, ...letter }: Letter): void {
    this.#letters.push({ ...letter, command: { ...command, id: command.id ?? uuid4() } });
    void this.#work();
  }

  /** Has somebody told of what blocks tell from now on. */
  heed(heed: (news: ProductionProgress) => void): void {
    this.#heed = heed;
  }

  /** Has commands carried out from now on; null: they wait. */
  serve(carryOut: ((command: Command) => Promise<CommandAnswer>) | null): void {
    this.#carryOut = carryOut;
    void this.#work();
  }

  /** The answer to an update; a refusal fails it. */
  private async answered(command: Command): Promise<CommandAnswer> {
    const answer = await new Promise<CommandAnswer>((resolve, reject) => {
      this.put({ command, answer: resolve, fail: reject });
    });
    if (answer.outcome === 'refused') {
      throw refusal(answer.message, answer.refusal ?? refusalOf('FABRICA_COMMAND_REFUSED'), answer);
    }
    return answer;
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const [letter] = this.#letters;
      if (letter === undefined || this.#carryOut === null) break;
      this.#letters.shift();
      try {
        const answer = await this.#carryOut(letter.command);
        letter.answer?.(answer);
      } catch (error) {
        // Nothing that a person sends takes the workflow down.
        letter.fail?.(error);
      }
      this.handled++;
    }
    this.#busy = false;
  }
}

function refusalOf(code: RefusalCode): Refusal {
  return { code, remedy: ERRORS[code].remedy };
}

/** Its message ends with the remedy, because Temporal's page shows nothing but the message. */
function refusal(
  why: string,
  { code, remedy }: Refusal,
  answer?: CommandAnswer,
): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`${clause(why)}. ${remedy}`, code, { ...answer, remedy });
}
