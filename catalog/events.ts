import { sql } from 'kysely';
import type { Db } from './catalog.js';

/** One entry of the event log. */
export interface CatalogEvent {
  readonly at: number;
  /** A person, or the part of Fabrica that decided. */
  readonly who: string;
  readonly production?: number;
  readonly block?: number;
  readonly what: string;
  readonly why: string;
  readonly data?: unknown;
}

/** Adds to the event log. */
export async function recordEvent(db: Db, event: CatalogEvent): Promise<void> {
  await db
    .insertInto('events')
    .values({
      at: event.at,
      who: event.who,
      production_id: event.production ?? null,
      block: event.block ?? null,
      what: event.what,
      why: event.why,
      data: JSON.stringify(event.data ?? {}),
    })
    .execute();
}

/** The log of a production, newest first. */
export async function eventsOf(
  db: Db,
  production: number,
  limit: number,
): Promise<(CatalogEvent & { id: number })[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where('production_id', '=', production)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    at: row.at,
    who: row.who,
    production,
    ...(row.block === null ? {} : { block: row.block }),
    what: row.what,
    why: row.why,
    data: JSON.parse(row.data) as unknown,
  }));
}

/** What the entry of a person's comment is called; its text is the reason. */
export const COMMENT = 'comment';

/** A person's comment. */
export interface Comment {
  readonly at: number;
  readonly who: string;
  readonly why: string;
}

/** The comments of people on a production, newest first. */
export async function commentsOf(db: Db, production: number, limit: number): Promise<Comment[]> {
  // The literal is that of the index `events_comments`.
  const { rows } = await sql<Comment>`
    select at, who, why from events
    where production_id = ${production} and what = 'comment' order by id desc limit ${limit}`.execute(
    db,
  );
  return rows;
}

export async function lastComment(db: Db, production: number): Promise<Comment | undefined> {
  return (await commentsOf(db, production, 1))[0];
}

/** How many entries of a production's log have this reason, since the last one that tells of `after`. */
export async function countSince(
  db: Db,
  production: number,
  { after, why }: { readonly after: string; readonly why: string },
): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select((eb) => eb.fn.countAll<number>().as('events'))
    .where('production_id', '=', production)
    .where('why', '=', why)
    .where('id', '>', (eb) =>
      eb
        .selectFrom('events')
        .select((inner) => inner.fn.coalesce(inner.fn.max('id'), inner.val(0)).as('id'))
        .where('production_id', '=', production)
        .where('what', '=', after),
    )
    .executeTakeFirstOrThrow();
  return row.events;
}
