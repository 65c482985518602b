import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The end of a log file for a message: at most so many bytes, whole lines; a remark if there is none. */
export function logTail(file: string, bytes = 2000): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return '(there is no log)';
  }
  try {
    const { size } = fstatSync(descriptor);
    const start = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - start);
    const read = readSync(descriptor, buffer, 0, buffer.length, start);
    const text = buffer.toString('utf8', 0, read);
    const whole = start === 0 ? text : text.slice(text.indexOf('\n') + 1);
    return whole.trimEnd() || '(the log is empty)';
  } finally {
    closeSync(descriptor);
  }
}
