import { z } from 'zod';
import { diagnosisSchema } from './diagnosis-rule.js';
import { credentialSchema, type CredentialConfiguration } from './credential.js';
import { durationSchema, nameSchema, pathSchema as path, plainText, sizeSchema } from './fields.js';
import { BELLE2_LFN_SCHEME, templateFault } from './lfn.js';
import type { FieldPath, Problem } from './problem.js';
import { simulatedComputeSchema, simulatedStorageFields, simulationSchema } from './simulation.js';
import { nearest } from './spelling.js';
import { A_HOST, hasHost, HTTP_URL, urlFault, XROOTD_URL } from './storage-url.js';

/** `fabrica.yaml`: where things are. `fabrica schema config` prints it as JSON Schema. */

/** `host:port` of a Temporal server. */
export const ADDRESS_PATTERN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):\d{1,5}$/;

const lfnTemplate = (what: 'directory' | 'file', standard: string) =>
  z
    .string()
    .max(512)
    .default(standard)
    .superRefine((text, context) => {
      const message = templateFault(what, text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    });

const lfnSchema = z.strictObject({
  prefix: z
    .string()
    .max(200)
    .regex(
      /^(?!.*\.\.)(\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/,
      'must be an absolute path of plain names, such as /belle',
    )
    .default(BELLE2_LFN_SCHEME.prefix)
    .describe('Root of all LFNs.'),
  directory: lfnTemplate('directory', BELLE2_LFN_SCHEME.directory).describe(
    'Directory of final files.',
  ),
  unmergedDirectory: lfnTemplate('directory', BELLE2_LFN_SCHEME.unmergedDirectory).describe(
    'Directory of outputs before merging.',
  ),
  file: lfnTemplate('file', BELLE2_LFN_SCHEME.file).describe('File name.'),
});

const localComputeSchema = z.strictObject({
  kind: z.literal('local'),
  folder: path.optional().describe('Where job folders are; default below the state directory.'),
});

/** Of accounts, partitions and the like: never an option by mistake. */
const slurmName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.,+-]{0,199}$/, 'must be a name, or several with commas');

/** Options of `sbatch` by which jobs are found, written to, and limited: Fabrica's own. */
const OWN_OPTIONS =
  /^--(array|job-name|comment|output|error|input|open-mode|chdir|time|mem|mem-per-cpu|ntasks|parsable|wait|wrap|test-only|requeue|no-requeue|export|partition|account|qos)(=|$)/;

const slurmComputeSchema = z.strictObject({
  kind: z.literal('slurm'),
  folder: path.describe(
    'Where arrays and job folders are: a directory that this process and all nodes share.',
  ),
  partition: slurmName.optional().describe('Partition; default: that of the cluster.'),
  account: slurmName.optional().describe('Account; default: that of the user.'),
  qos: slurmName.optional().describe('Quality of service; default: that of the account.'),
  options: z
    .array(
      plainText(500)
        .regex(/^--[a-z][a-z-]*(=.+)?$/, 'must be --option or --option=value')
        .refine(
          (option) => !OWN_OPTIONS.test(option),
          'must be none of the options that Fabrica sets itself',
        ),
    )
    .max(50)
    .default([])
    .describe('More options of sbatch, such as --constraint=el9.'),
});

const siteSchema = z.strictObject({
  name: nameSchema.describe('Name of the site, e.g. KMI.'),
  area: nameSchema.describe('One of areas.'),
  compute: z
    .discriminatedUnion('kind', [localComputeSchema, slurmComputeSchema, simulatedComputeSchema])
    .default({ kind: 'local' })
    .describe('Computing element of the site.'),
  slots: z.number().int().min(1).max(1_000_000).describe('Jobs that it runs at once.'),
  jobsPerMinute: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Jobs that it takes within any minute; default: no limit.'),
  hs23PerCore: z
    .number()
    .positive()
    .max(10_000)
    .default(10)
    .describe('HS23 of one core; compares CPU times of sites.'),
  storages: z.array(nameSchema).default([]).describe('Storages near it, the nearest first.'),
  lease: durationSchema
    .default(86_400)
    .describe('After so long a silence of the site its jobs are lost, and run elsewhere.'),
});

const storageFields = {
  name: nameSchema.describe('Name of the storage, e.g. KMI-DISK.'),
  area: nameSchema.describe('One of areas.'),
  purpose: z
    .enum(['temporary', 'final'])
    .describe('temporary: outputs before merging; final: merged files.'),
};
const root = path.describe('Directory that is the root of the storage; relative to this file.');

