// Changes two rows of a catalog together, again and again, until SIGTERM; then tells how often.
import Database from 'better-sqlite3';

const database = new Database(process.argv[2], { timeout: 10_000 });
const put = database.prepare(
  'insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value',
);
let count = 0;
const change = database.transaction(() => {
  count++;
  put.run('one', String(count));
  put.run('two', String(count));
});
const timer = setInterval(() => {
  change();
  if (count === 1) process.send?.('writing');
}, 1);
process.on('SIGTERM', () => {
  clearInterval(timer);
  database.close();
  process.send?.(count, () => process.disconnect());
});
