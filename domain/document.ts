import {
  type CST,
  Composer,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLMap,
} from 'yaml';
import { type ErrorCode, FabricaError } from './errors.js';
import { type FieldPath, printable, quoted } from './problem.js';
import { formatSize } from './quantity.js';

/** Text of YAML or JSON files that people write, made into plain values without trusting it. */

/** Bytes of the largest file that is parsed. */
export const MAX_DOCUMENT_BYTES = 1_000_000;
/** Deepest nesting of lists and mappings. The parser recurses; a schema of ours needs less than ten. */
const MAX_DEPTH = 32;
const MAX_ALIASES = 100;

export interface ParsedDocument {
  /** As JSON could hold it, but for infinities and what is no number: a schema refuses them. */
  readonly value: unknown;
  /** The line (from 1) of a field in the file: the nearest one above if it is not there. */
  lineOf(path: FieldPath): number | undefined;
  /** A number as it is written, which its value may not be able to tell: `.inf`, `9007199254740993`; undefined for all else. */
  numberAt(path: FieldPath): string | undefined;
}

/** Throws the error for a place in the text; what follows the place is the reason. */
type Refuse = (offset: number, reason: string) => never;

/**
 * The error for a document over the limit.
 * @param bytes its size; unknown sizes are left out
 */
export function documentTooLarge(fileName: string, code: ErrorCode, bytes?: number): FabricaError {
  const has = bytes === undefined ? 'more than' : `${formatSize(bytes)}, over the limit of`;
  return new FabricaError(
    code,
    `${printable(fileName, 300)}: the file has ${has} ${formatSize(MAX_DOCUMENT_BYTES)}; keep data in payload files`,
    { file: fileName },
  );
}

/**
 * The text of a file's bytes. A byte order mark is dropped.
 * Throws `code` for more than `MAX_DOCUMENT_BYTES`, for what is no UTF-8, and for NUL, with the byte offset and the line.
 */
export function decodeText(
  bytes: Uint8Array,
  fileName: string,
  code: ErrorCode = 'FABRICA_DEFINITION_UNREADABLE',
): string {
  if (bytes.length > MAX_DOCUMENT_BYTES) throw documentTooLarge(fileName, code, bytes.length);
  const refuse = (offset: number, what: string): never => {
    let line = 1;
    for (const byte of bytes.subarray(0, offset)) if (byte === 10) line++;
    const text = `${printable(fileName, 300)}:${line}: ${what} at byte ${offset}; save the file as UTF-8 text`;
    throw new FabricaError(code, text, { file: fileName, line, offset });
  };
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    refuse(0, 'is UTF-16, not UTF-8: a UTF-16 mark');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const zero = bytes.indexOf(0);
    if (zero !== -1) refuse(zero, 'holds a NUL byte');
    return text;
  } catch (error) {
    if (error instanceof FabricaError) throw error;
    return refuse(firstInvalidByte(bytes), 'is not valid UTF-8');
  }
}

/** The offset where the first character begins that is none. */
function firstInvalidByte(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (decodes(bytes.subarray(0, middle), true)) good = middle;
    else bad = middle;
  }
  // The longest good beginning may end inside a character: that one is not completed by what follows.
  for (let start = good; start >= Math.max(0, good - 3); start--) {
    if (decodes(bytes.subarray(0, start), false)) return start;
  }
  return good;
}

/** Whether the bytes are UTF-8; with `open`, whether they could be with more behind them. */
function decodes(bytes: Uint8Array, open: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: open });
    return true;
  } catch {
    return false;
  }
}

/**
 * The value of a YAML (1.2, core schema) or JSON text: one document of plain values.
 * Throws `code`, with file, line, column and the reason: for more than `MAX_DOCUMENT_BYTES` (before anything is parsed),
 * an empty text, control characters, syntax errors, several documents, duplicate keys, tags that build objects,
 * aliases that contain themselves or multiply, and nesting deeper than 32.
 */
