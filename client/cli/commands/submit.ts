import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Catalog } from '../../../catalog/catalog.js';
import { totalsOfInputs } from '../../../catalog/input-sets.js';
import { getProduction } from '../../../catalog/productions.js';
import { listResources } from '../../../catalog/views/resource-list.js';
import { FabricaError } from '../../../domain/errors.js';
import { INPUT_ROLES } from '../../../domain/input-definition.js';
import { productionWorkflowId } from '../../../domain/names.js';
import { parseSize } from '../../../domain/quantity.js';
import { LIVE_PRODUCTION_STATES } from '../../../domain/states/production.js';
import { readDefinition, type DefinitionFile } from '../../definition-file.js';
import { readInputLists, readsFiles } from '../../input-list.js';
import { planSandbox, type SandboxPlan } from '../../sandbox.js';
import { whyNoControl } from '../../temporal/control-presence.js';
import { workflowUrl } from '../../temporal/workflow-url.js';
import { checkNames } from '../../temporal/names-check.js';
import { NOT_REGISTERED, type Registered } from '../../temporal/standing.js';
import type { Submission } from '../../temporal/submission.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { dryRun, dryRunPage, type FilesLookedUp } from '../pages/dry-run.js';
import { nothingRuns, obstacleText, sitesObstacle } from '../pages/obstacles.js';
import type { Session } from '../session.js';
import { changesText } from '../pages/campaign-submission.js';
import { safe } from '../text.js';
import { watchProduction } from '../watch/watch-production.js';

interface SubmitOptions {
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly bytesPerEvent?: number;
  readonly secondsPerEvent?: number;
}

/** Where no control process polls, one may just be starting: s until a submission is left for it to register. */
const PATIENCE_WITHOUT_CONTROL = 10;

/** `fabrica submit`: a definition becomes a production. */
export function addSubmit(program: Command, invocation: Invocation): void {
  program
    .command('submit')
    .description('check a definition, upload its payload, and start it as a production')
    .argument('<file>', 'definition in YAML or JSON')
    .option('--dry-run', 'tell what it would become, and start nothing')
    .option('--wait', 'watch it until it has ended')
    .option('--bytes-per-event <size>', 'for --dry-run: size of an event, e.g. 12kB', size)
    .option('--seconds-per-event <s>', 'for --dry-run: time for an event', seconds)
    .addHelpText(
      'after',
      examples(
        'fabrica submit mumu.yaml --dry-run',
        'fabrica submit mumu.yaml --dry-run --seconds-per-event 3 --bytes-per-event 12kB',
        'fabrica submit mumu.yaml --wait',
      ),
    )
    .action(
      invocation.action<SubmitOptions>(async (session, options, args) => {
        const file = textArgument(args, 0);
        const read = readDefinition(shownPath(session, file));
        const { definition, warnings } = read;
        checkNames(definition, session.configuration, file);
        if (options.dryRun !== true) return submit(session, read, options.wait === true);
        const plan = await planSandbox(definition, read.folder);
        const { bytesPerEvent, secondsPerEvent } = options;
        const found = await standingAndInputs(session, plan);
        const all = [...warnings, ...notesOf(found.read)];
        const run = dryRun(definition, session.configuration, {
          ...found,
          ...{ guess: { bytesPerEvent, secondsPerEvent }, files: plan.files, warnings: all },
        });
        warn(session, all);
        session.answer(run, dryRunPage(run, session));
        return EXIT.ok;
      }),
    );
}

/** What it is to the catalog, and what it reads. A catalog need not be there yet, unless files are read. */
async function standingAndInputs(
  session: Session,
  plan: SandboxPlan,
): Promise<{ registered: Registered; read: FilesLookedUp }> {
  const reading = readsFiles(plan.definition);
  const catalog = await (reading ? session.catalog() : session.catalogIfMade());
  if (catalog === null) return { registered: NOT_REGISTERED, read: NO_FILES };
  const { standingOf } = await import('../../temporal/submission.js');
  const registered = await standingOf(plan, catalog);
  const { name } = plan.definition;
  const read =
    registered.standing === 'same'
      ? await filesFixed(catalog, name)
      : await lookUpFiles(plan, catalog);
  return { registered, read };
}

const NO_FILES: FilesLookedUp = { sets: [], storages: [] };

/** What a person should know of the files before they are read: what was left out, and what is not whole. */
function notesOf({ sets }: FilesLookedUp): string[] {
  return sets.flatMap(({ notes = [], role }) => notes.map((note) => `${role}: ${note}`));
}

/** What a registered production reads, whatever has become of the files since. */
async function filesFixed(catalog: Catalog, name: string): Promise<FilesLookedUp> {
  return catalog.read(async (db) => {
    const { id } = await getProduction(db, name);
    const sets: FilesLookedUp['sets'][number][] = [];
    for (const role of INPUT_ROLES) {
      const totals = await totalsOfInputs(db, id, role);
      if (totals.files > 0) sets.push({ role, totals });
    }
    return { sets, storages: [] };
  });
}

