import { z } from 'zod';
import { ADLER32_PATTERN } from './adler32.js';
import { nameSchema, plainText } from './fields.js';
import { FILE_NAME_PATTERN, LFN_PATTERN } from './names.js';

/** Files of the submitter's that go with a definition. */

const FILE_NAME_RULE =
  'must end in a plain file name (letters, digits, dot, dash, underscore; not wrapper.*, fabrica-report.*, log, report: the job has files of these names)';

/** The name of a file in the folder of a job. */
export const fileName = z.string().min(1).max(100).regex(FILE_NAME_PATTERN, FILE_NAME_RULE);

/** A path of the submitter's computer, relative to the definition file; its last part is the file's name in the job. */
export const payloadPath = plainText(4096)
  .min(1)
  .refine((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return name.length <= 100 && FILE_NAME_PATTERN.test(name);
  }, FILE_NAME_RULE);

/** A logical file name. */
export const lfnSchema = z
  .string()
  .max(1024)
  .regex(LFN_PATTERN, 'must be an absolute path of plain names');

/** A payload file that is stored already: how a definition names it after its files have been uploaded. */
export const storedPayloadSchema = z.strictObject({
  name: fileName.describe('Name in the job folder.'),
  lfn: lfnSchema.describe('Logical name of the stored file.'),
  storage: nameSchema.describe('A storage that holds it.'),
  size: z.number().int().nonnegative().describe('Bytes.'),
  adler32: z
    .string()
    .regex(ADLER32_PATTERN, 'must be 8 hexadecimal digits')
    .describe('Checksum, 8 hexadecimal digits.'),
});
export type StoredPayload = z.output<typeof storedPayloadSchema>;
