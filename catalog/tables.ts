import type { ColumnType, Generated } from 'kysely';
import type { Blame, FailureClass } from '../domain/failure-class.js';
import type { FailureStep } from '../domain/bundle.js';
import type { InputRole } from '../domain/input-definition.js';
import type { AttemptState } from '../domain/states/attempt.js';
import type { BlockState } from '../domain/states/block.js';
import type {
  FileKind,
  FileState,
  RemnantState,
  ReplicaState,
  TransferState,
} from '../domain/states/file.js';
import type { JobKind, JobState } from '../domain/states/job.js';
import type { HeldFor, ProductionState } from '../domain/states/production.js';
import type { FindingKind, FindingState, Remedy, SweepState } from '../domain/sweep.js';
import type { ResourceState } from '../domain/states/resource.js';

/**
 * The tables of the catalog. Times are ms since 1970 from the injected clock, never the database's own; sizes are bytes;
 * durations s; JSON is text. The migrations create what is described here.
 */
export interface Tables {
  meta: MetaTable;
  campaigns: CampaignTable;
  productions: ProductionTable;
  revisions: RevisionTable;
  blocks: BlockTable;
  jobs: JobTable;
  job_inputs: JobInputTable;
  production_inputs: ProductionInputTable;
  production_sources: ProductionSourceTable;
  listed_inputs: ListedInputTable;
  bundles: BundleTable;
  attempts: AttemptTable;
  files: FileTable;
  file_parents: FileParentTable;
  replicas: ReplicaTable;
  transfers: TransferTable;
  remnants: RemnantTable;
  debtors: DebtorTable;
  sweeps: SweepTable;
  findings: FindingTable;
  tallies: TallyTable;
  exclusions: ExclusionTable;
  sites: SiteTable;
  storages: StorageTable;
  events: EventTable;
  answers: AnswerTable;
  epochs: EpochTable;
}

/**
 * `epoch`: the present one, new after each restore. `changes` and `last-change`: see `countChange`. `backup`: in a backup only, see
 * `BackupNote`.
 */
export interface MetaTable {
  key: string;
  value: string;
}

export interface EpochTable {
  epoch: string;
  /** 0 where only its name is known. */
  since: number;
  why: string;
  /** When `fabrica recover` had brought everything into it; null before. */
  recovered_at: number | null;
}

export interface CampaignTable {
  name: string;
  /** The next seed nobody has used. */
  next_seed: number;
}

export interface ProductionTable {
  id: Generated<number>;
  name: string;
  group_name: string;
  owner: string;
  description: string;
  campaign: string;
  priority: number;
  state: ProductionState;
  /** Where `Stopped` and `Held` lead back to; null in other states. */
  resume_state: ProductionState | null;
  /** Why it is where it is, for people. */
  reason: string;
  revision: number;
  events: number;
  /** Measured by the scouts (`policy/estimate.ts`), JSON; null before. */
  estimate: string | null;
  /** Wall time of a job, s: a moving mean over those that ended lately; null before the first. */
  job_seconds: number | null;
  created_at: number;
  updated_at: number;
  finished_at: number | null;
  /** Failures before this time hold it no more: it has been released since. */
  judged_from: ColumnType<number, never, number>;
  /** Files that its jobs read; 0 if they make events from nothing. */
  inputs: Generated<number>;
  /** A person has had it finish early: `draining` until its jobs have ended, `closed` from then on; no more blocks are planned. */
  finish: ColumnType<'draining' | 'closed' | null, never, 'draining' | 'closed' | null>;
  held_for: ColumnType<HeldFor | null, never, HeldFor | null>;
}

export interface RevisionTable {
  production_id: number;
  revision: number;
  /** Canonical JSON of the checked definition. */
  definition: string;
  digest: string;
  /** The `LfnScheme` in force when it was registered, JSON: names never change under a running production. */
  lfn_scheme: string;
  submitted_by: string;
  created_at: number;
}

