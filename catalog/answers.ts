import type { CommandAnswer, CommandResult } from '../domain/command.js';
import type { Db } from './catalog.js';

/** What came of this command when it came before; null if it has not come yet. */
export async function answerTo(
  db: Db,
  production: number,
  id: string,
): Promise<CommandResult | null> {
  const row = await db
    .selectFrom('answers')
    .select('answer')
    .where('production_id', '=', production)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return null;
  // Written by `rememberAnswer` only; earlier versions kept no more than the answer.
  const known = JSON.parse(row.answer) as CommandAnswer & Partial<CommandResult>;
  return { reopened: [], withdrawFrom: [], ...known };
}

/** Keeps what came of a command, so that the same one that comes again is not carried out again, and what it leads to is not lost. */
export async function rememberAnswer(
  db: Db,
  production: number,
  command: { readonly id: string; readonly answer: CommandResult; readonly now: number },
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
