import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAudit } from './commands/audit.js';
import { addBackup } from './commands/backup.js';
import { addCampaign } from './commands/campaign.js';
import { addClean } from './commands/clean.js';
import { addDebts } from './commands/debts.js';
import { addDoctor } from './commands/doctor.js';
import { addExplain } from './commands/explain.js';
import { addFailures } from './commands/failures.js';
import { addFiles } from './commands/files.js';
import { addJanitor } from './commands/janitor.js';
import { addJob } from './commands/job.js';
import { addJobs } from './commands/jobs.js';
import { addList } from './commands/list.js';
import { addLog } from './commands/log.js';
import { addNew } from './commands/new.js';
import { addQuickstart } from './commands/quickstart.js';
import { addRecover } from './commands/recover.js';
import { addReplicas } from './commands/replicas.js';
import { addReprocess } from './commands/reprocess.js';
import { addChanges } from './commands/changes.js';
import { addRequests } from './commands/requests.js';
import { addRestore } from './commands/restore.js';
import { addSchema } from './commands/schema.js';
import { addShow } from './commands/show.js';
import { addSite } from './commands/site.js';
import { addSubmit } from './commands/submit.js';
import { addSweep } from './commands/sweep.js';
import { addUp } from './commands/up.js';
import { addWatch } from './commands/watch.js';
import { addWorker } from './commands/worker.js';
import { builtFile } from '../../worker/built-files.js';
import { addGlobalOptions } from './global-options.js';
import { examples, type Invocation } from './invocation.js';

const GROUPS: readonly (readonly [heading: string, add: readonly Add[]])[] = [
  ['Run the system:', [addUp, addWorker, addQuickstart, addDoctor]],
  ['Keep it safe:', [addBackup, addRestore, addRecover]],
  ['Make productions:', [addNew, addSchema, addSubmit]],
  ['Look at them:', [addList, addShow, addExplain, addWatch, addJobs, addJob, addFailures, addLog]],
  ['Look at data:', [addFiles, addReplicas, addAudit, addSweep, addDebts, addJanitor]],
  ['Work with campaigns:', [addCampaign]],
  ['Steer:', [addRequests, addChanges, addReprocess, addClean, addSite]],
];
type Add = (program: Command, invocation: Invocation) => void;

/** The whole command line. Errors are thrown as commander's; the caller tells them. */
export function fabricaProgram(invocation: Invocation): Command {
  const { err, out } = invocation.terminal;
  const program = new Command('fabrica')
    .description('Fabrica: a production system for particle physics, on Temporal.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void out.write(text),
      writeErr: (text) => void err.write(text),
      // The error comes as an exception, and is told once.
      outputError: () => undefined,
      getOutHelpWidth: () => out.columns ?? 100,
      getErrHelpWidth: () => err.columns ?? 100,
    })
    .helpCommand('help [command]', 'explain a command')
    .addHelpText(
      'after',
      examples(
        'fabrica up',
        'fabrica submit mumu.yaml',
        'fabrica watch mumu',
        'fabrica help submit',
      ),
    );
  for (const [heading, adds] of GROUPS) {
    program.commandsGroup(heading);
    for (const add of adds) add(program, invocation);
  }
  addGlobalOptions(program);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(builtFile('package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version?: unknown };
  return typeof version === 'string' ? version : 'unknown';
}
