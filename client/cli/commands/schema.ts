import type { Command } from 'commander';
import {
  campaignJsonSchema,
  configurationJsonSchema,
  definitionJsonSchema,
} from '../../../domain/parse.js';
import { EXIT } from '../exit-code.js';
import { examples, textArgument, type Invocation } from '../invocation.js';
import { jsonText } from '../json.js';

const SCHEMAS = {
  definition: definitionJsonSchema,
  campaign: campaignJsonSchema,
  config: configurationJsonSchema,
} as const;
type SchemaName = keyof typeof SCHEMAS;

/** `fabrica schema`: the rules of all kinds of files, for editors and people. */
export function addSchema(program: Command, invocation: Invocation): void {
  const names = Object.keys(SCHEMAS);
  const what = program.createArgument('<what>', 'which file').choices(names);
  program
    .command('schema')
    .description('print the JSON Schema of definition files, campaign files or fabrica.yaml')
    .addArgument(what)
    .addHelpText('after', examples('fabrica schema definition > fabrica-definition.schema.json'))
    .action(
      invocation.action<object>(async (session, _options, args) => {
        const schema = SCHEMAS[textArgument(args, 0) as SchemaName]();
        session.answer(schema, jsonText(schema).trimEnd());
        return EXIT.ok;
      }),
    );
}
