import { z } from 'zod';
import { nameSchema, pathSchema } from './fields.js';

/** What proves to servers who asks. `fabrica.yaml` tells only where it is: the process that uses it reads it there, and nobody else ever sees it. */

/** Names of environment variables. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const secret = (what: string) =>
  z
    .strictObject({
      file: pathSchema
        .optional()
        .describe('File that only its owner may read; relative to fabrica.yaml.'),
      env: z
        .string()
        .max(200)
        .regex(VARIABLE, 'must be the name of an environment variable, not its value')
        .optional()
        .describe('Environment variable of the processes that use it.'),
    })
    .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
      error: 'must be {file: PATH} or {env: NAME}',
    })
    .describe(what);

const name = nameSchema.describe('Name by which storages refer to it.');

export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    name,
    kind: z.literal('s3').describe('What it is.'),
    accessKey: secret('The id of the access key.'),
    secretKey: secret('Its secret.'),
    sessionToken: secret('What comes with keys that end.').optional(),
  }),
  z.strictObject({
    name,
    kind: z.literal('token'),
    token: secret('A bearer token, such as those of WLCG or SciTokens.'),
  }),
  z.strictObject({
    name,
    kind: z.literal('x509'),
    certificate: pathSchema.describe(
      'File in PEM with the certificate and those that sign it, or a proxy.',
    ),
    key: pathSchema.describe('File in PEM with its key; may be the same.'),
  }),
]);

export type CredentialConfiguration = z.output<typeof credentialSchema>;
/** Where one value of a credential is read. */
export interface SecretPlace {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}
