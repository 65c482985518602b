import type { Log } from '../../domain/log.js';

interface Line {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** A log that can be asked what it was told. */
export class RecordingLog implements Log {
  readonly lines: Line[] = [];
  readonly debug = this.#keep('debug');
  readonly info = this.#keep('info');
  readonly warn = this.#keep('warn');
  readonly error = this.#keep('error');

  messages(level: keyof Log): string[] {
    return this.lines.filter((line) => line.level === level).map((line) => line.message);
  }

  #keep(level: keyof Log) {
    return (fields: object, message: string): void => {
      this.lines.push({ level, fields, message });
    };
  }
}
