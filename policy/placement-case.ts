/** A site as `place` sees it. */
export interface PlacementSite {
  readonly name: string;
  readonly slots: number;
  /** Attempts of all productions that are submitted or running there. */
  readonly open: number;
  /** Those of this production. */
  readonly mine: number;
  /** Those of scouts and merges, of all productions. */
  readonly urgent: number;
  /** Why nothing may go there (banned, not in the definition's list); empty if it may. */
  readonly closed: string;
  /** The block's home storage is near it. */
  readonly near: boolean;
  /** Jobs of this production that are its part of the site, as a fraction too. See `shareGrid`. */
  readonly part: number;
  /** Jobs that the site takes now beside its slots: Infinity, or what its limit per minute leaves. */
  readonly takes: number;
  /** Share of this production's jobs that have failed there of late by the site's fault. See `failingShares`. */
  readonly failing: number;
  /** HS23 of a core: a job takes half the time where it is twice as much. */
  readonly speed: number;
}

export interface PlacementJob {
  readonly job: number;
  /** Sites where it failed by the site's fault, shall be confirmed elsewhere, or has waited in vain. */
  readonly avoid: readonly string[];
  /** Sites near its input files: these first, where they have room. */
  readonly prefers?: readonly string[];
}

export interface PlacementCase {
  /** In order of their numbers. */
  readonly jobs: readonly PlacementJob[];
  /** All jobs of the production that wait, these ones and those that are not planned yet. */
  readonly backlog: number;
  readonly sites: readonly PlacementSite[];
  /** Scouts and merges jump the queue: a fifth of the slots is theirs beside whatever others have at a site, and they may exceed the part of their production. */
  readonly urgent: boolean;
  /** The production has had no more starts than are due to it: fractions of a job are rounded in its favour. See `StartBalance`. */
  readonly owed: boolean;
  /** Jobs that may go now by the limits of the production itself. */
  readonly most: number;
  /** Expected wall time of the jobs at the sites, of all productions, s; null if not known. */
  readonly jobSeconds: number | null;
  /** They are the last of their block. See `isTail`. */
  readonly tail: boolean;
}
