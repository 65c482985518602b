import type { Configuration } from '../../domain/configuration.js';
import type { Definition } from '../../domain/definition.js';
import { type Problem, problemsError } from '../../domain/problem.js';
import { nearest } from '../../domain/spelling.js';
import { whereOf } from '../definition-file.js';

/**
 * Checks the sites, areas and copies that a definition names against the configuration, as registration does against the catalog.
 * Throws `FABRICA_DEFINITION_INVALID` with every problem.
 */
export function checkNames(
  definition: Definition,
  configuration: Configuration,
  file: string,
): void {
  const problems = nameProblems(definition, configuration);
  if (problems.length === 0) return;
  throw problemsError('FABRICA_DEFINITION_INVALID', problems, whereOf(definition) ?? { file });
}

/** The sites, areas, storages and copies of a definition that the configuration does not have. */
export function nameProblems(definition: Definition, configuration: Configuration): Problem[] {
  const { diagnosis, distribution, sites } = definition;
  const finals = configuration.storages.filter(({ purpose }) => purpose === 'final');
  const siteNames = configuration.sites.map(({ name }) => name);
  const areas = [...new Set(finals.map(({ area }) => area))];
  const problems: Problem[] = [
    ...sites.flatMap((name, i) => unknown(['sites', i], 'site', name, siteNames)),
    ...diagnosis.flatMap(({ site }, i) =>
      site === undefined ? [] : unknown(['diagnosis', i, 'site'], 'site', site, siteNames),
    ),
    ...distribution.areas.flatMap((name, i) =>
      unknown(['distribution', 'areas', i], 'area with final storages', name, areas),
    ),
  ];
  const targets = finals.filter(
    ({ area }) => distribution.areas.length === 0 || distribution.areas.includes(area),
  );
  if (problems.length === 0 && targets.length < distribution.copies) {
    problems.push({
      path: ['distribution', 'copies'],
      text: `wants ${distribution.copies} final storages, and there are ${targets.length} (${targets.map(({ name }) => name).join(', ')})`,
      remedy: 'ask for fewer copies or more areas',
    });
  }
  const storages = configuration.storages.map(({ name }) => name);
  for (const section of ['fabrication', 'merge'] as const) {
    (definition[section]?.payload ?? []).forEach((entry, i) => {
      if (typeof entry === 'string') return;
      problems.push(
        ...unknown([section, 'payload', i, 'storage'], 'storage', entry.storage, storages),
      );
    });
  }
  return problems;
}

function unknown(
  path: Problem['path'],
  what: string,
  name: string,
  known: readonly string[],
): Problem[] {
  if (known.includes(name)) return [];
  const meant = nearest(name, known);
  const remedy = meant === null ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
  return [{ path, text: `names no configured ${what}: ${name}`, remedy }];
}
