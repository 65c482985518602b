import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import proto from '@temporalio/proto';

// NOTE: `historyToJSON` of @temporalio/common throws where npm installs protobufjs more than once.
const { History } = proto.temporal.api.history.v1;
export type History = proto.temporal.api.history.v1.IHistory;

/** Recorded histories, `STORY/WORKFLOWTYPE-N.json.gz`. */
const FOLDER = path.resolve('test/replay/histories');

const AS_TEXT = { longs: String, enums: String, bytes: String } as const;

export interface RecordedHistory {
  /** `normal`; `normal@0.1.0` if it was kept when that version was released. */
  readonly story: string;
  readonly type: string;
  /** `STORY/WORKFLOWTYPE-N`. */
  readonly name: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Bytes on the disk. */
  readonly size: number;
  readonly history: History;
}

/** All recorded histories, by story and name. */
export function recordedHistories(): RecordedHistory[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json.gz'))
    .sort()
    .map((file) => {
      const content = readFileSync(path.join(FOLDER, file));
      const name = file.slice(0, -'.json.gz'.length);
      const [story = '', one = ''] = name.split(path.sep);
      const history = History.fromObject(JSON.parse(gunzipSync(content).toString()) as object);
      const begin = history.events[0]?.workflowExecutionStartedEventAttributes;
      return {
        ...{ story, name, size: content.length, history },
        type: one.replace(/-\d+$/, ''),
        workflowId: begin?.workflowId ?? '',
        runId: begin?.originalExecutionRunId ?? '',
      };
    });
}

/** Afterwards these are the histories of the story, and no others. */
export function writeHistories(
  story: string,
  histories: readonly { readonly type: string; readonly history: History }[],
): void {
  const folder = path.join(FOLDER, story);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const numbers = new Map<string, number>();
  for (const { history, type } of histories) {
    const number = (numbers.get(type) ?? 0) + 1;
    numbers.set(type, number);
    const text = JSON.stringify(History.toObject(History.fromObject(history), AS_TEXT)).replaceAll(
      hostname(),
      'host',
    );
    writeFileSync(path.join(folder, `${type}-${number}.json.gz`), gzipSync(text, { level: 9 }));
  }
}

/** Keeps the present histories of all stories as those of a release. */
export function keepHistories(version: string): string[] {
  const stories = readdirSync(FOLDER).filter((story) => !story.includes('@'));
  for (const story of stories) {
    const kept = path.join(FOLDER, `${story}@${version}`);
    rmSync(kept, { recursive: true, force: true });
    mkdirSync(kept);
    for (const file of readdirSync(path.join(FOLDER, story))) {
      writeFileSync(path.join(kept, file), readFileSync(path.join(FOLDER, story, file)));
    }
  }
  return stories;
}
