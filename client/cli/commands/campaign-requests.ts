import type { Command } from 'commander';
import type { ProductionState } from '../../../domain/states/production.js';
import { statesTaking } from '../../../policy/command-rules.js';
import { isOver, whyNoControl } from '../../temporal/control-presence.js';
import type { CampaignAnswer } from '../../temporal/campaign-request.js';
import type { ProductionRequest } from '../../temporal/request.js';
import { confirmed } from '../confirmation.js';
import { EXIT, exitCodeOf, type ExitCode } from '../exit-code.js';
import {
  addExtensionOptions,
  extensionSelected,
  type ExtensionOptions,
} from '../extension-options.js';
import { examples, textArgument, wholeNumber, type Invocation } from '../invocation.js';
import { campaignOf } from '../known-names.js';
import { outcomesOf, requestPage } from '../pages/campaign-answers.js';
import { controlAbsent } from '../pages/obstacles.js';
import type { Session } from '../session.js';
import { counted } from '../text.js';

/** What may be asked of all productions of a campaign. */
interface CampaignRequest {
  readonly kind: ProductionRequest['kind'];
  readonly description: string;
  /** For the example in its help. */
  readonly why: string;
  /** Productions in these states are asked. */
  readonly states: readonly ProductionState[];
  /** A second argument, which becomes the request's value: its name, what it is, and how it is read. */
  readonly value?: readonly [name: string, description: string, read: (text: string) => number];
  /** It takes the options of an extension. */
  readonly extends?: true;
  /** What is lost: a person is asked first. */
  readonly loses?: string;
}

/** Productions that have something left to do but the audit. */
const GOING: readonly ProductionState[] = [
  'New',
  'Scouting',
  'AwaitingApproval',
  'Active',
  'Stopped',
  'Held',
];

/** A request that single productions take becomes one of campaigns by a line here. */
export const CAMPAIGN_REQUESTS: readonly CampaignRequest[] = [
  {
    kind: 'pause',
    description: 'start no more jobs of its productions; those that run go on',
    states: GOING,
    why: 'the storage is full',
  },
  {
    kind: 'resume',
    description: 'go on after a pause, and approve good scouts',
    states: GOING,
    why: 'the storage has room',
  },
  {
    kind: 'reprioritize',
    description: 'change the priority of its productions, from now on',
    states: statesTaking('reprioritize'),
    why: 'for the summer conferences',
    value: ['<priority>', '1 (lowest) to 10 (highest)', wholeNumber(1, 10)],
  },
  {
    kind: 'extend',
    description: 'make more events in each of its productions',
    states: statesTaking('extend'),
    why: 'more statistics',
    extends: true,
  },
  {
    kind: 'finish',
    description: 'start no more jobs of its productions, and complete each with what there is',
    states: statesTaking('finish'),
    why: 'enough for the conference',
    loses: 'jobs that wait are given up, their events will be missing',
  },
  {
    kind: 'cancel',
    description: 'end all jobs of its productions and remove what unfinished ones left',
    states: statesTaking('cancel'),
    why: 'wrong global tag',
    loses: 'all jobs end, and what is not finished is removed',
  },
  {
    kind: 'release',
    description: 'try parked jobs and held blocks again in its productions that are held',
    why: 'the software is repaired',
    states: ['Held'],
  },
  {
    kind: 'rescout',
    description: 'scout its rejected productions again with the same definitions',
    why: 'the site was to blame',
    states: statesTaking('rescout'),
  },
];

interface Options extends ExtensionOptions {
  readonly why?: string;
  readonly yes?: boolean;
}

/** `fabrica campaign pause|resume|...`: the same request to every production. */
export function addCampaignRequests(campaign: Command, invocation: Invocation): void {
  for (const request of CAMPAIGN_REQUESTS) {
    const { kind, loses, value, why } = request;
    const command = campaign
      .command(kind)
      .description(request.description)
      .argument('<name>', 'name of the campaign');
    if (value !== undefined) command.argument(...value);
    if (request.extends === true) addExtensionOptions(command, ' in each');
    if (loses !== undefined) command.option('--yes', 'do not ask');
    command
      .option('--why <text>', 'for the event logs')
      .addHelpText(
        'after',
        examples(`fabrica campaign ${kind} MC16${exampleOf(request)} --why '${why}'`),
      )
      .action(
        invocation.action<Options>(async (session, options, args) =>
          ask(session, textArgument(args, 0), request, options, args[1]),
        ),
      );
  }
}

/** What stands behind the name in the example of its help. */
function exampleOf({ extends: extension, value }: CampaignRequest): string {
  if (extension === true) return ' --total 100000';
  return value === undefined ? '' : ' 8';
}

async function ask(
  session: Session,
  name: string,
  request: CampaignRequest,
  { why = '', yes = false, ...extension }: Options,
  given: unknown,
): Promise<ExitCode> {
  const { kind, loses, states, value } = request;
  const said = {
    ...(value === undefined ? {} : { value: Number(given) }),
    ...(request.extends === true ? extensionSelected(extension) : {}),
  };
  // An unknown name is told without Temporal.
  const { productions } = await campaignOf(session, name);
  if (loses !== undefined) {
    const all = counted(productions, 'production');
    await confirmed(session.terminal, `${kind} ${all} of campaign ${name}: ${loses}. Go on?`, yes);
  }
  const temporal = await session.temporal();
  const nobody = await whyNoControl(temporal);
  if (nobody !== null) throw controlAbsent(nobody, 'nothing has been asked');
  const { who } = session.terminal;
  const { requestOfCampaign } = await import('../../temporal/campaign-request.js');
  const answer = await requestOfCampaign(name, { kind, who, why, ...said }, states, {
    ...{ client: temporal.client, catalog: await session.catalog() },
    tell: (message) => session.remark(message),
    ends: (error) => isOver(error, temporal),
  });
  const outcomes = outcomesOf(answer);
  session.answer(
    { campaign: name, request: kind, ...outcomes.counts, productions: outcomes.productions },
    requestPage(kind, name, outcomes, session),
  );
  return exitOf(answer);
}

/** 0 only if every production that it concerns is as it was asked to be. */
function exitOf({ asked }: CampaignAnswer): ExitCode {
  const errors = asked.flatMap(({ error }) => error ?? []);
  const codes = errors.map(({ code }) => exitCodeOf(code));
  if (codes.includes(EXIT.unreachable)) return EXIT.unreachable;
  return asked.every(({ answer }) => answer !== null) ? EXIT.ok : EXIT.negative;
}
