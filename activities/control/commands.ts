import { answerTo, rememberAnswer } from '../../catalog/answers.js';
import type { Db } from '../../catalog/catalog.js';
import { COMMENT, lastComment, recordEvent } from '../../catalog/events.js';
import {
  changePriority,
  changeProductionState,
  type ProductionRow,
} from '../../catalog/productions.js';
import { progressOf } from '../../catalog/progress.js';
import { overrideSite, type WordChange } from '../../catalog/resources.js';
import { commandProblem } from '../../domain/command-check.js';
import type { Command, CommandKind, CommandResult } from '../../domain/command.js';
import { FabricaError } from '../../domain/errors.js';
import type { ProductionProgress } from '../../domain/progress.js';
import { parseSelection } from '../../domain/selection.js';
import { PRODUCTION_TRANSITIONS, type ProductionState } from '../../domain/states/production.js';
import type { ResourceState } from '../../domain/states/resource.js';
import { mayBecome } from '../../domain/transition.js';
import { whoReads } from './input-readers.js';
import { commandAllowed, neverExtended } from '../../policy/command-rules.js';
import { amend } from './amend.js';
import { sitesRefusal } from './closed-sites.js';
import {
  already,
  answerOf,
  commandCase,
  done,
  inThatState,
  invalid,
  refused,
  type CommandEffect,
} from './command-effect.js';
import { productionFor, type ControlContext, type ProductionRef } from './context.js';
import { extend } from './extend.js';
import { finish } from './finish.js';
import { hasParked, unpark } from './parked.js';
import { reprocess } from './reprocess.js';
import { rescout } from './rescout.js';
import { withdrawalText } from '../../domain/withdrawal.js';
import { clause } from '../../domain/clause.js';

