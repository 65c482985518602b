import { FabricaError } from '../domain/errors.js';
import { NAME_PATTERN } from '../domain/names.js';
import { quoted } from '../domain/problem.js';

/**
 * A definition to begin with, as commented YAML: it can be submitted as it is, and explains every field.
 * @param owner who answers for the production; unprintable characters are left out
 * Throws `FABRICA_NAME_INVALID` for a name that no production may have.
 */
export function definitionTemplate(name: string, owner: string): string {
  if (!NAME_PATTERN.test(name) || name.length > 63) {
    throw new FabricaError(
      'FABRICA_NAME_INVALID',
      `A production can not have the name ${quoted(name)}.`,
      { field: 'name' },
    );
  }
  const person = owner
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, '')
    .slice(0, 100)
    .toWellFormed();
  return TEMPLATE.replace('@NAME@', () => JSON.stringify(name)).replace('@OWNER@', () =>
    JSON.stringify(person),
  );
}

const TEMPLATE = `# A production of Fabrica. Submit it with \`fabrica submit FILE\`.
# Durations are written as 90s, 30m, 2h, 1d12h or a number of seconds; sizes as 500 MB, 1.2 GB or a number of bytes.
# Fields that show their default may be left out. \`fabrica schema definition\` prints all rules.

# Unique in the catalog: letters, digits, dot, dash, underscore.
name: @NAME@
# Group that it belongs to (default production).
group: production
# One line for people (default empty).
description: ''
# Who answers for it (default: the user who submits).
owner: @OWNER@
# 1 (lowest) to 10 (highest); default 5.
priority: 5
# At most so many jobs at sites, or sent to them in a minute; without it, as many as its share allows.
# throttle:
#   maxRunningJobs: 1000
#   maxJobsPerMinute: 600

# What the events are. These values become parts of the names of all files.
dataset:
  campaign: test # seeds are distinct within a campaign
  release: release-08-00-00 # software release
  globalTag: DB00000001 # conditions database
  experiment: 1003 # 0 to 9999
  run: 0 # 0 to 99999; default 0
  beamEnergy: 4S # default 4S
  eventType: mixed # mixed, charged, ccbar, mumu...
  dataLevel: mdst # data level of the main output; default mdst

# Events to make in all; without it where there is an input section.
events: 1000

# Files that the jobs read, for skims and reprocessings: each job gets some of them, instead of a range of events (default none).
# input:
#   # One of these three: LFNs of catalogued files, at most 200...
#   files: [/belle/MC/.../mdst_000001_prod00000001_task00000001001.root]
#   # ...a text file with an LFN in each line, relative to this file...
#   list: files.txt
#   # ...or what has been made, as it is when this production is registered.
#   dataset:
#     production: mumu # all final files of it; or by values of dataset sections, of completed productions:
#     # campaign: MC16ri_a # release: globalTag: experiment: run: beamEnergy: eventType: narrow it
#     level: mdst # needed where there are several
#     kind: merged # or output, of productions that do not merge; default either
#   # Files of one job lie together on a storage.
#   grouping:
#     maxFiles: 10 # files of a job; default 10
#     maxSize: 10 GB # default half of fabrication.limits.disk; a larger file goes alone
#     maxEvents: 100000 # default: as many as the scouts find to fit into targetWallTime

# Files of beam background that each job gets besides, chosen by its seed (default none).
# overlay:
#   dataset: # or files: or list: as in input
#     production: background
#   filesPerJob: 2 # default 1

# How events are made.
fabrication:
  # Program and arguments, a list; no shell reads it unless you call one, as here. Replaced in each job:
  #   {seed} its random seed   {firstEvent} {events} its range of events   {job} its number
  #   {output} the name of its output file; {output:LEVEL} where there are several outputs
  #   {inputs} {overlay} the names of its input and overlay files, one argument each, where there are such sections
  # It must exit with 0 and tell the events it made: {"events": N} in the file fabrica-report.json.
  # For basf2: command: [basf2, steering.py, -n, '{events}', -o, '{output}', --, '{seed}']
  command:
    - sh
    - -c
    - |
      last=$(({firstEvent} + {events} - 1))
      for event in $(seq {firstEvent} $last); do echo "event $event of seed {seed}"; done > {output}
      echo '{"events": {events}}' > fabrica-report.json
  # Files that each job gets in its folder: paths relative to this file, e.g. [steering.py]; at most 100 of 100 MB (default none).
  payload: []
  # One line of shell that sets the environment up, e.g. source /cvmfs/belle.cern.ch/tools/b2setup release-08-00-00 (default none).
  environment: ''
  # Files that each job makes: the name in its folder, and the data level (default dataset.dataLevel).
  outputs:
    - file: events.txt
      level: mdst
  # Events of a job, or auto: as many as fit into targetWallTime, measured by the scouts (default auto).
  eventsPerJob: 50
  targetWallTime: 4h # wall time that auto aims at; default 4h
  # What a job may use before it is ended. Jobs that hit a limit are tried with more, then divided.
  limits:
    wallTime: 1d # default 1d
    memory: 2 GB # resident memory; default 2 GB
    disk: 20 GB # files of a job in its folder: inputs, outputs, log and all else; default 20 GB

# A few jobs that are run first, at the highest priority; the production goes on only if they succeed.
scouts:
  jobs: 10 # 0 for none; default 10
  # eventsPerJob: 100 # default: that of fabrication, or 100 where that is auto
  deadline: 1d # after this time the verdict is made; default 1d
  minimumSuccess: 0.9 # share of the scouts that must succeed, 0 to 1; default 0.9
  approval: false # wait for a person after a good verdict; default false

# What happens to failed jobs.
retries:
  attempts: 5 # attempts of a job that fail by the payload or its limits, 1 to 50; default 5
  systemAttempts: 20 # attempts that may fail by sites and storages besides, 1 to 500; default 20
  split: true # divide a job that the full limits do not suffice for; default true
  backoff: 1m # wait before the second attempt; doubles each time; default 1m
  maximumBackoff: 1h # longest wait; default 1h

# Rules that tell what a failure is, besides the built-in ones; the narrowest that fits wins (default none).
diagnosis: []
#  - id: no-conditions # name of the rule
#    step: payload # where it failed: submission, stage-in, environment, payload, check, stage-out...
#    exitCodes: [66] # of the payload
#    pattern: 'globaltag .* not found' # regular expression (RE2) searched in the reason and the end of the log
#    class: environment # what it is then; site: and release: narrow the rule further
#    active: false # only tell what it would have judged; default true

# When too many failures stop it: a site is left out, or the whole production held.
holding:
  failureRate: 0.5 # share of failed attempts, 0 to 1; default 0.5
  attempts: 50 # attempts that must have ended before it is judged; default 50
  classes: {} # shares of attempts that may fail in a class, such as memory: 0.1; default none
  window: 1h # how far back it looks, and how long a site is left out; default 1h

# Share of the jobs that may be given up without asking a person, 0 to 1; default 0.
tolerance: 0

# Checks of each job's outputs.
validation:
  # Runs after the payload, placeholders as above; must exit with 0 (default none).
  # command: [test, -s, '{output}']
  countEvents: true # require the payload to report its events in fabrica-report.json; default true

# How outputs are joined into bigger files. Without this section they are distributed as they are.
merge:
  # {inputs} becomes one argument for each input file, {output} is the merged file.
  command:
    - sh
    - -c
    - |
      merged=$1; shift
      cat "$@" > "$merged"
      echo "{\\"events\\": $(wc -l < "$merged")}" > fabrica-report.json
    - merge
    - '{output}'
    - '{inputs}'
  payload: [] # as in fabrication
  environment: '' # as in fabrication
  targetSize: 1 GB # size of a merged file; default 1 GB
  # targetEvents: 200000 # events of a merged file, instead of targetSize
  limits:
    wallTime: 1d # default 1d
    memory: 2 GB # default 2 GB
    disk: 20 GB # inputs and output together; default 20 GB

# Where final files go.
distribution:
  copies: 1 # storages that hold each file, 1 to 10; default 1
  areas: [] # areas to spread the copies over; default any

# Sites to use; default any.
sites: []
`;
