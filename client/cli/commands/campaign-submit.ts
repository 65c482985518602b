import type { Command } from 'commander';
import type { Catalog } from '../../../catalog/catalog.js';
import { readCampaign, type CampaignFile } from '../../campaign-file.js';
import { readsFiles } from '../../input-list.js';
import { isOver, whyNoControl } from '../../temporal/control-presence.js';
import { NOT_REGISTERED } from '../../temporal/standing.js';
import { EXIT, exitCodeOf, type ExitCode } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { campaignDryRun, campaignDryRunPage } from '../pages/campaign-dry-run.js';
import { submissionPage, submittedOf } from '../pages/campaign-submission.js';
import { controlAbsent } from '../pages/obstacles.js';
import type { Session } from '../session.js';
import { counted, firstOf, safe } from '../text.js';
import { shownPath, warn } from './submit.js';

interface Options {
  readonly dryRun?: boolean;
  readonly limit: number;
}

/** `fabrica campaign submit`: a campaign file becomes productions. */
export function addCampaignSubmit(campaign: Command, invocation: Invocation): void {
  campaign
    .command('submit')
    .description('check a campaign file, upload its payload, and start what is missing of it')
    .argument('<file>', 'campaign file in YAML or JSON')
    .option('--dry-run', 'tell which productions it would make, and start nothing')
    .addOption(limitOption(20, 'for --dry-run: tell at most so many productions'))
    .addHelpText(
      'after',
      examples(
        'fabrica campaign submit mc16.yaml --dry-run',
        'fabrica campaign submit mc16.yaml',
        'fabrica schema campaign > fabrica-campaign.schema.json',
      ),
    )
    .action(
      invocation.action<Options>(async (session, { dryRun, limit }, args) => {
        const file = shownPath(session, textArgument(args, 0));
        const read = await readCampaign(file, session.configuration);
        warn(session, read.warnings);
        return dryRun === true ? look(session, read, limit) : submit(session, read);
      }),
    );
}

/** What it would become. A catalog need not be there yet, unless files are read. */
async function look(session: Session, file: CampaignFile, limit: number): Promise<ExitCode> {
  const { prioritiesOf, standings } = await import('../../temporal/campaign-submission.js');
  const { campaignInputs, inputNotes } = await import('../../campaign-inputs.js');
  const reading = file.plans.some(({ definition }) => readsFiles(definition));
  const catalog = await (reading ? session.catalog() : session.catalogIfMade());
  if (catalog !== null) await tellOthers(session, file, catalog);
  const stands =
    catalog === null ? file.plans.map(() => NOT_REGISTERED) : await standings(file.plans, catalog);
  const read = catalog === null ? [] : await campaignInputs(file, stands, catalog);
  const priorities =
    catalog === null ? new Map<string, number>() : await prioritiesOf(file, catalog);
  const noted = inputNotes(file, stands, read);
  warn(session, noted);
  const warnings = [...file.warnings, ...noted];
  const known = { standings: stands, priorities, read };
  const run = campaignDryRun({ ...file, warnings }, known, session.configuration);
  session.answer(run, campaignDryRunPage(run, limit, session));
  return EXIT.ok;
}

/** A template that was changed makes the same events again under other names. */
async function tellOthers(session: Session, file: CampaignFile, catalog: Catalog): Promise<void> {
  const { othersOf } = await import('../../temporal/campaign-submission.js');
  const others = await othersOf(file, catalog);
  if (others.length === 0) return;
  const names = firstOf(
    others.map((name) => safe(name)),
    3,
  );
  session.remark(
    `warning: ${counted(others.length, 'registered production')} of campaign ${file.name} ${others.length === 1 ? 'is' : 'are'} not of this file: ${names}`,
  );
}

async function submit(session: Session, file: CampaignFile): Promise<ExitCode> {
  const temporal = await session.temporal();
  const nobody = await whyNoControl(temporal);
  if (nobody !== null) throw controlAbsent(nobody, 'nothing is submitted');
  const catalog = await session.catalog();
  await tellOthers(session, file, catalog);
  const { clock, who } = session.terminal;
  const { submitCampaign } = await import('../../temporal/campaign-submission.js');
  const warnings = [...file.warnings];
  const results = await submitCampaign(file, {
    ...{ client: temporal.client, catalog, clock, by: who },
    configuration: session.configuration,
    tell: (message) => session.remark(message),
    ends: (error) => isOver(error, temporal),
    warn: (noted) => {
      warn(session, noted);
      warnings.push(...noted);
    },
  });
  const submitted = submittedOf(file, results, warnings);
  session.answer(submitted, submissionPage(submitted));
  const codes = results.flatMap(({ error }) => (error === null ? [] : [exitCodeOf(error.code)]));
  if (codes.includes(EXIT.unreachable)) return EXIT.unreachable;
  return codes.length > 0 ? EXIT.negative : EXIT.ok;
}