const storageUrl = (kind: 'xrootd' | 'webdav' | 's3', pattern: RegExp) =>
  z
    .string()
    .max(1000)
    .regex(pattern, { error: ({ input }) => urlFault(kind, String(input)), abort: true })
    .refine(hasHost, `must name ${A_HOST}`)
    .describe('Directory of a server that is the root of the storage.');

/** Of storages that are reached by HTTP. */
const httpFields = {
  ca: path
    .optional()
    .describe('File with the certificates that sign that of the server; relative to this file.'),
  capacity: sizeSchema
    .default(1e15)
    .describe('Bytes that it holds, where the server does not tell.'),
};

const storageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...storageFields,
    root,
    kind: z.literal('directory').describe('How it is reached.'),
  }),
  z.strictObject({
    ...storageFields,
    kind: z.literal('xrootd'),
    url: storageUrl('xrootd', XROOTD_URL),
  }),
  z.strictObject({
    ...storageFields,
    kind: z.literal('webdav'),
    url: storageUrl('webdav', HTTP_URL),
    credential: nameSchema
      .optional()
      .describe('One of credentials, of kind token or x509. Default: the server asks for none.'),
    ...httpFields,
  }),
  z.strictObject({
    ...storageFields,
    kind: z.literal('s3'),
    url: storageUrl('s3', HTTP_URL).describe(
      'Bucket of a server, or a directory in it, that is the root of the storage.',
    ),
    region: nameSchema.default('us-east-1').describe('Region that requests are signed for.'),
    credential: nameSchema.describe('One of credentials, of kind s3.'),
    ...httpFields,
  }),
  z.strictObject({ ...storageFields, root, ...simulatedStorageFields }),
]);

/** What storages of every kind are judged by, each field by itself. */
export const judgedStorageFields = z.object({
  ...storageFields,
  kind: z.string(),
  url: z.string().optional(),
  credential: nameSchema.optional(),
});

const janitorSchema = z.strictObject({
  every: durationSchema
    .default(3600)
    .describe('How often debts are paid and expired logs removed.'),
  sweepEvery: durationSchema
    .default(86_400)
    .describe('How often each storage is compared with the catalog.'),
  repair: z
    .boolean()
    .default(false)
    .describe('Whether these comparisons also repair what they find.'),
  minimumAge: durationSchema
    .default(86_400)
    .describe('An unknown file younger than this may be on its way, and is left alone.'),
});

const logsSchema = z.strictObject({
  sampleOfGood: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Share of the good jobs whose logs are kept; those of failed ones always are.'),
  keepFor: durationSchema.default(90 * 86_400).describe('How long archives of logs are kept.'),
  storage: nameSchema
    .optional()
    .describe('Storage for them; default: that where the outputs of the block are collected.'),
  largest: sizeSchema
    .refine((bytes) => bytes >= 10_000 && bytes <= 100_000_000, 'must be from 10 kB to 100 MB')
    .default(1_000_000)
    .describe('What is kept of one log; a longer one loses its middle.'),
});

const port = z.number().int().min(0).max(65_535).optional();

const temporalSchema = z.strictObject({
  address: z
    .string()
    .regex(ADDRESS_PATTERN, 'must be host:port, such as localhost:7233')
    .optional()
    .describe('host:port; without it `fabrica up` runs a server of its own.'),
  namespace: plainText(255).min(1).default('default').describe('Namespace of the server.'),
  port: port.describe('Port of the own server; default 7233 or the next free one.'),
  uiPort: port.describe('Port of its page; default 8233 or the next free one.'),
  tls: z
    .strictObject({
      ca: path
        .optional()
        .describe(
          'File with the certificates that sign that of the server; relative to this file. Default: those of this machine.',
        ),
      serverName: plainText(255)
        .min(1)
        .optional()
        .describe('Name in the certificate of the server, where it is not that of the address.'),
    })
    .optional()
    .describe('The server is reached by TLS; so it is wherever there is a credential.'),
  credential: nameSchema
    .optional()
    .describe('One of credentials, of kind token or x509: who asks.'),
  retention: durationSchema.default(90 * 86_400).describe('How long finished workflows are kept.'),
});

