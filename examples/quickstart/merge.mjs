// Joins files of events into one, and makes sure that no event comes twice.
// usage: node merge.mjs OUTPUT INPUT...
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { exit } from 'node:process';

const [output, ...inputs] = process.argv.slice(2);
if (output === undefined || inputs.length === 0) {
  console.error('usage: node merge.mjs OUTPUT INPUT...');
  exit(2);
}

const seen = new Map();
const file = openSync(output, 'w');
for (const input of inputs) {
  const text = readFileSync(input, 'utf8');
  // A whole file ends with a line end; without it the last event may be cut short.
  if (!text.endsWith('\n')) refuse(`${input} does not end with a line end`);
  for (const line of text.slice(0, -1).split('\n')) {
    const { event } = JSON.parse(line);
    if (!Number.isSafeInteger(event)) refuse(`${input} has a line without an event number`);
    const before = seen.get(event);
    if (before !== undefined) refuse(`event ${event} of ${input} is in ${before} already`);
    seen.set(event, input);
  }
  writeSync(file, text);
}
closeSync(file);
writeFileSync('fabrica-report.json', JSON.stringify({ events: seen.size }));
console.log(`${seen.size} distinct events from ${inputs.length} files, in ${output}`);

function refuse(why) {
  console.error(`merge.mjs: ${why}`);
  exit(1);
}
