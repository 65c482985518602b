import type { Db } from '../../catalog/catalog.js';
import { recordEvent } from '../../catalog/events.js';
import { changeProductionState, type ProductionRow } from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { overrideSite } from '../../catalog/resources.js';
import type { Command } from '../../domain/command.js';
import { FabricaError } from '../../domain/errors.js';
import { quoted } from '../../domain/problem.js';
import { parseSelection } from '../../domain/selection.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { PRODUCTION_TRANSITIONS, type ProductionState } from '../../domain/states/production.js';
import type { ResourceState } from '../../domain/states/resource.js';
import { mayBecome } from '../../domain/transition.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { unpark } from './parked.js';
import { reprocess } from './reprocess.js';
import { rescout } from './rescout.js';

export interface CommandAnswer {
  readonly accepted: boolean;
  /** What happened, or why nothing did. */
  readonly message: string;
  readonly state: ProductionState;
  readonly priority: number;
  /** Blocks in which jobs run again: their workflows must look again. */
  readonly reopened: readonly number[];
}

/** What people ask of productions and sites. Each request is in the event log, the refused ones too. */
export function commanding(context: ControlContext) {
  const { catalog, clock } = context;

  async function command(input: ProductionRef & { command: Command }): Promise<CommandAnswer> {
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const reopened: number[] = [];
      const refusal = await refused(db, production, input.command, reopened);
      if (refusal !== null) {
        await recordEvent(db, {
          at: clock.now(),
          who: input.command.who,
          production: production.id,
          what: `${input.command.kind} refused`,
          why: refusal,
          data: input.command,
        });
      }
      return {
        accepted: refusal === null,
        message: refusal ?? production.reason,
        state: production.state,
        priority: production.priority,
        reopened,
      };
    });
  }

  /** Carries the command out and returns null, or returns why not. Doing the same twice changes nothing the second time. */
  async function refused(
    db: Db,
    production: ProductionRow,
    request: Command,
    reopened: number[],
  ): Promise<string | null> {
    const { state } = production;
    const change = async (to: ProductionState, why: string): Promise<null> => {
      await changeProductionState(db, production, {
        to,
        why,
        who: request.who,
        now: clock.now(),
      });
      return null;
    };
    switch (request.kind) {
      case 'pause':
        if (state === 'Stopped') return null;
        if (state === 'New' || state === 'Scouting' || state === 'Active' || state === 'Held') {
          return change('Stopped', request.why || `paused by ${request.who}`);
        }
        return `${state} productions can not be paused`;
      case 'resume':
        if (state === 'Stopped') {
          const back = production.resume_state ?? 'Active';
          return change(
            mayBecome(PRODUCTION_TRANSITIONS, state, back) ? back : 'Active',
            request.why || `resumed by ${request.who}`,
          );
        }
        if (state === 'AwaitingApproval') return change('Active', `approved by ${request.who}`);
        if (state === 'Active' || state === 'Scouting') return null;
        return state === 'Held'
          ? 'it is held, not paused: release retries its parked jobs, waive gives them up'
          : `${state} productions can not be resumed`;
      case 'reprioritize':
        return reprioritize(db, production, request);
      case 'cancel':
        if (state === 'Cancelling' || state === 'Cancelled') return null;
        if (!mayBecome(PRODUCTION_TRANSITIONS, state, 'Cancelling')) {
          return `${state} productions can not be cancelled`;
        }
        return change('Cancelling', request.why || `cancelled by ${request.who}`);
      case 'clean':
        if (state === 'Cleaning' || state === 'Cleaned') return null;
        if (mayBecome(PRODUCTION_TRANSITIONS, state, 'Cleaning')) {
          return change('Cleaning', request.why || `cleaned by ${request.who}`);
        }
        return state === 'Archived' || state === 'Cancelling'
          ? `${state} productions can not be cleaned`
          : `${state} productions can not be cleaned: cancel it first (\`fabrica cancel ${production.name}\`)`;
      case 'release':
      case 'waive':
      case 'kill':
        return unpark(db, production, { ...request, kind: request.kind }, clock.now());
      case 'reprocess':
        return again(db, production, request, reopened);
      case 'rescout':
        return rescout(db, production, request, clock.now());
      case 'malformed':
        return request.why;
    }
  }

  async function again(
    db: Db,
    production: ProductionRow,
    { select, who, why }: Command,
    reopened: number[],
  ): Promise<string | null> {
    const parsed = parseSelection(select);
    if ('problem' in parsed) return parsed.problem;
    const moment = { epoch: catalog.epoch, now: clock.now() };
    const answer = await reprocess(db, production, { ...parsed, who, why }, moment);
    if (answer.problem === null) reopened.push(...answer.blocks);
    return answer.problem;
  }

  async function reprioritize(
    db: Db,
    production: ProductionRow,
    request: Command,
  ): Promise<string | null> {
    const { value } = request;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 10) {
      const given =
        value === undefined || value === null ? 'none was given' : `not ${quoted(value)}`;
      return `a priority is a whole number from 1 to 10, ${given}`;
    }
    if (['Completed', 'Cancelled', 'Cleaned', 'Archived'].includes(production.state)) {
      return `${production.state} productions have no use for a priority`;
    }
    if (production.priority === value) return null;
    await db
      .updateTable('productions')
      .set({ priority: value, updated_at: clock.now() })
      .where('id', '=', production.id)
      .execute();
    await recordEvent(db, {
      at: clock.now(),
      who: request.who,
      production: production.id,
      what: `priority ${production.priority} -> ${value}`,
      why: request.why,
    });
    production.priority = value;
    return null;
  }

  /** How far a production is. */
  async function progress(input: ProductionRef): Promise<ProductionProgress> {
    return catalog.read(async (db) =>
      progressOf(db, await productionFor(context, db, input), clock.now()),
    );
  }

  /** A person's word about a site; `state` null takes it back. Started by the command line as an activity of its own. */
  async function setSiteOverride(input: {
    site: string;
    state: ResourceState | null;
    who: string;
    why: string;
    until: number | null;
  }): Promise<void> {
    if (input.state !== null && input.state !== 'Banned' && input.state !== 'Active') {
      throw new FabricaError(
        'FABRICA_COMMAND_REFUSED',
        `A site is banned or not, it can not be made ${String(input.state)} by hand.`,
        { site: input.site },
      );
    }
    await catalog.write((db) => overrideSite(db, { ...input, now: clock.now() }));
  }

  return { command, progress, setSiteOverride };
}
