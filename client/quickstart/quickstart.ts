import { freeName } from '../../catalog/views/free-name.js';
import { listenForStop } from '../../worker/stop-signals.js';
import { EXIT, type ExitCode } from '../cli/exit-code.js';
import type { Session } from '../cli/session.js';
import { followProduction } from '../cli/watch/watch-production.js';
import { planSandbox } from '../sandbox.js';
import { checkNames } from '../temporal/names-check.js';
import { submitProduction } from '../temporal/submission.js';
import { readExample } from './example.js';
import { summarize, summaryText, type Summary } from './summary.js';
import { ensureSystem } from './system.js';

const NAME = 'quickstart';

/**
 * Runs the example production from nothing to its end: starts the system, submits, shows the progress, sums up, and shuts down what it has
 * started. Answers 0 only if the production is `Completed`.
 */
export async function quickstart(session: Session): Promise<ExitCode> {
  const begun = session.now;
  const signals = listenForStop();
  session.defer(async () => signals.release());
  session.remark('Starting Temporal, the control process and the sites...');
  try {
    const system = await ensureSystem(session, signals);
    if (system !== null) {
      session.defer(async () => {
        session.remark('Shutting down...');
        await system.stop();
      });
    }
    return await produce(session, signals.stop, begun);
  } catch (error) {
    if (signals.stop.aborted) return EXIT.interrupted;
    throw error;
  }
}

async function produce(session: Session, stop: AbortSignal, begun: number): Promise<ExitCode> {
  const catalog = await session.catalog();
  const { client } = await session.temporal();
  const { clock, who } = session.terminal;
  const name = await catalog.read((db) => freeName(db, NAME));
  const read = readExample(name);
  checkNames(read.definition, session.configuration, read.file);
  const plan = await planSandbox(read.definition, read.folder);
  const { configuration } = session;
  const tell = (message: string): void => session.remark(message);
  await submitProduction({ client, catalog, configuration, plan, by: who, clock, tell });
  session.remark(`${read.file} is submitted as ${name}.\n`);
  const last = await followProduction(session, name, stop);
  if (last === null) return EXIT.interrupted;
  const summary = await catalog.read((db) => summarize(db, name, session.now));
  const seconds = Math.round((session.now - begun) / 100) / 10;
  session.answer({ ...summary, seconds }, text(session, summary, name, seconds));
  return last.state === 'Completed' ? EXIT.ok : EXIT.negative;
}

function text(session: Session, summary: Summary, name: string, seconds: number): string {
  const state = session.loaded.stateDirectory;
  const next = [
    [`show ${name}`, 'the production, from the catalog'],
    [`failures ${name} --by site`, 'what failed where'],
    [`replicas ${name}`, 'where the files are'],
    ['up', "the system, and Temporal's page with all the workflows; it prints the link"],
    ['new mumu --output mumu.yaml', 'a definition of your own, to be submitted'],
  ] as const;
  const width = Math.max(...next.map(([command]) => command.length));
  return `
${summaryText(summary, session)}

All of it took ${seconds} s. Where to look next:
${next.map(([command, what]) => `  ${session.program} ${command.padEnd(width)}  ${what}`).join('\n')}
The state is in ${state}; the example in examples/quickstart.`;
}