/** What people ask of productions and sites. Each request is in the event log, the refused ones too. */
export function commanding(context: ControlContext) {
  const { catalog, clock } = context;

  /**
   * Carries a command out, or refuses it; the same one twice (by its id, or by what it asks for) changes nothing the second time. By its id it
   * leads to the same as before, for its first answer may not have been heard.
   */
  async function command(input: ProductionRef & { command: Command }): Promise<CommandResult> {
    const { command: request } = input;
    const id = request.id ?? null;
    return catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      const before = id === null ? null : await answerTo(db, production.id, id);
      if (before !== null) {
        const outcome = before.outcome === 'refused' ? before.outcome : 'already';
        return { ...before, outcome };
      }
      const from = production.state;
      const effect = await effectOf(db, production, request);
      const now = clock.now();
      if (effect.refusal !== undefined) {
        await recordEvent(db, {
          at: now,
          who: request.who,
          production: production.id,
          what: `${request.kind} refused`,
          why: `${clause(effect.message)}. ${effect.refusal.remedy}`,
          data: request,
        });
      }
      const answer: CommandResult = {
        ...answerOf(production, request.kind, effect, from),
        reopened: effect.reopened ?? [],
        withdrawFrom: effect.withdrawFrom ?? [],
      };
      if (id !== null) await rememberAnswer(db, production.id, { id, answer, now });
      return answer;
    });
  }

  async function effectOf(
    db: Db,
    production: ProductionRow,
    request: Command,
  ): Promise<CommandEffect> {
    const problem = commandProblem(request);
    if (problem !== null) return invalid(problem);
    const never = request.kind === 'extend' ? neverExtended(production) : null;
    if (never !== null) return invalid(never.why, never.remedy);
    const verdict = commandAllowed(request.kind, commandCase(production));
    switch (verdict.allowed) {
      case 'no':
        return (
          (await refusedNow(context, db, production, request.kind)) ??
          refused(verdict.why, verdict.remedy)
        );
      case 'already':
        return inThatState(production);
      case 'yes':
        return carryOut(db, production, request);
    }
  }

  async function carryOut(
    db: Db,
    production: ProductionRow,
    request: Command,
  ): Promise<CommandEffect> {
    const { kind, who, why } = request;
    const now = clock.now();
    const from = production.state;
    const change = async (to: ProductionState, because: string): Promise<CommandEffect> => {
      await changeProductionState(db, production, { to, why: why || because, who, now });
      return done(`${from} -> ${production.state}`);
    };
    switch (kind) {
      case 'pause':
        return { ...(await change('Stopped', `paused by ${who}`)), withdrawFrom: 'everywhere' };
      case 'resume': {
        const back = production.resume_state ?? 'Active';
        if (from === 'AwaitingApproval') return change('Active', `approved by ${who}`);
        return change(
          mayBecome(PRODUCTION_TRANSITIONS, from, back) ? back : 'Active',
          `resumed by ${who}`,
        );
      }
      case 'cancel':
        return change('Cancelling', `cancelled by ${who}`);
      case 'clean': {
        const readers = await whoReads(db, production);
        return readers === null
          ? change('Cleaning', `cleaned by ${who}`)
          : refused(readers.why, readers.remedy);
      }
      case 'reprioritize':
        return reprioritize(db, production, request);
      case 'comment':
        return comment(db, production, request);
      case 'extend':
        return extend(db, production, request, now);
      case 'finish':
        return { ...(await finish(db, production, request, now)), withdrawFrom: 'everywhere' };
      case 'amend':
        return amend(db, production, request, now);
      case 'release':
      case 'waive':
      case 'kill':
        return unpark(context, db, production, { ...request, kind });
      case 'reprocess':
        return again(db, production, request);
      case 'rescout':
        return rescout(db, production, request, now);
      case 'malformed':
        return invalid(why);
    }
  }

  async function again(
    db: Db,
    production: ProductionRow,
    { select, who, why }: Command,
  ): Promise<CommandEffect> {
    const parsed = parseSelection(select);
    if ('problem' in parsed) return invalid(parsed.problem);
    const moment = { epoch: catalog.epoch, now: clock.now() };
    const answer = await reprocess(db, production, { ...parsed, who, why }, moment);
    if (answer.refused !== null) return answer.refused;
    const outcome = answer.blocks.length === 0 ? already : done;
    return { ...outcome(answer.message), reopened: answer.blocks };
  }

  async function reprioritize(
    db: Db,
    production: ProductionRow,
    { value, who, why }: Command,
  ): Promise<CommandEffect> {
    const to = Number(value);
    const from = production.priority;
    if (from === to) return already(`its priority is ${to} already`);
    await changePriority(db, production, { to, who, why, now: clock.now() });
    return done(`priority ${from} -> ${to}`);
  }

  async function comment(
    db: Db,
    production: ProductionRow,
    { value, who }: Command,
  ): Promise<CommandEffect> {
    const text = String(value).trim();
    const last = await lastComment(db, production.id);
    if (last?.why === text && last.who === who) return already('it is the latest comment already');
    await recordEvent(db, {
      at: clock.now(),
      who,
      production: production.id,
      what: COMMENT,
      why: text,
    });
    return done('the comment is in the event log');
  }

  /** Notes what has been withdrawn from sites, and which of them have not answered. */
  async function noteWithdrawal(
    input: ProductionRef & { jobs: number; silent: readonly string[]; who: string; why: string },
  ): Promise<void> {
    const { jobs, silent, who, why } = input;
    if (jobs === 0 && silent.length === 0) return;
    await catalog.write(async (db) => {
      const production = await productionFor(context, db, input);
      await recordEvent(db, {
        at: clock.now(),
        who,
        production: production.id,
        what: withdrawalText(jobs, silent),
        why,
        data: { jobs, silent },
      });
    });
  }

  /** How far a production is; in a write, so that its time says what it knows. */
  async function progress(input: ProductionRef): Promise<ProductionProgress> {
    return catalog.write(async (db) =>
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
    /** See `overrideSite`. */
    insteadOf?: string;
  }): Promise<WordChange> {
    if (input.state !== null && input.state !== 'Banned' && input.state !== 'Active') {
      throw new FabricaError(
        'FABRICA_COMMAND_REFUSED',
        `A site is banned or not, it can not be made ${String(input.state)} by hand.`,
        { site: input.site },
      );
    }
    return catalog.write((db) => overrideSite(db, { ...input, now: clock.now() }));
  }

  return { command, noteWithdrawal, progress, setSiteOverride };
}

/** What the catalog knows better than the state why a command is refused; null if nothing. */
async function refusedNow(
  context: ControlContext,
  db: Db,
  production: ProductionRow,
  kind: CommandKind,
): Promise<CommandEffect | null> {
  const { held_for, id, name, state } = production;
  if (kind === 'resume' && held_for === 'sites') return sitesRefusal(context, db, production);
  if (state !== 'Stopped' || (kind !== 'release' && kind !== 'waive')) return null;
  return (await hasParked(db, id))
    ? refused('it is paused', `Resume it first (\`fabrica resume ${name}\`), then ${kind}.`)
    : null;
}
