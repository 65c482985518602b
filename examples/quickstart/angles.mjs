// Shows the polar angle of the mu- in files of the quickstart, and fits 1 + a cos^2(theta) to it.
// usage: node angles.mjs FILE...
import { readFileSync } from 'node:fs';
import { exit } from 'node:process';

const BINS = 20;
const WIDTH = 60;

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node angles.mjs FILE...');
  exit(2);
}

const cosines = files.flatMap((file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => cosTheta(JSON.parse(line)['mu-'])),
);
const fit = fitSlope(cosines);

const counts = new Array(BINS).fill(0);
for (const c of cosines) counts[Math.min(BINS - 1, Math.floor(((c + 1) / 2) * BINS))] += 1;
const expected = counts.map((_, bin) =>
  expectedIn(-1 + (2 * bin) / BINS, -1 + (2 * bin + 2) / BINS),
);
const scale = WIDTH / Math.max(...counts, ...expected);

console.log(`cos(theta) of the mu-, ${cosines.length} events; # events, | fit\n`);
counts.forEach((count, bin) => {
  const bar = '#'
    .repeat(Math.round(count * scale))
    .padEnd(WIDTH + 1)
    .split('');
  bar[Math.round(expected[bin] * scale)] = '|';
  const low = (-1 + (2 * bin) / BINS).toFixed(1).padStart(4);
  const high = (-1 + (2 * bin + 2) / BINS).toFixed(1).padStart(4);
  console.log(`${low} ..${high} ${String(count).padStart(6)} ${bar.join('').trimEnd()}`);
});
console.log(
  `\nfit of 1 + a cos^2(theta): a = ${fit.a.toFixed(3)} +- ${fit.error.toFixed(3)} (QED: 1)`,
);

function cosTheta([, px, py, pz]) {
  return pz / Math.hypot(px, py, pz);
}

/** Events that the fit expects between two cosines. */
function expectedIn(low, high) {
  const integral = (c) => c + (fit.a * c ** 3) / 3;
  return (cosines.length * (integral(high) - integral(low))) / (integral(1) - integral(-1));
}

/**
 * The a of largest likelihood for the density (1 + a c^2) / (2 + 2a/3), not binned, by Newton's method, with its error from the
 * curvature. Needs some hundred events to mean anything.
 */
function fitSlope(values) {
  let a = 0.5;
  let curvature = 1;
  for (let step = 0; step < 100; step += 1) {
    let slope = -values.length / (3 + a);
    curvature = -values.length / (3 + a) ** 2;
    for (const c of values) {
      const term = c ** 2 / (1 + a * c ** 2);
      slope += term;
      curvature += term ** 2;
    }
    // Beyond -1 the density is negative somewhere.
    const next = Math.max(-0.99, a + slope / curvature);
    const change = Math.abs(next - a);
    a = next;
    if (change < 1e-9) break;
  }
  return { a, error: 1 / Math.sqrt(curvature) };
}
