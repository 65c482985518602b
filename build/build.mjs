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
import { buildPrograms } from './programs.mjs';

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

const programs = await buildPrograms(dist);

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
