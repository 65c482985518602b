#!/usr/bin/env node
import { EXIT } from './exit-code.js';
import { run } from './run.js';
import { processTerminal } from './terminal.js';

// A reader that has seen enough (`fabrica jobs mumu | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.negative);
});

const code = await run(process.argv.slice(2), processTerminal());
// What is written to a pipe may still be on its way; what is open otherwise no longer matters.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
