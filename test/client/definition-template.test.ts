import { describe, expect, it } from 'vitest';
import { readDefinition } from '../../client/definition-file.js';
import { definitionTemplate } from '../../client/definition-template.js';
import { FabricaError } from '../../domain/errors.js';
import { definitionJsonSchema, parseDefinition } from '../../domain/parse.js';
import { temporaryFolder } from '../worker/temporary-folder.js';
import { writeDefinition } from './definitions.js';

const read = (text: string) => readDefinition(writeDefinition(temporaryFolder(), text));

describe('definitionTemplate', () => {
  it('is a good definition without warnings', () => {
    const { definition, warnings } = read(definitionTemplate('mumu-1', 'ann'));
    expect(definition).toMatchObject({ name: 'mumu-1', owner: 'ann' });
    expect(warnings).toEqual([]);
  });

  it('keeps a name that looks like a number as text', () => {
    expect(read(definitionTemplate('2024', 'ann')).definition.name).toBe('2024');
  });

  it.each([
    'Ann "A" O\'Neil <a@b.c>',
    'a: b # c',
    "$& $' \\",
    'é\u0007\n',
    '\ud800',
    '',
    'x'.repeat(300),
  ])('takes the owner %j as data', (owner) => {
    const clean = owner
      .toWellFormed()
      .replace(/\p{Cc}/gu, '')
      .slice(0, 100);
    expect(read(definitionTemplate('mumu', owner)).definition.owner).toBe(clean);
  });

  it.each(['', '../x', 'a b', 'a"b', 'x'.repeat(64)])('refuses the name %j', (name) => {
    expect(() => definitionTemplate(name, 'ann')).toThrow(FabricaError);
  });

  it('mentions every field of the schema', () => {
    const text = definitionTemplate('mumu', 'ann');
    const fields: string[] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      if ('properties' in node) {
        for (const [key, inner] of Object.entries(node.properties as object)) {
          fields.push(key);
          walk(inner);
        }
      }
      if ('items' in node && !('anyOf' in (node.items as object))) walk(node.items);
    };
    walk(definitionJsonSchema());
    expect(fields.length).toBeGreaterThan(40);
    expect(fields.filter((field) => !new RegExp(`\\b${field}:`).test(text))).toEqual([]);
  });

  it('tells the defaults as they are', () => {
    const { definition } = read(definitionTemplate('mumu', 'ann'));
    const { name, dataset, events, fabrication, merge } = definition;
    const { command, outputs, eventsPerJob } = fabrication;
    const bare = parseDefinition({
      name,
      owner: 'ann',
      dataset: { ...dataset, run: undefined, beamEnergy: undefined, dataLevel: undefined },
      events,
      fabrication: { command, outputs, eventsPerJob },
      merge: { command: merge?.command, targetSize: merge?.targetSize },
    });
    expect(bare).toEqual(definition);
  });

  it('stays good when its optional lines are taken in', () => {
    const text = definitionTemplate('mumu', 'ann')
      .replace('# eventsPerJob: 100 #', 'eventsPerJob: 100 #')
      .replace('# command: [test', 'command: [test');
    const { definition } = read(text);
    expect(definition.scouts.eventsPerJob).toBe(100);
    expect(definition.validation.command).toEqual(['test', '-s', '{output}']);
  });
});
