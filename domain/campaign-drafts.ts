import { type Campaign, type CampaignEntry, MAX_CAMPAIGN_PRODUCTIONS } from './campaign.js';
import { axesOf, combinations, type Condition, conditionOf } from './campaign-matrix.js';
import { holdsPlaceholder, nameFrom, settingText, withValues } from './campaign-placeholders.js';
import {
  type Draft,
  fieldValue,
  type Setting,
  settingsOf,
  withField,
} from './campaign-settings.js';
import type { FieldPath, Problem } from './problem.js';

/** A production of a campaign file: what a definition file for it would hold, not checked yet. */
export interface CampaignDraft {
  readonly name: string;
  readonly value: Draft;
  /** Where in the campaign file a field of it comes from. */
  readonly origin: (path: FieldPath) => FieldPath;
  /** What distinguishes it: its settings in the order in which they were made. */
  readonly settings: readonly Setting[];
}

/** More problems are not looked for. */
const ENOUGH = 50;

/** Every production of a campaign file in its order, and what is wrong with the file itself (paths are of the file). */
export function draftsOf(campaign: Campaign): {
  readonly drafts: readonly CampaignDraft[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const common = settingsOf(campaign.definition, ['definition'], problems);
  const base: Setting[] = [
    { field: ['dataset', 'campaign'], value: campaign.campaign, from: ['campaign'] },
  ];
  const value = base
    .concat(common)
    .reduce<unknown>((draft, one) => withField(draft, one.field, one.value), {}) as Draft;
  const entries = campaign.productions.map((entry, i) => plan(campaign, entry, i, problems));
  const count = entries.reduce((sum, one) => sum + one.count, 0);
  if (count > MAX_CAMPAIGN_PRODUCTIONS) {
    const largest = entries.reduce((a, b) => (b.count > a.count ? b : a));
    problems.push({
      path: largest.path,
      text: `makes ${largest.count} of ${count} productions, and a campaign file may make ${MAX_CAMPAIGN_PRODUCTIONS}: each is a workflow of its own`,
      remedy:
        'shorten the lists of its matrix, or divide the file; several files may be of one campaign',
    });
  }
  if (problems.length > 0) return { drafts: [], problems };
  const drafts: CampaignDraft[] = [];
  for (const entry of entries) {
    if (problems.length < ENOUGH) drafts.push(...entry.drafts(value, base, problems));
  }
  problems.push(...repeatedNames(drafts));
  return { drafts, problems };
}

interface Plan {
  readonly path: FieldPath;
  /** Combinations, before some are excluded. */
  readonly count: number;
  readonly drafts: (
    base: Draft,
    settings: readonly Setting[],
    problems: Problem[],
  ) => CampaignDraft[];
}

interface Change {
  readonly where: Condition;
  readonly set: readonly Setting[];
  readonly path: FieldPath;
}

/** What an entry of `productions` makes. */
function plan(
  campaign: Campaign,
  entry: CampaignEntry,
  position: number,
  problems: Problem[],
): Plan {
  const path = ['productions', position];
  const set = settingsOf(entry.set, [...path, 'set'], problems);
  const axes = axesOf(entry.matrix, [...path, 'matrix'], problems);
  const excluded = entry.exclude.map((where, i) => ({
    where: conditionOf(where, [...path, 'exclude', i], problems),
    path: [...path, 'exclude', i],
  }));
  const changes = entry.overrides.map((one, i): Change => {
    const at = [...path, 'overrides', i];
    if (Object.keys(one.set).length === 0) {
      problems.push({
        path: [...at, 'set'],
        text: 'is empty',
        remedy: 'name a field and its value',
      });
    }
    return {
      where: conditionOf(one.where, [...at, 'where'], problems),
      set: settingsOf(one.set, [...at, 'set'], problems),
      path: at,
    };
  });
  const template = {
    text: entry.name ?? campaign.name,
    path: entry.name === undefined ? ['name'] : [...path, 'name'],
  };
  return {
    path,
    count: axes.reduce((product, axis) => product * axis.length, 1),
    drafts: (base, common, found) => {
      const used = new Set<FieldPath>();
      const drafts: CampaignDraft[] = [];
      for (const combination of combinations(axes)) {
        const chosen = [...set, ...combination];
        const before = applied(base, chosen);
        const left = excluded.filter(({ where }) => fits(before, where));
        for (const one of left) used.add(one.path);
        if (left.length > 0) continue;
        const fitting = changes.filter(({ where }) => fits(before, where));
        for (const one of fitting) used.add(one.path);
        const settings = [...chosen, ...fitting.flatMap((one) => one.set)];
        const own: Problem[] = [];
        drafts.push(draftOf(applied(base, settings), [...common, ...settings], template, own));
        found.push(...own);
        if (found.length >= ENOUGH) return drafts;
      }
      found.push(...idle([...excluded, ...changes], used));
      if (drafts.length === 0) {
        found.push({
          path,
          text: 'makes no production: all are excluded',
          remedy: 'remove it, or exclude fewer',
        });
      }
      return drafts;
    },
  };
}

function draftOf(
  bare: Draft,
  settings: readonly Setting[],
  template: { readonly text: string; readonly path: FieldPath },
  problems: Problem[],
): CampaignDraft {
  const origin = (path: FieldPath): FieldPath => {
    if (path[0] === 'name') return template.path;
    const setting = settings.findLast(({ field }) => field.every((part, i) => path[i] === part));
    return setting === undefined
      ? ['definition', ...path]
      : [...setting.from, ...path.slice(setting.field.length)];
  };
  const own: Problem[] = [];
  const name = nameFrom(template.text, bare, template.path, problems);
  const value = withValues(bare, own);
  problems.push(...own.map((one) => ({ ...one, path: origin(one.path) })));
  return { name, value: { ...value, name }, origin, settings };
}

function applied(base: Draft, settings: readonly Setting[]): Draft {
  return settings.reduce<unknown>(
    (draft, one) => withField(draft, one.field, one.value),
    base,
  ) as Draft;
}

function fits(draft: Draft, where: Condition): boolean {
  return where.every(({ field, allows }) => allows(fieldValue(draft, field)));
}

/** Exclusions and overrides that fit no production are mistakes. */
function idle(
  all: readonly { readonly path: FieldPath; readonly where: Condition }[],
  used: ReadonlySet<FieldPath>,
): Problem[] {
  return all
    .filter(({ path }) => !used.has(path))
    .map(({ path, where }) => ({
      path,
      text: 'fits no production of this entry',
      remedy: remedyFor(where),
    }));
}

function remedyFor(where: Condition): string {
  const [reversed] = where.flatMap((one) => one.reversed ?? []);
  return reversed === undefined
    ? 'correct its fields and values: they are compared as the file has them'
    : `write ${reversed.to}-${reversed.from}: the range ${reversed.from}-${reversed.to} is reversed`;
}

function repeatedNames(drafts: readonly CampaignDraft[]): Problem[] {
  const first = new Map<string, CampaignDraft>();
  const problems: Problem[] = [];
  for (const draft of drafts) {
    // What is wrong with its template is told already.
    if (holdsPlaceholder(draft.name)) continue;
    const other = first.get(draft.name);
    if (other === undefined) first.set(draft.name, draft);
    else if (problems.length < ENOUGH) problems.push(repeated(draft, other));
  }
  return problems;
}

function repeated(draft: CampaignDraft, other: CampaignDraft): Problem {
  const differing = draft.settings.filter(
    ({ field, value }) => JSON.stringify(value) !== JSON.stringify(fieldValue(other.value, field)),
  );
  const [difference] = differing;
  const what =
    difference === undefined
      ? 'and they are the same'
      : `the second has ${settingText(difference.field, difference.value)}`;
  const own = draft.settings.at(-1)?.from ?? draft.origin(['name']);
  return {
    path: difference?.from ?? own,
    text: `makes two productions of the name ${draft.name}: ${what}`,
    remedy:
      difference === undefined
        ? 'remove what is given twice'
        : `add a field that differs to \`name\`, such as {${difference.field.join('.')}}`,
  };
}
