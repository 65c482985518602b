/** Where a task of an array is in Slurm. `ending`: its processes have ended, or are just being ended. */
export type TaskState = 'queued' | 'running' | 'ending';

/** Tasks of one array in the same state; `id` is Slurm's of the array. */
export interface TaskGroup {
  readonly id: string;
  readonly state: TaskState;
}

/** What Slurm says of a task that it has ended; `signal` 0: it was none. */
export interface TaskEnd {
  readonly state: string;
  readonly exitCode: number;
  readonly signal: number;
  readonly reason: string;
  readonly node: string;
  /** ms since 1970, where known. */
  readonly endedAt: number | null;
}

const QUEUED =
  /^(PENDING|CONFIGURING|RESV_DEL_HOLD|REQUEUED|REQUEUE_FED|REQUEUE_HOLD|SPECIAL_EXIT)$/;
const RUNNING = /^(RUNNING|SUSPENDED|STOPPED|SIGNALING|RESIZING)$/;
const ENDING = /^(COMPLETING|STAGE_OUT)$/;

/** Null for a state in which nothing is left to come. */
export function taskState(state: string): TaskState | null {
  if (QUEUED.test(state)) return 'queued';
  if (RUNNING.test(state)) return 'running';
  return ENDING.test(state) ? 'ending' : null;
}

/** The tasks that are queued or running by the name of their array and their index. One that was submitted twice has several. */
export type ActiveTasks = ReadonlyMap<string, ReadonlyMap<number, readonly TaskGroup[]>>;

/** Reads lines `name|array id|tasks|state` of `squeue`; what is no task of an array is none of ours. */
export function activeTasks(text: string): ActiveTasks {
  const arrays = new Map<string, Map<number, TaskGroup[]>>();
  for (const line of text.split('\n')) {
    const [name = '', id = '', tasks = '', word = ''] = line.split('|');
    const state = taskState(word);
    if (state === null || !/^\d/.test(tasks)) continue;
    const array = arrays.get(name) ?? new Map<number, TaskGroup[]>();
    arrays.set(name, array);
    const group = { id, state };
    for (const index of indexesOf(tasks)) {
      const others = array.get(index);
      if (others === undefined) array.set(index, [group]);
      else others.push(group);
    }
  }
  return arrays;
}

/** The indexes of an expression such as `3`, `0-7,9`, `0-998%50`. */
export function* indexesOf(expression: string): Generator<number> {
  const [list = ''] = expression.split('%');
  for (const part of list.split(',')) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let index = first; index <= last; index++) yield index;
  }
}

/** The shortest expression for indexes, in any order. */
export function expressionOf(indexes: Iterable<number>): string {
  const parts: { first: number; last: number }[] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const part = parts.at(-1);
    if (part?.last === index - 1) part.last = index;
    else parts.push({ first: index, last: index });
  }
  return parts.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(',');
}

/** Reads lines `name|array id|index|state|wait status|reason|node|end|` of `squeue`; by index, of the array of this name. */
export function endsOfSqueue(text: string, name: string): Map<number, TaskEnd | 'active'> {
  const ends = new Map<number, TaskEnd | 'active'>();
  for (const line of text.split('\n')) {
    const [found, , index = '', state = '', status = '', reason = '', node = '', end = ''] =
      line.split('|');
    if (found !== name || !/^\d+$/.test(index)) continue;
    const wait = Number(status) || 0;
    const told = { state, exitCode: wait >> 8, signal: wait & 127, reason, node };
    note(ends, Number(index), told, end);
  }
  return ends;
}

/** Reads lines `name|array id_index|state|code:signal|end|node` of `sacct`. */
export function endsOfSacct(text: string, name: string): Map<number, TaskEnd | 'active'> {
  const ends = new Map<number, TaskEnd | 'active'>();
  for (const line of text.split('\n')) {
    const [found, id = '', said = '', code = '', end = '', node = ''] = line.split('|');
    const index = /^\d+_(\d+)$/.exec(id)?.[1];
    if (found !== name || index === undefined) continue;
    const [exitCode = 0, signal = 0] = code.split(':').map(Number);
    // `CANCELLED by 1001`
    const [state = '', ...by] = said.split(' ');
    note(ends, Number(index), { state, exitCode, signal, reason: by.join(' '), node }, end);
  }
  return ends;
}

function note(
  ends: Map<number, TaskEnd | 'active'>,
  index: number,
  told: Omit<TaskEnd, 'endedAt'>,
  end: string,
): void {
  // Of a task that was submitted twice one may still be to come.
  if (ends.get(index) === 'active') return;
  const over = { ...told, endedAt: /^\d+$/.test(end) ? 1000 * Number(end) : null };
  ends.set(index, taskState(told.state) === null ? over : 'active');
}
