/** What a log can show in one answer, as UTF-8: it goes through a Temporal history, whose payloads end at 2 MB. */
export const LARGEST_ANSWER = 512 * 1024;

/** A part of a log as text. */
export interface LogText {
  readonly text: string;
  /** Bytes of the whole log. */
  readonly size: number;
  /** Bytes of it that the text stands for. */
  readonly shown: number;
}

/** Text without the control characters that terminals obey, line ends and tabs aside. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}

/**
 * The beginning or the end of a log as text of at most `LARGEST_ANSWER` bytes, whatever the log holds. A character that the cut has split is
 * left out.
 */
export function logText(bytes: Buffer, size: number, part: 'head' | 'tail'): LogText {
  let shown = bytes;
  // What is no UTF-8 becomes three bytes for one: then less of it fits.
  for (let text = whole(shown, size, part); ; text = whole(shown, size, part)) {
    const length = Buffer.byteLength(text);
    if (length <= LARGEST_ANSWER) return { text, size, shown: shown.length };
    const fits = Math.floor((shown.length * LARGEST_ANSWER) / length) - 4;
    shown = part === 'head' ? shown.subarray(0, fits) : shown.subarray(shown.length - fits);
  }
}

function whole(bytes: Buffer, size: number, part: 'head' | 'tail'): string {
  const cut = bytes.length < size;
  let from = 0;
  let to = bytes.length;
  if (cut && part === 'tail') {
    while (from < 3 && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++;
  }
  if (cut && part === 'head') to -= unfinished(bytes);
  return printable(bytes.toString('utf8', from, to));
}

/** Bytes at the end that begin a character and do not end it. */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
