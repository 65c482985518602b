// Makes events e+e- -> mu+mu- at 10.58 GeV, in the centre-of-mass frame, and writes one line of JSON for each.
// usage: node generate.mjs SEED FIRST_EVENT EVENTS OUTPUT
//
// Physics: one virtual photon at lowest order, d(sigma)/d(Omega) ~ 1 + cos^2(theta), flat in phi. What the mass of the muon changes
// (4 m^2/s = 0.0004) is left out of the angle, not of the four-momenta. The beams run along z, the e- to +z. Units: GeV.
//
// NOTE: three of the 24 jobs of this example fail ON PURPOSE at their first attempt; see `sabotage`.
import { writeFileSync } from 'node:fs';
import { env, exit, kill, pid } from 'node:process';

const ENERGY = 10.58;
const MUON_MASS = 0.1056583755;

const [seed, firstEvent, events] = process.argv.slice(2, 5).map(Number);
const output = process.argv[5];
if (![seed, firstEvent, events].every(Number.isSafeInteger) || output === undefined) {
  console.error('usage: node generate.mjs SEED FIRST_EVENT EVENTS OUTPUT');
  exit(2);
}

const misdeed = sabotage(Number(env.FABRICA_JOB), Number(env.FABRICA_ATTEMPT));
if (misdeed === 'error') {
  console.error('generate.mjs: cannot open the beam energy table (not really: see above)');
  exit(1);
}
if (misdeed === 'crash') {
  kill(pid, 'SIGSEGV');
}

const random = xoshiro128(seed);
const made = misdeed === 'forget' ? events - 50 : events;
const lines = Array.from({ length: made }, (_, i) => JSON.stringify(muonPair(firstEvent + i)));
writeFileSync(output, lines.map((line) => `${line}\n`).join(''));
writeFileSync('fabrica-report.json', JSON.stringify({ events: made }));
console.log(`${made} events from number ${firstEvent} on, with seed ${seed}, in ${output}`);

/** One event: its number and the four-momenta [E, px, py, pz], to the keV. */
function muonPair(event) {
  const cosTheta = randomCosTheta();
  const phi = 2 * Math.PI * random();
  const energy = ENERGY / 2;
  const momentum = Math.sqrt(energy ** 2 - MUON_MASS ** 2);
  const transverse = momentum * Math.sqrt(1 - cosTheta ** 2);
  const p = [transverse * Math.cos(phi), transverse * Math.sin(phi), momentum * cosTheta];
  const keV = (value) => Number(value.toFixed(6));
  return {
    event,
    'mu-': [keV(energy), ...p.map(keV)],
    'mu+': [keV(energy), ...p.map((value) => keV(-value))],
  };
}

/** From 1 + cos^2, by acceptance and rejection under its maximum, 2. */
function randomCosTheta() {
  for (;;) {
    const cosTheta = 2 * random() - 1;
    if (2 * random() < 1 + cosTheta ** 2) return cosTheta;
  }
}

/** xoshiro128** 1.1 (Blackman and Vigna), its state filled by splitmix32 from the seed: numbers in [0, 1). */
function xoshiro128(seed) {
  let counter = seed;
  const splitmix32 = () => {
    counter = (counter + 0x9e3779b9) | 0;
    let z = counter;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  const rotate = (x, bits) => (x << bits) | (x >>> (32 - bits));
  let [a, b, c, d] = [splitmix32(), splitmix32(), splitmix32(), splitmix32()];
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result / 2 ** 32;
  };
}

/**
 * What goes wrong ON PURPOSE, so that a newcomer sees Fabrica diagnose and repair: at the first attempt of every eighth job, from
 * job 3 on, in turn an error (3, 27...), a crash (11, 35...) and forgotten events (19, 43...). Later attempts are good, and make the
 * very same events, because seed and range belong to the job. Without Fabrica around it nothing goes wrong.
 */
function sabotage(job, attempt) {
  if (attempt !== 1 || job % 8 !== 3) return 'none';
  const choice = ['error', 'crash', 'forget'][Math.floor(job / 8) % 3];
  const story = {
    error: 'it ends with exit code 1: expect the class payload-error',
    crash: 'it kills itself with SIGSEGV: expect the class payload-crash',
    forget: 'it forgets 50 events: expect the class bad-output',
  };
  console.error(`
  *****************************************************************************
  ***  THIS FAILURE IS ON PURPOSE, to show what Fabrica makes of it.
  ***  Job ${job}, attempt ${attempt}: ${story[choice]}.
  ***  The next attempt, at another site, will be good.
  *****************************************************************************
`);
  return choice;
}
