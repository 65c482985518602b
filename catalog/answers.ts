import type { CommandAnswer } from '../domain/command.js';
import type { Db } from './catalog.js';

/** What was answered to this command before; null if it has not come yet. */
export async function answerTo(
  db: Db,
  production: number,
  id: string,
): Promise<CommandAnswer | null> {
  const row = await db
    .selectFrom('answers')
    .select('answer')
    .where('production_id', '=', production)
    .where('id', '=', id)
    .executeTakeFirst();
  // Written by `rememberAnswer` only.
  return row === undefined ? null : (JSON.parse(row.answer) as CommandAnswer);
}

/** Keeps the answer to a command, so that the same one that comes again is not carried out again. */
export async function rememberAnswer(
  db: Db,
  production: number,
  command: { readonly id: string; readonly answer: CommandAnswer; readonly now: number },
): Promise<void> {
  await db
    .insertInto('answers')
    .values({
      production_id: production,
      id: command.id,
      at: command.now,
      answer: JSON.stringify(command.answer),
    })
    .execute();
}
