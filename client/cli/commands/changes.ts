import { InvalidArgumentError, type Command } from 'commander';
import { LONGEST_COMMENT } from '../../../domain/command-check.js';
import { parseDocument } from '../../../domain/document.js';
import { FabricaError, messageOf } from '../../../domain/errors.js';
import { readDefinition } from '../../definition-file.js';
import { planSandbox } from '../../sandbox.js';
import { withRegisteredFiles } from '../../temporal/sandbox-references.js';
import { revisionOf } from '../../../catalog/productions.js';
import {
  addExtensionOptions,
  extensionSelected,
  type ExtensionOptions,
} from '../extension-options.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import type { Session } from '../session.js';
import { ask } from './requests.js';
import { shownPath } from './submit.js';

interface Words {
  readonly why?: string;
}

/** `fabrica extend|amend|comment`: what a person may change in a production that runs. */
export function addChanges(program: Command, invocation: Invocation): void {
  const extend = program
    .command('extend')
    .description('make more events, in further blocks')
    .argument('<name>', 'name of the production');
  addExtensionOptions(extend)
    .option('--why <text>', 'for the event log')
    .addHelpText('after', examples("fabrica extend mumu --events 100000 --why 'more statistics'"))
    .action(
      invocation.action<Words & ExtensionOptions>(
        async (session, { why = '', ...extension }, args) =>
          ask(session, textArgument(args, 0), {
            ...{ kind: 'extend', why },
            ...extensionSelected(extension),
          }),
      ),
    );
  program
    .command('amend')
    .description('change the definition of a production that runs: limits, sites, tolerance, rules')
    .argument('<name>', 'name of the production')
    .argument('[file]', 'the whole new definition')
    .option('--set <field=value>', 'a new value; null for the default', fieldAndValue, {})
    .option('--why <text>', 'for the event log')
    .addHelpText(
      'after',
      examples(
        'fabrica amend mumu --set tolerance=0.02 --set fabrication.limits.memory=3GB',
        "fabrica amend mumu --set 'sites=[KEK, GRAZ]' --why 'CNAF is down this week'",
        'fabrica amend mumu production.yaml',
      ),
    )
    .action(
      invocation.action<Words & { set: Record<string, unknown> }>(
        async (session, { set, why = '' }, args) => {
          const name = textArgument(args, 0);
          const file = args[1];
          if ((typeof file === 'string') === Object.keys(set).length > 0) {
            throw commandLine('amend takes either a definition file or --set FIELD=VALUE');
          }
          const select =
            typeof file === 'string'
              ? { definition: await amendedBy(session, name, file) }
              : { set };
          return ask(session, name, { kind: 'amend', why, select });
        },
      ),
    );
  program
    .command('comment')
    .description('write something into the event log of a production')
    .argument('<name>', 'name of the production')
    .argument('<text>', `at most ${LONGEST_COMMENT} characters`)
    .addHelpText('after', examples("fabrica comment mumu 'wait for the new global tag'"))
    .action(
      invocation.action<object>(async (session, _options, args) =>
        ask(session, textArgument(args, 0), {
          kind: 'comment',
          why: '',
          value: textArgument(args, 1),
        }),
      ),
    );
}

/** The definition of a file, whose payload files are those that are registered where they are the same. */
async function amendedBy(session: Session, name: string, file: string): Promise<unknown> {
  const production = await session.production(name);
  const read = readDefinition(shownPath(session, file));
  const plan = await planSandbox(read.definition, read.folder);
  const catalog = await session.catalog();
  const { definition } = await catalog.read((db) => revisionOf(db, production));
  return withRegisteredFiles(plan, definition);
}

/** As YAML writes nothing: it gives a field its default. */
const NULL = /^\s*(null|~)\s*$/;

function fieldAndValue(
  text: string,
  before: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const [, field, value] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text) ?? [];
  if (field === undefined || value === undefined) {
    throw new InvalidArgumentError('It must be FIELD=VALUE, such as tolerance=0.02.');
  }
  // A document that is nothing but null counts as an empty file.
  if (NULL.test(value)) return { ...before, [field]: null };
  try {
    return { ...before, [field]: parseDocument(value, field).value };
  } catch (error) {
    throw new InvalidArgumentError(`${field} has no YAML value: ${messageOf(error)}`);
  }
}

function commandLine(message: string): FabricaError {
  return new FabricaError('FABRICA_COMMAND_LINE', `${message}.`);
}
