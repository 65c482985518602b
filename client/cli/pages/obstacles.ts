import type { ProductionView } from '../../../catalog/views/production-view.js';
import type { Resource, StorageResource } from '../../../catalog/views/resource-list.js';
import type { Definition } from '../../../domain/definition.js';
import { FabricaError } from '../../../domain/errors.js';
import { formatSize } from '../../../domain/quantity.js';
import type { ProductionState } from '../../../domain/states/production.js';
import { planDistribution } from '../../../policy/distribution-plan.js';
import { banText } from './ban-text.js';

/** What keeps all waiting jobs of a production from going on until a person does something. */
export interface Obstacle {
  readonly kind: 'processes' | 'epoch' | 'sites' | 'storages';
  readonly text: string;
  readonly remedy: string;
  /** The sites or storages that it names. */
  readonly resources: readonly Resource[];
}

/** An obstacle as one sentence, its remedy as the next. */
export function obstacleText({ remedy, text }: Obstacle): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}. ${remedy}`;
}

/** No process works on anything. */
export function nothingRuns(why: string): Obstacle {
  return {
    kind: 'processes',
    text: `nothing runs: ${why}`,
    remedy: 'Start `fabrica up` (or `fabrica worker control`); it goes on where it was.',
    resources: [],
  };
}

/** There is a control process, as far as Temporal knows, and it does not answer. */
export function controlSilent(): Obstacle {
  return {
    kind: 'processes',
    text: 'the control process does not answer: it is stopped, was killed just now, or has too much to do',
    remedy: '`fabrica doctor` tells more; what follows is what the catalog knows.',
    resources: [],
  };
}

/** The error of a command that does nothing for many productions while nobody would carry it out. */
export function controlAbsent(why: string, done: string): FabricaError {
  const { remedy, text } = nothingRuns(why);
  const message = `${text.charAt(0).toUpperCase()}${text.slice(1)}; ${done}.`;
  return new FabricaError('FABRICA_WORKER_ABSENT', message, {}, { remedy });
}

/** The catalog or the Temporal state was restored, and all is held. */
export function notRecovered(why: string): Obstacle {
  return {
    kind: 'epoch',
    text: `nothing runs since a restore: ${why}`,
    remedy: 'Run `fabrica recover`.',
    resources: [],
  };
}

/** Every site that the definition allows is closed. Null if one is open. */
export function sitesObstacle(
  definition: Pick<Definition, 'sites'>,
  sites: readonly Resource[],
): Obstacle | null {
  const allowed = sites.filter(
    ({ name }) => definition.sites.length === 0 || definition.sites.includes(name),
  );
  if (allowed.length === 0 || !allowed.every(isClosed)) return null;
  const [first] = allowed;
  return {
    kind: 'sites',
    text: `every site it may use is banned: ${named(allowed, banText)}`,
    remedy:
      allowed.length === 1
        ? `\`fabrica site unban ${first?.name ?? ''}\` lets its jobs go there again.`
        : '`fabrica site unban NAME` lets its jobs go to that one again.',
    resources: allowed,
  };
}

/** States in which jobs should go to sites and files to storages. */
const GOING: readonly ProductionState[] = ['New', 'Scouting', 'Active'];

/** What keeps the jobs of a production waiting, as the catalog knows it. */
export function obstaclesOf(
  view: ProductionView,
  { sites, storages }: { sites: readonly Resource[]; storages: readonly StorageResource[] },
): Obstacle[] {
  const { jobs, merges, state } = view.progress;
  const going = GOING.includes(state) || view.heldFor === 'sites';
  const fabricates = going && ((jobs.Waiting ?? 0) > 0 || Object.keys(jobs).length === 0);
  const mergesWait = going && (merges.Waiting ?? 0) > 0;
  const distributes = view.blocks.some((block) => block.state === 'Distributing');
  const needsFinal =
    mergesWait || (fabricates && !view.merges) || ((going || state === 'Held') && distributes);
  const found = [
    fabricates || mergesWait ? sitesObstacle(view.definition, sites) : null,
    needsFinal ? finalsObstacle(view, storages) : null,
    fabricates && view.merges ? temporariesObstacle(view, storages) : null,
    fabricates && view.blocksInAll === 0 && storages.every(isClosed)
      ? homeObstacle(storages)
      : null,
  ];
  return found.filter((one) => one !== null);
}

