import { setTimeout as sleep } from 'node:timers/promises';
import { createLogUpdate } from 'log-update';
import type { ProductionProgress } from '../../../domain/progress.js';
import { listenForStop } from '../../../worker/stop-signals.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { Session } from '../session.js';
import { endLine, eventText, liveLine, liveLines } from './live-view.js';
import { Presence } from './presence.js';
import { ProductionWatch, type Look } from './production-watch.js';

/** Time between two looks, ms: in place, and line by line. */
const REDRAW = 250;
const LINES_EVERY = 1_000;

/**
 * Shows a production until it ends: redrawn in place on a terminal, else a line whenever something has changed; with --json nothing but the last
 * progress. Answers 0 for `Completed`, 1 for any other end, 130 when interrupted.
 */
export async function watchProduction(session: Session, name: string): Promise<ExitCode> {
  const signals = listenForStop();
  session.defer(async () => signals.release());
  const last = await followProduction(session, name, signals.stop);
  if (last === null) return EXIT.interrupted;
  session.answer(last, endLine(last));
  return last.state === 'Completed' ? EXIT.ok : EXIT.negative;
}

/** The display alone; returns the last progress, or null if the signal ended it before the production did. */
export async function followProduction(
  session: Session,
  name: string,
  stop: AbortSignal,
): Promise<ProductionProgress | null> {
  const { clock } = session.terminal;
  const watch = new ProductionWatch(await session.catalog(), name, clock);
  const presence = new Presence(session.loaded, clock, name);
  const display = displayFor(session);
  try {
    while (!stop.aborted) {
      presence.refresh();
      const look = await watch.look(presence.note);
      display.show(look);
      if (look.ended) return look.view.progress;
      await sleep(display.pause, undefined, { signal: stop }).catch(() => undefined);
    }
    return null;
  } finally {
    display.done();
    await presence.close();
  }
}

interface Display {
  /** ms until the next look. */
  readonly pause: number;
  show(look: Look): void;
  done(): void;
}

function displayFor(session: Session): Display {
  if (session.json) return { pause: LINES_EVERY, show: () => undefined, done: () => undefined };
  return session.terminal.out.isTTY === true ? inPlace(session) : lineByLine(session);
}

function inPlace(session: Session): Display {
  // The columns are those of the real terminal: log-update needs a stream.
  const update = createLogUpdate(process.stdout);
  return {
    pause: REDRAW,
    show: ({ view }) => update(liveLines(view, session.style).join('\n')),
    done: () => update.done(),
  };
}

function lineByLine(session: Session): Display {
  const { out } = session.terminal;
  let before = '';
  return {
    pause: LINES_EVERY,
    show: ({ news, view }) => {
      for (const event of news) out.write(`${eventText(event)}\n`);
      // The time alone is no news.
      const now = JSON.stringify([{ ...view.progress, at: 0 }, view.note]);
      if (now !== before) out.write(`${liveLine(view)}\n`);
      before = now;
    },
    done: () => undefined,
  };
}