/** The fields by themselves; `configurationProblems` tells what they must be to each other. */
export const configurationFields = z.strictObject({
  state: path.default('.fabrica').describe('State directory; relative to this file.'),
  temporal: temporalSchema.default(() => temporalSchema.parse({})).describe('The Temporal server.'),
  catalog: z
    .strictObject({
      file: path.optional().describe('SQLite file; default catalog.db in the state directory.'),
    })
    .default({})
    .describe('The catalog.'),
  lfn: lfnSchema.default(() => lfnSchema.parse({})).describe('Templates of logical file names.'),
  janitor: janitorSchema
    .default(() => janitorSchema.parse({}))
    .describe('Cleaning up beside the productions.'),
  areas: z.array(nameSchema).min(1).max(100).describe('Names of the areas that sites are in.'),
  sites: z.array(siteSchema).min(1).max(1000).describe('Sites that run jobs.'),
  storages: z.array(storageSchema).min(1).max(1000).describe('Storages that hold files.'),
  credentials: z
    .array(credentialSchema)
    .max(1000)
    .default([])
    .describe('What proves to servers who asks: where it is read, never itself.'),
  diagnosis: diagnosisSchema.describe(
    'Rules that tell what a failure is, for all productions, besides the built-in ones.',
  ),
  logs: logsSchema.default(() => logsSchema.parse({})).describe('The logs of jobs.'),
  groups: z
    .record(nameSchema, z.number().positive().max(1_000_000))
    .default({})
    .describe(
      'Shares of the sites that groups of productions have, such as {mc: 3, skims: 1}; all other groups have 1 together. Without it all are one group.',
    ),
  simulation: simulationSchema
    .default(() => simulationSchema.parse({}))
    .describe('What simulated sites and storages share.'),
});

export const configurationSchema = configurationFields.superRefine((config, context) => {
  for (const { path, text, remedy } of configurationProblems(config)) {
    context.addIssue({ code: 'custom', path: [...path], message: `${text}; ${remedy}` });
  }
});

export type Configuration = z.output<typeof configurationFields>;
export type SiteConfiguration = Configuration['sites'][number];
export type StorageConfiguration = Configuration['storages'][number];

/** Where a storage is: a directory of this machine, or the address of a server's. */
export const placeOf = (storage: StorageConfiguration): string =>
  'url' in storage ? storage.url : storage.root;

/** The fields of a configuration that are sound: all of them, or what the schema accepted of a faulty one. */
export interface SoundConfiguration {
  readonly areas?: readonly string[] | undefined;
  readonly sites?: readonly Partial<SiteConfiguration>[] | undefined;
  readonly storages?: readonly Partial<z.output<typeof judgedStorageFields>>[] | undefined;
  readonly credentials?: readonly Partial<CredentialConfiguration>[] | undefined;
  readonly diagnosis?: Configuration['diagnosis'] | undefined;
  readonly temporal?: { readonly credential?: string | undefined } | undefined;
  readonly logs?: { readonly storage?: string | undefined } | undefined;
}

/** Every rule that these fields break; what is not there is not judged. */
export function configurationProblems(config: SoundConfiguration): Problem[] {
  const { areas, credentials, diagnosis, logs, sites, storages, temporal } = config;
  return [
    ...repetitions(areas ?? [], (i) => ['areas', i]),
    ...repetitions(names(sites), (i) => ['sites', i, 'name']),
    ...repetitions(names(storages), (i) => ['storages', i, 'name']),
    ...[...(sites ?? []).entries()].flatMap(([i, { area }]) =>
      unknown(['sites', i, 'area'], 'area', area, areas),
    ),
    ...[...(storages ?? []).entries()].flatMap(([i, { area }]) =>
      unknown(['storages', i, 'area'], 'area', area, areas),
    ),
    ...[...(sites ?? []).entries()].flatMap(([i, site]) => nearStorages(i, site, storages)),
    ...purposes(storages),
    ...repetitions(names(credentials), (i) => ['credentials', i, 'name']),
    ...[...(storages ?? []).entries()].flatMap(([i, storage]) =>
      credentialOf(i, storage, credentials),
    ),
    ...credentialAt(
      ['temporal', 'credential'],
      temporal?.credential,
      ['token', 'x509'],
      credentials,
    ),
    ...repetitions(diagnosis?.map(({ id }) => id) ?? [], (i) => ['diagnosis', i, 'id']),
    ...(diagnosis ?? []).flatMap((rule, i) =>
      unknown(['diagnosis', i, 'site'], 'site', rule.site, sites && names(sites)),
    ),
    ...unknown(
      ['logs', 'storage'],
      'storage',
      logs?.storage,
      storages?.map(({ name }) => name),
    ),
  ];
}