export function parseDocument(
  text: string,
  fileName: string,
  code: ErrorCode = 'FABRICA_DEFINITION_UNREADABLE',
): ParsedDocument {
  const size =
    text.length > MAX_DOCUMENT_BYTES ? text.length : new TextEncoder().encode(text).length;
  if (size > MAX_DOCUMENT_BYTES) throw documentTooLarge(fileName, code, size);
  const lines = new LineCounter();
  const refuse: Refuse = (offset, reason) => {
    const { line, col } = lines.linePos(offset);
    const place = `${printable(fileName, 300)}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
    throw new FabricaError(code, `${place}: ${reason}`, {
      file: fileName,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
    });
  };
  const document = compose(text, lines, refuse);
  inspect(document, refuse);
  const find = finder(document);
  return {
    value: valueOf(document, refuse),
    lineOf: (path) => {
      const { offset } = find(path);
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
    numberAt: (path) => {
      const { node } = find(path);
      return isScalar(node) && typeof node.value === 'number' ? node.source : undefined;
    },
  };
}

/** Every control character but tab, line feed, carriage return and next line: YAML allows no other. */
const CONTROL = /[^\P{Cc}\t\n\r\u0085]/u;

function compose(text: string, lines: LineCounter, refuse: Refuse): Document.Parsed {
  const control = CONTROL.exec(text);
  if (control !== null) {
    lines.addNewLine(0);
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
      lines.addNewLine(at + 1);
    }
    refuse(
      control.index,
      `holds the control character ${quoted(control[0])}; write it as an escape in double quotes`,
    );
  }
  const tokens: CST.Token[] = [];
  for (const token of new Parser(lines.addNewLine).parse(text)) {
    if (token.type === 'document') boundDepth(token, refuse);
    tokens.push(token);
  }
  // Keys are compared in `inspect`: the library's way takes time with the square of their number.
  const composer = new Composer({ schema: 'core', uniqueKeys: false, prettyErrors: false });
  const [document, second] = [...composer.compose(tokens, true, text.length)];
  if (document === undefined) return refuse(0, 'the file is empty; write a mapping of fields');
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) refuse(fault.pos[0], syntaxReason(fault.code, fault.message));
  if (second !== undefined) {
    refuse(second.range[0], 'a second document begins here; keep one document in a file');
  }
  if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    refuse(0, 'is written for YAML 1.1; remove the line %YAML, YAML 1.2 is read');
  }
  return document;
}

const SYNTAX: Readonly<Partial<Record<string, string>>> = {
  TAB_AS_INDENT: 'a tab is used as indentation; use spaces',
  BLOCK_AS_IMPLICIT_KEY:
    'a second ": " on the line; put the value in quotes, or begin the inner field on a line of its own',
  BAD_SCALAR_START: 'a value can not begin with this character; put the value in quotes',
  TAG_RESOLVE_FAILED: 'tags (!...) are not accepted; write the plain value',
  BAD_ALIAS: 'an alias (*name) without name; put a value that begins with * in quotes',
};

function syntaxReason(code: string, message: string): string {
  const known = SYNTAX[code];
  if (known !== undefined) return known;
  return `is no valid YAML or JSON: ${printable(message, 200)}; correct the line or the one before it`;
}

/**
 * Refuses nesting that the composer, which recurses, could not take. HAZARD: it must run before composing, since near the
 * end of the stack V8 may abort the process in the middle of a regular expression, where nothing can be caught.
 */
function boundDepth(document: CST.Document, refuse: Refuse): void {
  const open: { token: CST.Token; depth: number }[] = [];
  if (document.value !== undefined) open.push({ token: document.value, depth: 1 });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (!('items' in token)) continue;
    if (depth > MAX_DEPTH) {
      refuse(token.offset, `is nested deeper than ${MAX_DEPTH} levels; write it flatter`);
    }
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, depth: depth + 1 });
      if (item.value) open.push({ token: item.value, depth: depth + 1 });
    }
  }
}

const PLAIN_TAGS = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map(
  (name) => `tag:yaml.org,2002:${name}`,
);

/** Refuses duplicate keys, keys that are no text, tags that build objects, and aliases that are no plain repetition. */
function inspect(document: Document.Parsed, refuse: Refuse): void {
  let aliases = 0;
  const anchors = new Set<string>();
  const visit = (node: Node | null, around: readonly string[]): void => {
    if (node === null) return;
    const offset = node.range?.[0] ?? 0;
    if (node.tag !== undefined && node.tag !== '!' && !PLAIN_TAGS.includes(node.tag)) {
      refuse(offset, `the tag ${quoted(node.tag)} is not accepted; write the plain value`);
    }
    if (isAlias(node)) {
      const name = quoted(node.source);
      if (around.includes(node.source)) refuse(offset, `the alias ${name} contains itself`);
      if (!anchors.has(node.source)) {
        refuse(
          offset,
          `the alias ${name} has no anchor before it; put a value that begins with * in quotes`,
        );
      }
      if (++aliases > MAX_ALIASES) {
        refuse(offset, `holds more than ${MAX_ALIASES} aliases; write the values out`);
      }
      return;
    }
    const anchor = isCollection(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.add(anchor);
    const inside = anchor === undefined ? around : [...around, anchor];
    if (isSeq<Node>(node)) for (const item of node.items) visit(item, inside);
    if (isMap<Node, Node | null>(node)) {
      const seen = new Set<string>();
      for (const { key, value } of node.items) {
        visit(key, inside);
        if (!isScalar(key)) {
          refuse(key.range?.[0] ?? offset, 'a list, mapping or alias is used as a key; use a name');
        }
        const name = keyText(key.value);
        if (seen.has(name)) {
          refuse(key.range?.[0] ?? offset, `the field ${quoted(name)} is given twice; remove one`);
        }
        seen.add(name);
        visit(value, inside);
      }
    }
  };
  visit(document.contents, []);
}

/** A key as the library makes it a property name. */
const keyText = (key: unknown): string =>
  typeof key === 'string' ? key : key === null ? '' : JSON.stringify(key);

function valueOf(document: Document.Parsed, refuse: Refuse): unknown {
  if (
    document.contents === null ||
    (isScalar(document.contents) && document.contents.value === null)
  )
    return refuse(0, 'the file is empty; write a mapping of fields');
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return refuse(0, 'its aliases multiply beyond measure; write the values out');
  }
}

interface Place {
  /** Of the field, or the nearest one above it: the key of a mapping, the value of a list. */
  readonly offset: number | undefined;
  /** The value of the field; null if the path is not there to its end. */
  readonly node: Node | null;
}

/** Tells where a field is. */
function finder(document: Document.Parsed): (path: FieldPath) => Place {
  const indices = new Map<Node, Map<string, Pair<Node, Node | null>>>();
  const pairOf = (map: YAMLMap<Node, Node | null>, key: string | number) => {
    let index = indices.get(map);
    if (index === undefined) {
      index = new Map(map.items.map((one) => [keyText(isScalar(one.key) && one.key.value), one]));
      indices.set(map, index);
    }
    return index.get(String(key));
  };
  return (path) => {
    let node: Node | null = document.contents;
    let offset = node?.range?.[0];
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document) ?? null;
      let next: Node | null | undefined;
      if (isMap<Node, Node | null>(node)) {
        const pair = pairOf(node, part);
        offset = pair?.key.range?.[0] ?? offset;
        next = pair?.value;
      } else if (isSeq<Node>(node) && typeof part === 'number') {
        next = node.items[part];
        offset = next?.range?.[0] ?? offset;
      }
      if (next === undefined || next === null) return { offset, node: null };
      node = next;
    }
    return { offset, node };
  };
}
