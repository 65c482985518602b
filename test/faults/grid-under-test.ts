import path from 'node:path';
import type { DefinitionInput } from '../../domain/definition.js';
import type { Grid } from './fault-kinds.js';

/** Names of the sites; each has a temporary storage NAME-TMP and a final one NAME-DISK near to it. */
export const SITES = ['KMI', 'PNNL', 'UVic'] as const;
export const STORAGES = SITES.flatMap((site) => [`${site}-TMP`, `${site}-DISK`]);

/** What a system under test is to have: all storages, and these sites. */
export interface Layout {
  readonly grid: Grid;
  readonly sites: readonly string[];
  /** Of each site. */
  readonly slots: number;
}

const areaOf = (site: string): string => (site === 'KMI' ? 'asia' : 'america');

/** Where a storage is; its parent is a volume of its own. */
export const storageRoot = (folder: string, storage: string): string =>
  path.join(folder, 'storages', storage, 'root');

/** `fabrica.yaml` of a run in a folder; JSON is YAML. */
export function configurationText(folder: string, { grid, sites, slots }: Layout): string {
  return JSON.stringify({
    state: path.join(folder, 'state'),
    catalog: { file: path.join(folder, 'catalog', 'catalog.db') },
    areas: ['asia', 'america'],
    simulation: {
      // A job of 100 events takes some 5 s; a merge takes as long as its events.
      speed: 60,
      queueSeconds: { median: 30, spread: 1 },
      failures: {
        'payload-crash': 0.01,
        'stage-out': 0.02,
        lost: 0.01,
        node: 0.02,
        submission: 0.01,
        'bad-output': 0.01,
      },
    },
    sites: sites.map((name) => ({
      name,
      area: areaOf(name),
      slots,
      hs23PerCore: 10,
      compute: { kind: grid },
      storages: [`${name}-TMP`, `${name}-DISK`],
    })),
    storages: STORAGES.map((name) => ({
      name,
      kind: grid === 'local' ? 'directory' : 'simulated',
      area: areaOf(name.split('-')[0] ?? ''),
      root: storageRoot(folder, name),
      purpose: name.endsWith('-TMP') ? 'temporary' : 'final',
    })),
  });
}

/** The same events of the same seed have the same content, whichever attempt makes them; some first attempts fail. */
const PAYLOAD = `
  const [seed, first, events, output, job] = process.argv.slice(1).map((word) => word);
  const fs = require('node:fs');
  const crypto = require('node:crypto');
  const pause = 300 + (Number(job) * 137) % 1700;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  if (process.env.FABRICA_ATTEMPT === '1' && Number(job) % 9 === 0) process.exit(3);
  let lines = '';
  for (let i = 0; i < Number(events); i++) {
    const event = Number(first) + i;
    const content = crypto.createHash('sha256').update(seed + '/' + event).digest('hex');
    lines += JSON.stringify({ event, seed: Number(seed), content }) + '\\n';
  }
  fs.writeFileSync(output, lines);
  fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: Number(events) }));`;

const MERGE = `
  const [output, ...inputs] = process.argv.slice(1);
  const fs = require('node:fs');
  const text = inputs.map((input) => fs.readFileSync(input, 'utf8')).join('');
  fs.writeFileSync(output, text);
  fs.writeFileSync('fabrica-report.json', JSON.stringify({ events: text.split('\\n').length - 1 }));`;

export const EVENTS: Record<Grid, number> = { local: 1800, simulated: 45_000 };

/** The nth production of a run. Each has a campaign of its own, so that all have the same seeds. */
export function definitionOf(grid: Grid, n: number): DefinitionInput {
  const local = grid === 'local';
  return {
    name: productionName(n),
    dataset: {
      campaign: `MCfaults${n}`,
      release: 'release-08-00-00',
      globalTag: 'DB00002649',
      experiment: 1003,
      eventType: 'mumu',
    },
    events: EVENTS[grid],
    fabrication: {
      command: ['node', '-e', PAYLOAD, '{seed}', '{firstEvent}', '{events}', '{output}', '{job}'],
      outputs: [{ file: 'out.jsonl' }],
      eventsPerJob: local ? 10 : 100,
    },
    // Faults hit scouts as well, and a good payload is not to be rejected for that.
    scouts: { jobs: 4, minimumSuccess: 0 },
    retries: { attempts: 12, backoff: 0.2, maximumBackoff: 2 },
    merge: {
      command: ['node', '-e', MERGE, '{output}', '{inputs}'],
      targetEvents: local ? 200 : 300,
    },
    distribution: { copies: 2, areas: ['asia', 'america'] },
  };
}

export const productionName = (n: number): string => `faults-${n}`;
