// Bundles the programs of a built package: `node build/programs.mjs DIST`, the last step of the build but one.
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Text that programs read from beside themselves. */
const BESIDE = /\.sh$/;

/**
 * Makes of `dist` what people and `fabrica up` start, with all that it imports in a few files: it starts in a third of the time. Modules that are
 * compiled for the machine, or find their own files, or are large and seldom needed, stay outside. Returns the folder.
 */
export async function buildPrograms(dist) {
  const root = path.dirname(dist);
  const programs = path.join(dist, 'program');
  rmSync(programs, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      fabrica: path.join(dist, 'client', 'cli', 'main.js'),
      process: path.join(dist, 'worker', 'process.js'),
    },
    outdir: programs,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    keepNames: true,
    external: ['@aws-sdk/*', '@temporalio/*', 'better-sqlite3', 'pino'],
    // Modules in the older format ask for those of Node.js in this way.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    metafile: true,
    logLevel: 'warning',
  });
  for (const name of readdirSync(dist, { recursive: true })) {
    if (BESIDE.test(name)) cpSync(path.join(dist, name), path.join(programs, path.basename(name)));
  }
  writeFileSync(path.join(programs, 'LICENSES'), licensesOf(root, Object.keys(metafile.inputs)));
  return programs;
}

/** The terms of what the programs contain of others. */
function licensesOf(root, files) {
  const packages = new Set(
    files.flatMap((file) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((name) => licenseOf(path.join(root, name)))
    .join('\n');
}

function licenseOf(folder) {
  const { license, name, version } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  );
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? '' : readFileSync(path.join(folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPrograms(path.resolve(process.argv[2]));
}
