import { InvalidArgumentError, Option } from 'commander';
import { FAILURE_CLASSES, type FailureClass } from '../../domain/failure-class.js';
import { parseJobNumbers } from '../../domain/job-numbers.js';
import { parseDuration } from '../../domain/quantity.js';
import { choice } from './invocation.js';
import type { Session } from './session.js';
import { checkSiteName } from './known-names.js';

/** Options that name a part of a production's jobs. */
export interface JobOptions {
  readonly jobs?: string;
  readonly class?: FailureClass;
  readonly site?: string;
}

export function jobsOption(): Option {
  return new Option('--jobs <numbers>', 'these jobs, such as 3,5-9').argParser((text: string) => {
    const parsed = parseJobNumbers(text);
    if ('problem' in parsed)
      throw new InvalidArgumentError(`It is not understood: ${parsed.problem}.`);
    return text;
  });
}

export function classOption(): Option {
  return choice('--class <class>', 'whose latest attempt failed so', FAILURE_CLASSES);
}

/** The fields of a signal that select jobs, of those options that were given; undefined for none. Throws `FABRICA_SITE_UNKNOWN`. */
export async function selected(
  session: Session,
  options: JobOptions & { readonly files?: readonly string[]; readonly since?: number },
): Promise<{ readonly select?: Readonly<Record<string, unknown>> }> {
  const { class: failure, files, jobs, since, site } = options;
  if (site !== undefined) await checkSiteName(session, site);
  const fields = { jobs, files, class: failure, site, since };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? {} : { select: Object.fromEntries(given) };
}

/** A time, or a duration before now: ms since 1970. */
export function timeBefore(now: () => number): (text: string) => number {
  return (text) => {
    const ago = parseDuration(text);
    if (ago !== null && ago > 0) return Math.max(0, now() - Math.round(1000 * ago));
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isFinite(time) && time >= 0) return time;
    throw new InvalidArgumentError(
      'It must be a time such as 2026-03-01T12:00 or 2026-03-01, or a duration before now such as 90m or 2d.',
    );
  };
}