export interface BlockTable {
  production_id: number;
  number: number;
  state: BlockState;
  resume_state: BlockState | null;
  reason: string;
  home_storage: string;
  first_job: number;
  jobs: number;
  first_event: number;
  events: number;
  /** Jobs that wait to be placed. */
  waiting: number;
  /** `BlockCounts` as JSON; like `waiting` kept true by whoever changes the block's jobs. */
  counts: string;
  created_at: number;
  updated_at: number;
  /** The position of the last input file that its jobs were planned with; 0 without input. */
  last_input: Generated<number>;
}

export interface JobTable {
  production_id: number;
  number: number;
  block: number;
  kind: JobKind;
  state: JobState;
  /** Number of the latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts that count against the definition's limit, and those that failed by sites, storages or Fabrica; since the last release. */
  charged: number;
  uncharged: Generated<number>;
  seed: number;
  first_event: number;
  events: number;
  /** See `lfnOf`. */
  file_index: number;
  /** The data level that a merge job joins; null for others. */
  level: string | null;
  /** Not to be placed before this time. */
  not_before: number;
  /** JSON list of sites where it has failed by the site's fault. */
  avoid: string;
  /** 1 once a limit has ended it: it then gets the definition's full limits. */
  raised: number;
  /** The job that was too big, of whose events these are a part. */
  split_from: Generated<number | null>;
  /** 1 once a person has given it up: its attempt is to be ended at its site. */
  killed: Generated<number>;
}

export interface JobInputTable {
  production_id: number;
  job: number;
  /** Inputs first, then overlay. */
  position: number;
  file_id: number;
  role: ColumnType<InputRole, InputRole | undefined, never>;
}

/** The files that a production reads, fixed when it was registered, in the order in which jobs get them. */
export interface ProductionInputTable {
  production_id: number;
  role: InputRole;
  /** From 1. */
  position: number;
  file_id: number;
  /** Files of a job share one; empty for overlay. */
  storage: string;
}

/** Whose files a production reads. */
export interface ProductionSourceTable {
  production_id: number;
  source_id: number;
}

/** The lines of a list of files between its reading and the registration of its production. */
export interface ListedInputTable {
  /** LFN of the stored list: its content tells it. */
  list: string;
  line: number;
  lfn: string;
  staged_at: number;
}

export interface BundleTable {
  id: Generated<number>;
  production_id: number;
  block: number;
  kind: JobKind;
  site: string;
  /** The call of `place` that made it: a repeated call finds its bundles again. */
  ticket: string;
  jobs: number;
  /** Attempts of it that are submitted or running: kept true by whoever changes them. */
  open: Generated<number>;
  /** JSON list of the storages that its jobs may stage out to. */
  destinations: string;
  placed_at: number;
  /** The epoch in which it was placed: its CE jobs and its files have it in their names. */
  epoch: Generated<string>;
  /** When its site had taken it; null before, and if it never did. */
  submitted_at: number | null;
  /** When the site had confirmed that nothing of it is left there; null before. */
  cleared_at: number | null;
  /** The archive of its logs; null if there is none. */
  log_file: number | null;
}

export interface AttemptTable {
  production_id: number;
  job: number;
  attempt: number;
  bundle: number;
  site: string;
  state: AttemptState;
  placed_at: number;
  started_at: number | null;
  ended_at: number | null;
  /** When its end was recorded. */
  settled_at: number | null;
  ce_id: string;
  node: string;
  step: FailureStep | null;
  exit_code: number | null;
  class: FailureClass | null;
  /** Who is to blame, as far as is known now: a later success elsewhere may acquit the payload. */
  blame: ColumnType<Blame | null, never, Blame | null>;
  /** The rule of diagnosis that gave the class. */
  rule: ColumnType<string | null, never, string | null>;
  /** `Evidence` as JSON; null if there is nothing to tell. */
  evidence: ColumnType<string | null, never, string | null>;
  reason: string;
  log_tail: string;
  wall_seconds: number | null;
  cpu_seconds: number | null;
  memory_mb: number | null;
  /** 1: its log is in the archive of its bundle. */
  log_kept: 0 | 1;
}

