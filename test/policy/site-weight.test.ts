import { describe, expect, it } from 'vitest';
import { failingShares, siteWeights } from '../../policy/site-weight.js';

const weigh = (failing: Record<string, number>, closed: readonly string[] = []) =>
  Object.fromEntries(
    siteWeights(
      Object.entries(failing).map(([name, share]) => ({
        ...{ name, failing: share },
        closed: closed.includes(name) ? 'Banned' : '',
      })),
    ),
  );

describe('failingShares', () => {
  it('counts what is the site’s fault, with the benefit of the doubt for few attempts', () => {
    const shares = failingShares([
      { site: 'KMI', done: 60, failures: { node: 20, environment: 10 } },
      { site: 'PNNL', done: 0, failures: { lost: 2 } },
      { site: 'UVic', done: 10, failures: {} },
    ]);
    expect(shares.get('KMI')).toBeCloseTo(0.3);
    expect(shares.get('PNNL')).toBeCloseTo(2 / 12);
    expect(shares.has('UVic')).toBe(false);
  });

  it('leaves aside what payload, limits, storages, people and Fabrica have done', () => {
    const failures = { 'payload-error': 50, memory: 9, 'stage-out': 9, killed: 9, control: 9 };
    const elsewhere = { site: 'PNNL', done: 50, failures: { 'payload-error': 50 } };
    expect(failingShares([{ site: 'KMI', done: 50, failures }, elsewhere]).size).toBe(0);
  });

  it('blames a site where the payload fails far more often than elsewhere', () => {
    const shares = failingShares([
      { site: 'KMI', done: 10, failures: { 'payload-crash': 80 } },
      { site: 'PNNL', done: 100, failures: { 'payload-crash': 1 } },
    ]);
    expect(shares.get('KMI')).toBeCloseTo(0.8);
    expect(shares.has('PNNL')).toBe(false);
  });
});

describe('siteWeights', () => {
  it('is by how much worse than the best open site one is, by tenths', () => {
    expect(weigh({ KMI: 0, PNNL: 0.42, UVic: 0.04 })).toEqual({ KMI: 1, PNNL: 0.6, UVic: 1 });
    expect(weigh({ KMI: 0, PNNL: 0.5, UVic: 0.5 }, ['KMI'])).toEqual({ PNNL: 1, UVic: 1 });
  });

  it('never is nothing', () => {
    expect(weigh({ KMI: 0, PNNL: 1 })).toEqual({ KMI: 1, PNNL: 0.1 });
    expect(weigh({ PNNL: 1 })).toEqual({ PNNL: 1 });
  });
});