function isClosed({ state }: Resource): boolean {
  return state === 'Banned' || state === 'Probing';
}

/** More sites or storages than these are counted only. */
const MOST_NAMED = 5;

/** `KMI (by ann@host), PNNL (...) and 3 more`. */
function named<R extends Resource>(resources: readonly R[], text: (one: R) => string): string {
  const told = resources.slice(0, MOST_NAMED).map((one) => `${one.name} (${text(one)})`);
  const rest = resources.length - told.length;
  return told.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** No final storage of the wanted areas can take one of its files. */
function finalsObstacle(
  view: ProductionView,
  storages: readonly StorageResource[],
): Obstacle | null {
  const { areas } = view.definition.distribution;
  const wanted = storages.filter(
    ({ area, purpose }) => purpose === 'final' && (areas.length === 0 || areas.includes(area)),
  );
  const size = fileSize(view);
  const targets = wanted.map((one) => ({ ...one, usable: one.state !== 'Banned' }));
  const wish = { copies: targets.length, areas };
  if (planDistribution({ size, present: [], turn: 0 }, wish, targets).copyTo.length > 0) {
    return null;
  }
  const file = size > 0 ? ` for a file of ${formatSize(size)}` : '';
  const where = areas.length === 0 ? '' : ` in ${areas.join(', ')}`;
  return {
    kind: 'storages',
    text: `no final storage${where} has room${file}: ${named(wanted, storageText)}`,
    remedy: 'Free space on one of them, or add another final storage to fabrica.yaml.',
    resources: wanted,
  };
}

/** No temporary storage can take the output of a job. One that is banned still takes those of the blocks whose home it is. */
function temporariesObstacle(
  view: ProductionView,
  storages: readonly StorageResource[],
): Obstacle | null {
  const temporary = storages.filter(({ purpose }) => purpose === 'temporary');
  const homes = view.blocks.map((block) => block.homeStorage);
  const size = outputSize(view);
  const usable = temporary.some(
    (one) => (one.free === null || one.free > size) && (!isClosed(one) || homes.includes(one.name)),
  );
  if (temporary.length === 0 || usable) return null;
  return {
    kind: 'storages',
    text: `no temporary storage has room for an output: ${named(temporary, storageText)}`,
    remedy: 'Free space on one of them, or add another temporary storage to fabrica.yaml.',
    resources: temporary,
  };
}

function homeObstacle(storages: readonly StorageResource[]): Obstacle {
  return {
    kind: 'storages',
    text: `no storage may take its outputs: ${named(storages, banText)}`,
    remedy: 'Add a temporary storage to fabrica.yaml.',
    resources: storages,
  };
}

function storageText(storage: StorageResource): string {
  if (storage.state === 'Banned') return banText(storage);
  return storage.free === null ? 'its room is not known' : `${formatSize(storage.free)} free`;
}

/** What the output of a job is expected to have, bytes; 0 if that is not known. */
function outputSize({ estimate }: ProductionView): number {
  return (estimate?.bytesPerEvent ?? 0) * (estimate?.eventsPerJob ?? 0);
}

/** What a final file is expected to have, bytes; 0 if that is not known. */
function fileSize(view: ProductionView): number {
  if (!view.merges) return outputSize(view);
  const { definition, estimate } = view;
  const perMerge = (estimate?.eventsPerJob ?? 0) * (estimate?.jobsPerMerge ?? 0);
  return (estimate?.bytesPerEvent ?? 0) * Math.min(definition.events ?? Infinity, perMerge);
}
