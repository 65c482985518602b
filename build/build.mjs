// Builds the package: TypeScript to dist/, the shell parts beside their users, the programs in one piece, and the workflow bundle.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const require = createRequire(import.meta.url);

const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});

/** Shell and other text that the compiled code reads from beside itself. */
const assets = [
  'grid/compute/wrapper.sh',
  'grid/compute/wrapper-http.sh',
  'grid/compute/wrapper-root.sh',
  'grid/compute/pilot.sh',
  'grid/compute/slurm/array.sh',
  'package.json',
];
for (const asset of assets) {
  if (!existsSync(path.join(root, asset))) continue;
  mkdirSync(path.dirname(path.join(dist, asset)), { recursive: true });
  cpSync(path.join(root, asset), path.join(dist, asset));
}

/**
 * What people and `fabrica up` start, with all that it imports in a few files: it starts in a third of the time. Modules that are compiled for the
 * machine, or find their own files, stay outside.
 */
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
  external: ['@temporalio/*', 'better-sqlite3', 'pino'],
  // Modules in the older format ask for those of Node.js in this way.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  metafile: true,
  logLevel: 'warning',
});
for (const asset of assets.filter((name) => name.endsWith('.sh'))) {
  cpSync(path.join(root, asset), path.join(programs, path.basename(asset)));
}
writeFileSync(path.join(programs, 'LICENSES'), licensesOf(Object.keys(metafile.inputs)));

/** The terms of what the programs contain of others. */
function licensesOf(files) {
  const packages = new Set(
    files.flatMap((file) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...packages].sort().map(licenseOf).join('\n');
}

function licenseOf(folder) {
  const { license, name, version } = JSON.parse(
    readFileSync(path.join(root, folder, 'package.json'), 'utf8'),
  );
  const file = readdirSync(path.join(root, folder)).find((one) => /^licen[cs]e/i.test(one));
  const text = file === undefined ? '' : readFileSync(path.join(root, folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text}`;
}

/** `npx fabrica` in a checkout is this build: npx looks here first. */
const program = path.join(programs, 'fabrica.js');
const bin = path.join(root, 'node_modules', '.bin');
chmodSync(program, 0o755);
if (existsSync(bin)) {
  rmSync(path.join(bin, 'fabrica'), { force: true });
  symlinkSync(path.relative(bin, program), path.join(bin, 'fabrica'));
}

/** Everything that can end up in the bundle: a change in none of it leaves the bundle as it is. */
function bundleFingerprint() {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'domain']) {
    for (const name of readdirSync(path.join(dist, folder), { recursive: true }).sort()) {
      if (name.endsWith('.js') && name !== 'bundle.js') {
        hash.update(name).update(readFileSync(path.join(dist, folder, name)));
      }
    }
  }
  return hash.update(require('@temporalio/worker/package.json').version).digest('hex');
}

const bundle = path.join(dist, 'workflows', 'bundle.js');
const stamp = `${bundle}.fingerprint`;
const fingerprint = bundleFingerprint();
if (!existsSync(stamp) || !existsSync(bundle) || readFileSync(stamp, 'utf8') !== fingerprint) {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(dist, 'workflows', 'index.js'),
    payloadConverterPath: path.join(dist, 'workflows', 'payload-converter.js'),
    logger: {
      log() {},
      trace() {},
      debug() {},
      info() {},
      warn: console.warn,
      error: console.error,
    },
  });
  writeFileSync(bundle, code);
  writeFileSync(stamp, fingerprint);
}
