import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const identity = { pid: z.number().int().positive(), pidStart: z.string() };

const upRecordSchema = z.object({
  ...identity,
  address: z.string().nullable(),
  namespace: z.string(),
  uiUrl: z.string().nullable(),
  children: z.array(z.object({ name: z.string(), ...identity })),
});

/**
 * What a running `fabrica up` tells about itself in `up.json`. `address` is null until Temporal serves; `uiUrl` is null if the server
 * is not its own. After a SIGKILL of `up` the file stays: ask `isAlive(record)` before believing it.
 */
export type UpRecord = Readonly<z.output<typeof upRecordSchema>>;
export type RecordedChild = UpRecord['children'][number];

/** The record in this state directory; null if there is none, or none that can be understood. */
export function readUpRecord(stateDirectory: string): UpRecord | null {
  try {
    const text = readFileSync(recordFile(stateDirectory), 'utf8');
    return upRecordSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Afterwards the file holds this record, whole; a reader sees the old one or the new one. */
export function writeUpRecord(stateDirectory: string, record: UpRecord): void {
  const file = recordFile(stateDirectory);
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeUpRecord(stateDirectory: string): void {
  rmSync(recordFile(stateDirectory), { force: true });
}

const recordFile = (stateDirectory: string): string => path.join(stateDirectory, 'up.json');
