import type { Command } from 'commander';
import { EXIT } from '../exit-code.js';
import { examples, type Invocation } from '../invocation.js';
import { stateStyle } from '../style.js';
import { safeLines } from '../text.js';

/** `fabrica doctor`: whether everything works, and what to do where it does not. */
export function addDoctor(program: Command, invocation: Invocation): void {
  program
    .command('doctor')
    .description(
      'check Temporal, catalog, workers, sites, storages (by writing), bans and productions in trouble',
    )
    .addHelpText('after', `\nExit code 1 if something fails.\n${examples('fabrica doctor')}`)
    .action(
      invocation.action<object>(async (session) => {
        const { examine } = await import('../doctor/examination.js');
        const findings = await examine(session);
        const width = Math.max(...findings.map(({ check }) => check.length));
        const lines = findings.map(({ check, remedy, state, text }) => {
          const look = stateStyle(session.style, state)(state.padEnd(4));
          const shown = safeLines(text).replaceAll('\n', ' ');
          const advice =
            remedy === '' ? '' : `\n      ${session.style.dim('->')} ${safeLines(remedy)}`;
          return `${look}  ${check.padEnd(width)}  ${shown}${advice}`;
        });
        const failures = findings.filter(({ state }) => state === 'FAIL').length;
        session.answer({ healthy: failures === 0, findings }, lines.join('\n'));
        return failures === 0 ? EXIT.ok : EXIT.negative;
      }),
    );
}
