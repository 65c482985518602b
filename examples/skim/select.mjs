// Keeps the events whose muons both are in the barrel, and mixes a number of hits of beam background into each.
// usage: node select.mjs OUTPUT --overlay FILE... --inputs FILE...
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { argv, exit } from 'node:process';

const [output, ...words] = argv.slice(2);
const begin = words.indexOf('--inputs');
const overlay = words.slice(1, begin);
const inputs = words.slice(begin + 1);
if (output === undefined || words[0] !== '--overlay' || overlay.length === 0 || begin < 0) {
  console.error('usage: node select.mjs OUTPUT --overlay FILE... --inputs FILE...');
  exit(2);
}

/** Cosine of the polar angle that the barrel ends at. */
const BARREL = 0.8;

const linesOf = (file) => readFileSync(file, 'utf8').trimEnd().split('\n');
const inBarrel = ([, x, y, z]) => Math.abs(z) < BARREL * Math.hypot(x, y, z);

const background = overlay.flatMap(linesOf);
let read = 0;
let kept = 0;
const file = openSync(output, 'w');
for (const line of inputs.flatMap(linesOf)) {
  const event = JSON.parse(line);
  // Which hits an event gets follows from its number: each attempt makes the same file.
  const hits = background[event.event % background.length].length;
  read++;
  if (!inBarrel(event['mu-']) || !inBarrel(event['mu+'])) continue;
  kept++;
  writeSync(file, `${JSON.stringify({ ...event, hits })}\n`);
}
closeSync(file);
// How many events were read, and, as it keeps some only, how many are in the output of the data level udst.
writeFileSync('fabrica-report.json', JSON.stringify({ events: read, written: { udst: kept } }));
console.log(`${kept} of ${read} events kept, in ${output}`);
