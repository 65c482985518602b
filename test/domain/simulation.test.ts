import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../domain/parse.js';

const configuration = (simulation: object, compute: object = {}) =>
  parseConfiguration({
    areas: ['asia'],
    simulation,
    sites: [{ name: 'KMI', area: 'asia', slots: 1, compute: { kind: 'simulated', ...compute } }],
    storages: ['temporary', 'final'].map((purpose) => ({
      ...{ name: `KMI-${purpose}`, kind: 'simulated', area: 'asia', root: purpose, purpose },
    })),
  });

describe('the simulation in a configuration', () => {
  it('leaves to a site what the site does not set itself', () => {
    const { sites, storages } = configuration({ queueSeconds: { median: 7 } });
    expect(sites[0]?.compute).toEqual({ kind: 'simulated', outages: [] });
    expect(storages[0]).toMatchObject({ capacity: 1e15, readOnly: false, slowness: 0, lies: 0 });
  });

  it('takes durations and sizes as people write them', () => {
    const { sites } = configuration({}, { outages: [{ from: '10h', to: '12h' }], diesAt: '2d' });
    expect(sites[0]?.compute).toMatchObject({
      outages: [{ from: 36_000, to: 43_200 }],
      diesAt: 172_800,
    });
  });

  it.each([
    [{ failures: { lost: 0.6, node: 0.6 } }, 'must not add up to more than 1'],
    [{ failures: { killed: 0.1 } }, 'simulation.failures'],
    [{ speed: 0 }, 'simulation.speed'],
    [{ secondsPerEvent: { median: -1 } }, 'simulation.secondsPerEvent.median'],
  ])('refuses %o', (simulation, text) => {
    expect(() => configuration(simulation)).toThrow(text);
  });
});
