import { sql, type Kysely } from 'kysely';

/** The productions of a campaign are found without reading all; distributed blocks know how many final files they have made, and their bytes. */
export async function indexCampaigns(db: Kysely<unknown>): Promise<void> {
  await sql`create index productions_by_campaign on productions (campaign, id)`.execute(db);
  const final = sql`
    files as f where f.production_id = blocks.production_id and f.block = blocks.number and f.state = 'Valid' and f.kind = (
      select case when json_extract(r.definition, '$.merge') is null then 'output' else 'merged' end
      from productions as p join revisions as r on r.production_id = p.id and r.revision = p.revision
      where p.id = blocks.production_id)`;
  await sql`
    update blocks set counts = json_set(counts,
      '$.files', (select count(*) from ${final}), '$.bytes', (select coalesce(sum(f.size), 0) from ${final}))
    where state in ('Clearing', 'Finished')`.execute(db);
}
