import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

/** A text in a file of the built package, and what replaces it. */
export interface Change {
  /** Relative to `dist`. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

/**
 * The built package once more, in a folder of its own, with changes: what another version of Fabrica would be. Whoever calls
 * removes the folder, which is the parent of `dist`.
 */
export async function changedBuild(changes: readonly Change[]): Promise<{ folder: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fabrica-build-'));
  const dist = path.join(folder, 'dist');
  mkdirSync(dist);
  cpSync('dist', dist, { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  for (const { by, file, text } of changes) {
    const place = path.join(dist, file);
    const parts = readFileSync(place, 'utf8').split(text);
    if (parts.length !== 2) {
      throw new Error(`${file} has ${parts.length - 1} times what is to be changed: ${text}`);
    }
    writeFileSync(place, parts.join(by));
  }
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(dist, 'workflows', 'index.js'),
    payloadConverterPath: path.join(dist, 'workflows', 'payload-converter.js'),
    logger: QUIET,
  });
  writeFileSync(path.join(dist, 'workflows', 'bundle.js'), code);
  execFileSync(process.execPath, ['build/programs.mjs', dist], { stdio: 'inherit' });
  return { folder };
}

const nothing = (): void => undefined;
const QUIET = {
  ...{ log: nothing, trace: nothing, debug: nothing, info: nothing },
  warn: console.warn,
  error: console.error,
};

/** One more activity in the loop of a production and in that of a block's jobs. */
const moreSteps = (condition: string): readonly Change[] => [
  step('workflows/production.js', '            const answer = await control.nextStep(', condition),
  step(
    'workflows/block.js',
    '            const { bundles, waiting } = await control.place(',
    condition,
  ),
];

function step(file: string, before: string, condition: string): Change {
  const ref = file.includes('block') ? 'this.ref' : 'this.#ref';
  return { file, text: before, by: `${condition}await control.progress(${ref});\n${before}` };
}

const withPatched = (file: string): Change => ({
  file,
  text: "from './activities.js';",
  by: "from './activities.js';\nimport { patched } from '@temporalio/workflow';",
});

/** A change as it is to be made: executions that began before it go on as they were. */
export const COMPATIBLE: readonly Change[] = [
  withPatched('workflows/production.js'),
  withPatched('workflows/block.js'),
  ...moreSteps("if (patched('one-more-step'))\n"),
];

/** The same change as it must not be made. */
export const INCOMPATIBLE: readonly Change[] = moreSteps('');
