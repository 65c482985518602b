import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { ALL_KINDS, GRIDS, type FaultKind, type Grid } from './fault-kinds.js';
import type { Made } from './made.js';
import { measureRecovery } from './recovery.js';
import { run, type RunOptions, type RunResult } from './run.js';
import { faultTable, injectedIn, median } from './table.js';

interface Options {
  readonly seeds: readonly number[];
  readonly faults: number;
  readonly grid: Grid;
  readonly kinds: readonly FaultKind[];
  readonly json?: string;
  readonly measureRecovery?: number | true;
}

/** `npm run test:faults`: productions while Fabrica's parts are killed, stopped and starved. See CONTRIBUTING.md. */
const program = new Command('test:faults')
  .description('Runs productions under faults and compares them with an undisturbed run')
  .option('--seeds <list>', 'such as 7, 1..20 or 3,5,9', seedList, [1])
  .option('--faults <n>', 'faults of each seed', wholeNumber, 10)
  .addOption(new Option('--grid <grid>', 'what jobs run on').choices([...GRIDS]).default('local'))
  .option('--kinds <list>', 'kinds of faults, or their beginnings: kill,storage-gone', kindList, [
    ...ALL_KINDS,
  ])
  .option('--json <file>', 'write the results here as well')
  .option(
    '--measure-recovery [rounds]',
    'instead: kill the process of a site at which 200 jobs run (default: 10 rounds)',
    wholeNumber,
  )
  .action(async (options: Options) => {
    const { measureRecovery: asked } = options;
    const good =
      asked === undefined ? await harness(options) : await recovery(asked === true ? 10 : asked);
    process.exitCode = good ? 0 : 1;
  });

await program.parseAsync();

/** Aborts when the harness is to end; then it ends what it has started. */
function untilStopped(): AbortController {
  const stop = new AbortController();
  // Each fault waits for its moment.
  setMaxListeners(0, stop.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => stop.abort(new Error(`the harness got ${name}`)));
  }
  return stop;
}

async function recovery(rounds: number): Promise<boolean> {
  const { problems, recoveries, resubmitted } = await measureRecovery(
    rounds,
    (line) => console.log(line),
    untilStopped().signal,
  );
  for (const problem of problems) console.log(`DEVIATION ${problem}`);
  const seconds = (time: number | null): string => ((time ?? 0) / 1000).toFixed(1);
  console.log(
    `SIGKILL of a site's process with 200 jobs running, ${rounds} times: the next end of a job is recorded after ` +
      `${seconds(median(recoveries))} s (median), ${seconds(Math.max(...recoveries))} s (worst); ${resubmitted} jobs submitted again`,
  );
  return problems.length === 0 && resubmitted === 0;
}

async function harness({ seeds, faults, grid, kinds, json }: Options): Promise<boolean> {
  const stop = untilStopped();
  const shared = { grid, kinds, signal: stop.signal };
  const undisturbed = await told({ ...shared, seed: 0, faults: 0, reference: null });
  if (undisturbed === null) return false;
  const results: RunResult[] = [];
  if (undisturbed.deviations.length === 0) {
    const reference: Made | null = undisturbed.made;
    for (const seed of seeds) {
      const result = await told({ ...shared, seed, faults, reference });
      if (result === null) break;
      results.push(result);
      if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
    }
  }
  const deviating = [undisturbed, ...results].filter(({ deviations }) => deviations.length > 0);
  console.log(faultTable(results));
  console.log(
    `${injectedIn(results)} faults over ${results.length} seeds on the ${grid} grid; ` +
      `${deviating.length} of ${results.length + 1} runs deviate`,
  );
  for (const { seed, folder } of deviating) {
    console.log(`seed ${seed} deviates; all is kept in ${folder ?? '-'}; repeat it with`);
    console.log(`  ${commandOf({ seed, faults, grid, kinds })}`);
  }
  return deviating.length === 0 && results.length === seeds.length;
}

/** Null if it was interrupted. */
async function told(options: Omit<RunOptions, 'tell'>): Promise<RunResult | null> {
  const { faults, grid, kinds, seed } = options;
  const name = faults === 0 ? 'undisturbed' : `seed ${seed}`;
  const began = Date.now();
  const tell = (line: string): void => {
    console.log(`${name} ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  };
  if (faults > 0) tell(commandOf({ seed, faults, grid, kinds }));
  let result: RunResult;
  try {
    result = await run({ ...options, tell });
  } catch (error) {
    if (!options.signal.aborted) throw error;
    tell(`interrupted: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
  for (const deviation of result.deviations) tell(`DEVIATION ${deviation}`);
  const attempts = Object.entries(result.attempts).map(([state, count]) => `${count} ${state}`);
  tell(
    `${result.deviations.length === 0 ? 'as it should be' : 'DEVIATES'}: ${result.productions} productions, ` +
      `attempts ${attempts.join(', ') || '-'}, ${result.releases} releases`,
  );
  return result;
}

function commandOf({
  seed,
  faults,
  grid,
  kinds,
}: Pick<RunOptions, 'seed' | 'faults' | 'grid' | 'kinds'>): string {
  const some = kinds.length === ALL_KINDS.length ? '' : ` --kinds ${kinds.join(',')}`;
  return `npm run test:faults -- --grid ${grid} --seeds ${seed} --faults ${faults}${some}`;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${text} is no whole number`);
  return Number(text);
}

function seedList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('..');
    const from = wholeNumber(first);
    return Array.from({ length: Math.max(0, wholeNumber(last) - from + 1) }, (_, i) => from + i);
  });
}

function kindList(text: string): FaultKind[] {
  const wanted = text.split(',');
  const found = ALL_KINDS.filter((kind) => wanted.some((one) => kind.startsWith(one)));
  if (found.length === 0) throw new Error(`${text} is no kind; there are ${ALL_KINDS.join(', ')}`);
  return found;
}
