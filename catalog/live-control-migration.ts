import { sql, type Kysely } from 'kysely';

/** What people have asked of a live production: an early end, comments, and the answers to commands that have a name of their own. */
export async function addLiveControl(db: Kysely<unknown>): Promise<void> {
  for (const statement of [
    'alter table productions add column finish text',
    'alter table productions add column held_for text',
    `create table answers (
       production_id integer not null references productions (id), id text not null, at bigint not null, answer text not null,
       primary key (production_id, id))`,
    `create index events_comments on events (production_id, id) where what = 'comment'`,
  ]) {
    await sql.raw(statement).execute(db);
  }
}
