import { sentAttempts, type BundleRow, type SentAttempt } from '../../catalog/attempts.js';
import type { Db } from '../../catalog/catalog.js';
import { inputsOf, type JobInput } from '../../catalog/job-inputs.js';
import { nearStorages, siteNamed } from '../../catalog/resources.js';
import { sandboxPaths } from '../../catalog/sandbox.js';
import { revisionOf, type ProductionRow, type Revision } from '../../catalog/productions.js';
import {
  rangesOf,
  type BundleOrder,
  type JobRecipe,
  type JobInputs,
  type OutputRecipe,
  type StageIn,
  type StoredAt,
} from '../../domain/bundle.js';
import type { Definition } from '../../domain/definition.js';
import type { StoredPayload } from '../../domain/payload.js';
import { claimDirectory, outputNaming, physicalPath } from '../../domain/lfn.js';
import { NOTHING_PACKED } from '../../domain/packed.js';
import { queuePatience, withdrawalsOf } from '../../policy/queue-patience.js';
import { pack } from '../packed.js';
import type { ControlContext } from './context.js';
import { estimateOf } from './estimates.js';
import { storedPayloads } from './stored-files.js';

/** That of a site which the configuration does not name any more, s. */
const GONE_LEASE = 3600;

/** The order of a bundle, from its attempts that are still open: the same whenever it is asked for. */
export async function orderOf(
  { catalog: { epoch }, configuration }: Pick<ControlContext, 'catalog' | 'configuration'>,
  db: Db,
  production: ProductionRow,
  bundle: BundleRow,
): Promise<BundleOrder> {
  const site = configuration.sites.find(({ name }) => name === bundle.site);
  const open = await sentAttempts(db, bundle);
  const revision = await revisionOf(db, production);
  const raised = open.some((attempt) => attempt.raised === 1);
  const level = bundle.kind === 'merge' ? (open[0]?.level ?? null) : null;
  return {
    epoch,
    production: production.name,
    block: bundle.block,
    bundle: bundle.id,
    site: bundle.site,
    kind: bundle.kind,
    lease: site?.lease ?? GONE_LEASE,
    ...(site === undefined ? {} : { queuePatience: patienceOf(site.slots, production, open) }),
    recipe: recipeOf(epoch, production, revision, bundle, {
      ...{ raised, level },
      paths: await sandboxPaths(db, storedPayloads(revision.definition)),
    }),
    ranges: rangesOf(open),
    inputs:
      bundle.kind === 'merge' || readsFiles(production, revision.definition)
        ? pack(await stageIns(db, production.id, bundle.site, open))
        : NOTHING_PACKED,
  };
}

/** That of the jobs that have been withdrawn least often. */
function patienceOf(
  slots: number,
  { job_seconds: jobSeconds }: ProductionRow,
  open: readonly SentAttempt[],
): number {
  const withdrawals = Math.min(...open.map(withdrawalsOf), Infinity);
  return queuePatience({ slots, jobSeconds, withdrawals });
}

/** The outputs that a job of this kind makes: one merged file of its level, or all outputs of fabrication. */
export function outputsOf(
  revision: Pick<Revision, 'definition' | 'scheme'>,
  production: number,
  job: { kind: string; level: string | null },
): OutputRecipe[] {
  const { definition, scheme } = revision;
  const merging = job.kind === 'merge';
  const merged = merging || definition.merge === undefined;
  return definition.fabrication.outputs
    .map((output) => ({ ...output, level: output.level ?? definition.dataset.dataLevel }))
    .filter((output) => !merging || output.level === job.level)
    .map(({ level, file }) => ({
      level,
      file: merging ? `merged.${file}` : file,
      naming: outputNaming(scheme, definition.dataset, {
        production,
        level,
        fileName: file,
        merged,
      }),
    }));
}

function recipeOf(
  epoch: string,
  production: ProductionRow,
  revision: Revision,
  bundle: BundleRow,
  job: { raised: boolean; level: string | null; paths: ReadonlyMap<string, string> },
): JobRecipe {
  const { definition } = revision;
  const part = bundle.kind === 'merge' ? mergePart(definition) : definition.fabrication;
  const full = job.raised || bundle.kind === 'merge' || production.estimate === null;
  const limits = full ? null : estimateOf(production);
  return {
    command: part.command,
    environment: part.environment,
    payload: payloadsOf(definition, bundle.kind === 'merge' ? 'merge' : 'fabrication').map(
      (file) => ({
        name: file.name,
        size: file.size,
        adler32: file.adler32,
        replicas: [
          {
            storage: file.storage,
            path: job.paths.get(`${file.storage} ${file.lfn}`) ?? physicalPath(epoch, file.lfn),
          },
        ],
      }),
    ),
    outputs: outputsOf(revision, production.id, { kind: bundle.kind, level: job.level }),
    validation: bundle.kind === 'merge' ? [] : (definition.validation.command ?? []),
    wallSeconds: limits?.wallLimit ?? part.limits.wallTime,
    memoryMB: limits?.memoryLimit ?? part.limits.memory / 1e6,
    diskMB: part.limits.disk / 1e6,
    destinations: destinationsOf(bundle),
    claims: claimDirectory(epoch, production.id, bundle.block),
  };
}

/** Where the jobs of a bundle may stage out to, in order of preference. */
export function destinationsOf(bundle: Pick<BundleRow, 'destinations'>): string[] {
  return JSON.parse(bundle.destinations) as string[];
}

function payloadsOf(definition: Definition, part: 'merge' | 'fabrication'): StoredPayload[] {
  return storedPayloads(
    part === 'merge'
      ? { ...definition, fabrication: { ...definition.fabrication, payload: [] } }
      : { ...definition, merge: undefined },
  );
}

function mergePart(definition: Definition): NonNullable<Definition['merge']> {
  if (definition.merge === undefined) throw new Error(`${definition.name} has no merge section`);
  return definition.merge;
}

/** Whether jobs that are no merges read files: input or overlay. */
export function readsFiles(
  production: Pick<ProductionRow, 'inputs'>,
  { overlay }: Definition,
): boolean {
  return production.inputs > 0 || overlay !== undefined;
}

/** Copies of a file that a job is told of: more would fail like these. */
const MOST_SOURCES = 5;

/** The files that the jobs of a bundle read, with their copies, those near the site first. */
async function stageIns(
  db: Db,
  production: number,
  site: string,
  attempts: readonly SentAttempt[],
): Promise<JobInputs[]> {
  const inputs = await inputsOf(
    db,
    production,
    attempts.map((attempt) => attempt.job),
  );
  const row = await siteNamed(db, site);
  const near = row === undefined ? [] : nearStorages(row);
  const rank = ({ storage }: StoredAt): number =>
    near.includes(storage) ? near.indexOf(storage) : near.length;
  const staged = (files: readonly JobInput[], role: JobInput['role']): StageIn[] =>
    files
      .filter((file) => file.role === role)
      .map((file, i) => ({
        name: `${role}${String(i + 1).padStart(4, '0')}${extension(file.replicas)}`,
        size: file.size,
        adler32: file.adler32,
        replicas: [...file.replicas].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_SOURCES),
      }));
  return [...inputs].map(([job, files]) => ({
    job,
    files: staged(files, 'input'),
    overlay: staged(files, 'overlay'),
  }));
}

function extension([copy]: JobInput['replicas']): string {
  const name = copy?.path.slice(copy.path.lastIndexOf('/') + 1) ?? '';
  const dot = name.indexOf('.');
  return dot === -1 ? '' : name.slice(dot);
}
