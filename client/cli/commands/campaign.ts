import type { Command } from 'commander';
import { listCampaigns } from '../../../catalog/views/campaign-list.js';
import { expectedEnd } from '../../../policy/expected-end.js';
import { EXIT } from '../exit-code.js';
import { examples, limitOption, textArgument, type Invocation } from '../invocation.js';
import { campaignOf } from '../known-names.js';
import { campaignPage, campaignTable } from '../pages/campaign-page.js';
import { addCampaignRequests } from './campaign-requests.js';
import { addCampaignSubmit } from './campaign-submit.js';

/** `fabrica campaign`: many productions at once. */
export function addCampaign(program: Command, invocation: Invocation): void {
  const campaign = program
    .command('campaign')
    .description('make, look at and steer many productions at once')
    .addHelpText(
      'after',
      examples(
        'fabrica campaign submit mc16.yaml --dry-run',
        'fabrica campaign show MC16',
        'fabrica campaign pause MC16',
      ),
    );
  addCampaignSubmit(campaign, invocation);
  addCampaignList(campaign, invocation);
  addCampaignShow(campaign, invocation);
  addCampaignRequests(campaign, invocation);
}

function addCampaignList(campaign: Command, invocation: Invocation): void {
  campaign
    .command('list')
    .description('list campaigns, the newest first')
    .addHelpText('after', examples('fabrica campaign list'))
    .action(
      invocation.action<object>(async (session) => {
        const catalog = await session.catalog();
        const campaigns = await catalog.read((db) => listCampaigns(db, session.now));
        session.answer({ campaigns }, campaignTable(campaigns, session));
        return EXIT.ok;
      }),
    );
}

function addCampaignShow(campaign: Command, invocation: Invocation): void {
  campaign
    .command('show')
    .description('show a campaign: its productions, jobs, files, trouble, and when it may end')
    .argument('<name>', 'name of the campaign')
    .addOption(limitOption(10, 'show at most so many productions that wait for a person'))
    .addHelpText('after', examples('fabrica campaign show MC16', 'fabrica list --campaign MC16'))
    .action(
      invocation.action<{ limit: number }>(async (session, { limit }, args) => {
        const view = await campaignOf(session, textArgument(args, 0), limit);
        const expectedEndAt = expectedEnd(view.pace, session.now);
        session.answer({ ...view, expectedEndAt }, campaignPage(view, expectedEndAt, session));
        return EXIT.ok;
      }),
    );
}