export interface FileTable {
  id: Generated<number>;
  lfn: string;
  /** Null for sandboxes, which productions share. */
  production_id: number | null;
  /** That of its job; null where no job has made it. */
  block: ColumnType<number | null, number | null | undefined, never>;
  job: number | null;
  attempt: number | null;
  kind: FileKind;
  level: string;
  state: FileState;
  size: number;
  adler32: string;
  /** Null where events mean nothing. */
  events: number | null;
  /** JSON. */
  metadata: string;
  created_at: number;
}

export interface FileParentTable {
  file_id: number;
  parent_id: number;
}

export interface ReplicaTable {
  file_id: number;
  storage: string;
  path: string;
  state: ReplicaState;
  created_at: number;
}

export interface TransferTable {
  id: Generated<number>;
  production_id: number;
  block: number;
  file_id: number;
  source: string;
  destination: string;
  state: TransferState;
  tries: number;
  reason: string;
  created_at: number;
  updated_at: number;
}

export interface RemnantTable {
  id: Generated<number>;
  /** Null for files that no production is known to have made. */
  production_id: number | null;
  block: number;
  storage: string;
  path: string;
  /** `tree` for a whole directory. */
  shape: 'file' | 'tree';
  state: RemnantState;
  why: string;
  since: number;
}

/** A storage that has debts and did not answer, or refused a removal, when they were tried. */
export interface DebtorTable {
  storage: string;
  /** In a row. */
  tries: number;
  tried_at: number;
  /** Not tried again before, but when a person asks. */
  next_at: number;
  reason: string;
}

/** One comparison of a storage with the catalog. */
export interface SweepTable {
  id: Generated<number>;
  storage: string;
  /** Null for all productions. */
  production_id: number | null;
  /** 1 or 0. */
  checksums: number;
  repair: number;
  who: string;
  state: SweepState;
  started_at: number;
  ended_at: number | null;
  /** Looked at. */
  files: number;
  /** Of other people: counted only. */
  foreign_files: number;
  reason: string;
}

/** What a sweep has found wrong, by place. */
export interface FindingTable {
  storage: string;
  path: string;
  kind: FindingKind;
  state: FindingState;
  /** The sweep that has seen it last. */
  sweep: number;
  production_id: number | null;
  file_id: number | null;
  /** Bytes that are there; null for a missing file. */
  size: number | null;
  why: string;
  remedy: Remedy;
  /** When it was written or, where the storage does not tell, first seen. */
  found_at: number;
  updated_at: number;
}

/** How many attempts have ended in one way at one site in ten minutes. `class` is empty for good ones. */
export interface TallyTable {
  production_id: number;
  /** Its begin, ms. */
  period: number;
  site: string;
  class: FailureClass | '';
  attempts: number;
}

/** A site that a production leaves out because too much of it failed there. */
export interface ExclusionTable {
  production_id: number;
  site: string;
  why: string;
  since: number;
  until: number;
}

interface ResourceColumns {
  name: string;
  area: string;
  kind: string;
  state: ResourceState;
  /** A person's word, which wins over `state` until `override_until` (null: until it is taken back). */
  override: ResourceState | null;
  override_by: string | null;
  override_reason: string | null;
  override_until: number | null;
  updated_at: number;
  /** Nothing of earlier epochs is left there, as of this epoch; empty: it was never asked. */
  epoch: Generated<string>;
}

export interface SiteTable extends ResourceColumns {
  slots: number;
  hs23_per_core: number;
  /** JSON list of storage names, the nearest first. */
  storages: string;
}

export interface StorageTable extends ResourceColumns {
  root: string;
  purpose: 'temporary' | 'final';
  total: number | null;
  free: number | null;
}

/** Who did what, when and why. Never changed, never removed. */
export interface EventTable {
  id: Generated<number>;
  at: ColumnType<number, number, never>;
  who: string;
  production_id: number | null;
  block: number | null;
  what: string;
  why: string;
  /** JSON: inputs and answer of a decision, old and new values of a change. */
  data: string;
}

/** What was answered to a command that has a name of its own. */
export interface AnswerTable {
  production_id: number;
  id: string;
  at: number;
  /** `CommandAnswer` as JSON. */
  answer: string;
}