/** What the definition reads, by the catalog; nothing for one that makes events from nothing. Throws `FABRICA_INPUT_INVALID`. */
async function lookUpFiles(plan: SandboxPlan, catalog: Catalog): Promise<FilesLookedUp> {
  if (!readsFiles(plan.definition)) return NO_FILES;
  const lists = await readInputLists(plan);
  const { readFiles, storagesOf } = await import('../../../activities/control/input-lookup.js');
  return catalog.read(async (db) => {
    const sets = await readFiles(db, plan.definition, lists);
    const input = sets.find(({ role }) => role === 'input');
    return { sets, storages: input === undefined ? [] : await storagesOf(db, input) };
  });
}

/** The file as it was named, where that leads to it; error messages show it. */
export function shownPath(session: Session, file: string): string {
  return session.terminal.cwd === process.cwd() ? file : path.resolve(session.terminal.cwd, file);
}

/** Tells what a person should know, beside the answer. */
export function warn(session: Session, warnings: readonly string[]): void {
  for (const warning of warnings) session.remark(`warning: ${safe(warning)}`);
}

async function submit(session: Session, read: DefinitionFile, wait: boolean): Promise<ExitCode> {
  const plan = await planSandbox(read.definition, read.folder);
  warn(session, read.warnings);
  const temporal = await session.temporal();
  const { client, endpoint } = temporal;
  const catalog = await session.catalog();
  const { standingOf, submitProduction } = await import('../../temporal/submission.js');
  // Before anything is uploaded; once it is registered, it has its files.
  const { standing } = await standingOf(plan, catalog);
  const looked = standing === 'same' ? NO_FILES : await lookUpFiles(plan, catalog);
  const noted = notesOf(looked);
  warn(session, noted);
  const { clock, who } = session.terminal;
  const why = await whyNoControl(temporal);
  const { sites } = await catalog.read((db) => listResources(db, session.now));
  const obstacles = [
    ...(why === null ? [] : [nothingRuns(why)]),
    ...[sitesObstacle(read.definition, sites)].filter((one) => one !== null),
  ].map(obstacleText);
  warn(session, obstacles);
  const submission = await submitProduction({
    ...{ client, catalog, plan, clock, by: who },
    tell: (message: string) => session.remark(message),
    configuration: session.configuration,
    ...(why === null || wait ? {} : { patience: PATIENCE_WITHOUT_CONTROL }),
  }).catch((error: unknown) => {
    if (why === null || wait || !isAbsent(error)) throw error;
    return startedOnly(read.definition.name);
  });
  const url = workflowUrl(endpoint, submission.workflowId);
  if (wait) {
    session.remark(sentence(submission));
    return watchProduction(session, submission.production);
  }
  session.answer(
    { ...submission, url, warnings: [...read.warnings, ...noted, ...obstacles] },
    [
      sentence(submission),
      ...(url === null ? [] : [`In Temporal: ${url}`]),
      whatNext(submission),
    ].join('\n'),
  );
  return EXIT.ok;
}

/** A submission, or one whose workflow is started and waits for a control process; only that knows the state. */
type Submitted = Submission | ReturnType<typeof startedOnly>;

function startedOnly(production: string) {
  const workflowId = productionWorkflowId(production);
  const unknown = { revision: null, state: null } as const;
  return { production, outcome: 'started', ...unknown, workflowId, changed: [] } as const;
}

function whatNext({ outcome, production, state }: Submitted): string {
  if (state === null) return 'See who is missing: fabrica doctor';
  if (outcome === 'exists' && state === 'Rejected') {
    return `Scout it again: fabrica rescout ${production}, or change its definition`;
  }
  return LIVE_PRODUCTION_STATES.includes(state)
    ? `Watch it: fabrica watch ${production}`
    : `Look at it: fabrica show ${production}`;
}

function isAbsent(error: unknown): boolean {
  return error instanceof FabricaError && error.code === 'FABRICA_WORKER_ABSENT';
}

function sentence({ changed, outcome, production, revision, state }: Submitted): string {
  const since = changed.length === 0 ? '' : ` Changed since: ${changesText(changed)}.`;
  const what = {
    registered: `Production ${production} is registered and started.`,
    revised: `Production ${production} was rejected; its revision ${revision ?? '?'} is started, which scouts anew.`,
    exists: `Production ${production} exists already with this definition; it is ${state ?? 'unknown'}.${since}`,
    started: `The workflow of production ${production} is started; it is registered as soon as a control process runs.`,
  };
  return what[outcome];
}

function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== null && bytes > 0) return bytes;
  throw new InvalidArgumentError('It must be a size such as 500B, 12kB or 1.5MB.');
}

function seconds(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && value > 0 && value < 1e7) return value;
  throw new InvalidArgumentError('It must be a number of seconds above 0, such as 3 or 0.05.');
}