const names = (list: readonly { name?: string }[] | undefined): (string | undefined)[] =>
  (list ?? []).map(({ name }) => name);

/** Names that differ only in case would share a folder on some file systems. */
function repetitions(
  list: readonly (string | undefined)[],
  pathOf: (index: number) => FieldPath,
): Problem[] {
  const seen = list.map((name) => name?.toLowerCase());
  return list.flatMap((name, i) =>
    name === undefined || seen.indexOf(name.toLowerCase()) === i
      ? []
      : [
          {
            path: pathOf(i),
            text: `names ${name} twice`,
            remedy: 'choose another name, or remove one',
          },
        ],
  );
}

function unknown(
  path: FieldPath,
  what: string,
  name: string | undefined,
  known: readonly (string | undefined)[] | undefined,
): Problem[] {
  if (name === undefined || known === undefined || known.includes(name)) return [];
  const certain = known.filter((one) => one !== undefined);
  if (certain.length < known.length) return [];
  const meant = nearest(name, certain);
  return [
    {
      path,
      text: `names the unknown ${what} ${name}`,
      remedy:
        meant === null
          ? `the ${what}s are ${certain.join(', ') || 'none'}`
          : `did you mean ${meant}?`,
    },
  ];
}

function nearStorages(
  i: number,
  site: Partial<SiteConfiguration>,
  storages: SoundConfiguration['storages'],
): Problem[] {
  const near = site.storages ?? [];
  const known = storages === undefined ? undefined : names(storages);
  return [
    ...near.flatMap((name, j) => unknown(['sites', i, 'storages', j], 'storage', name, known)),
    ...repetitions(near, (j) => ['sites', i, 'storages', j]),
  ];
}

/** Kinds of credentials that a kind of storage takes. */
const TAKEN: Readonly<Record<string, readonly CredentialConfiguration['kind'][]>> = {
  s3: ['s3'],
  webdav: ['token', 'x509'],
};

/** Addresses whose server others could read along to. */
const IN_THE_CLEAR = /^http:\/\/(?!(?:127\.|localhost[:/]|\[::1\]))/;

/** What is wrong with the credential that is named there, for somebody who takes some kinds. */
function credentialAt(
  path: FieldPath,
  name: string | undefined,
  taken: readonly CredentialConfiguration['kind'][] | undefined,
  credentials: SoundConfiguration['credentials'],
): Problem[] {
  const strange = unknown(path, 'credential', name, credentials && names(credentials));
  const credential = credentials?.find((one) => one.name === name);
  if (strange.length > 0 || credential?.kind === undefined || taken === undefined) return strange;
  if (taken.includes(credential.kind)) return [];
  return [
    {
      path,
      text: `names ${credential.name ?? ''}, which is of kind ${credential.kind}`,
      remedy: `name one of kind ${taken.join(' or ')}`,
    },
  ];
}

function credentialOf(
  i: number,
  { credential: name, kind = '', url = '' }: NonNullable<SoundConfiguration['storages']>[number],
  credentials: SoundConfiguration['credentials'],
): Problem[] {
  const wrong = credentialAt(['storages', i, 'credential'], name, TAKEN[kind], credentials);
  if (wrong.length > 0) return wrong;
  const credential = credentials?.find((one) => one.name === name);
  if (credential?.kind === undefined || TAKEN[kind] === undefined) return [];
  if (credential.kind === 's3' || !IN_THE_CLEAR.test(url)) return [];
  return [
    {
      path: ['storages', i, 'url'],
      text: `would have credential ${credential.name} sent where everybody can read it, or not at all`,
      remedy: 'use https',
    },
  ];
}

function purposes(storages: SoundConfiguration['storages']): Problem[] {
  if (storages === undefined || storages.some(({ purpose }) => purpose === undefined)) return [];
  return (['temporary', 'final'] as const).flatMap((purpose) =>
    storages.some((storage) => storage.purpose === purpose)
      ? []
      : [
          {
            path: ['storages'],
            text: `has no ${purpose} storage`,
            remedy: `add one with purpose: ${purpose}`,
          },
        ],
  );
}
