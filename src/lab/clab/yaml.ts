import { Composer, type Document, isAlias, isMap, isScalar, isSeq, LineCounter, Parser, type YAMLMap } from "yaml";
import { LabError } from "../errors.ts";

/** Longest file, in characters. */
const TEXT_MAX = 4 * 1024 * 1024;
/** Lists and maps inside one another. The YAML library would exhaust the stack on what is nested without end. */
const NESTING_MAX = 64;
/** `<<` keys in one file. */
const MERGES_MAX = 1000;

/** Where a value stands: a file and a line, for messages. */
export interface Site {
  readonly path: string;
  readonly line: number;
}
/** A value of a YAML file: what was written, and where. */
export type Value = Site & (MapValue | ListValue | TextValue | NoValue);
export interface MapValue {
  readonly kind: "map";
  /** In the order in which they are written; the line of an entry is its key's. */
  readonly entries: ReadonlyMap<string, Entry>;
}
export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
}
export interface TextValue {
  readonly kind: "text";
  /** Without its quotes; a number as it was typed. */
  readonly text: string;
}
export interface NoValue {
  readonly kind: "none";
}
export interface Entry {
  readonly line: number;
  readonly value: Value;
}

/** Ends the reading of a file: one line that says where, what, and what was expected. */
export function fail(at: Site, what: string, expected: string): never {
  throw new LabError(`${at.path}:${at.line}: ${oneLine(what)}, expected ${expected}`);
}

/** Reads one YAML document, with anchors, aliases and merge keys. Whatever is wrong with it is a `LabError` of one line. */
export function readYaml(text: string, path: string): Value {
  if (text.length > TEXT_MAX) fail({ path, line: 1 }, "the file is too long", `at most ${TEXT_MAX} characters`);
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tokens.find((token) => nesting(token) > NESTING_MAX);
  if (deep !== undefined)
    fail(siteOf(path, lines, "offset" in deep ? deep.offset : 0), "nested too deeply", `at most ${NESTING_MAX} levels`);
  const documents = [
    ...new Composer({ merge: true, prettyErrors: false, logLevel: "silent" }).compose(tokens, true, text.length),
  ];
  const [first, second] = documents;
  if (first === undefined) fail({ path, line: 1 }, "the file is empty", "a topology");
  const wrong = first.errors[0] ?? first.warnings[0];
  if (wrong !== undefined) fail(siteOf(path, lines, wrong.pos[0]), `not YAML: ${wrong.message}`, "a YAML file");
  if (second !== undefined) fail(siteOf(path, lines, second.range[0]), "a second document", "one YAML document");
  return new Conversion(path, lines, first).value(first.contents, 0);
}

/** The entries of a map; nothing written counts as an empty one. */
export function mapOf(v: Value, what: string): ReadonlyMap<string, Entry> {
  if (v.kind === "map") return v.entries;
  if (v.kind === "none") return new Map();
  return fail(v, `${what} is ${kindOf(v)}`, "keys with values");
}

/** The items of a list; nothing written counts as an empty one. */
export function listOf(v: Value, what: string): readonly Value[] {
  if (v.kind === "list") return v.items;
  if (v.kind === "none") return [];
  return fail(v, `${what} is ${kindOf(v)}`, "a list");
}

/** A word or a line of text. Environment variables, which containerlab would fill in, are refused: a simulation has none. */
export function textOf(v: Value, what: string, expected = "a text"): string {
  if (v.kind !== "text") return fail(v, `${what} is ${kindOf(v)}`, expected);
  const variable = /\$\{?[A-Za-z_]\w*\}?/.exec(v.text);
  if (variable !== null)
    fail(v, `${what} uses the environment variable ${variable[0]}`, "its value: a simulation has no environment");
  return v.text;
}

/** A whole number in [low, high]. */
export function integerOf(v: Value, what: string, low: number, high: number): number {
  const expected = `a whole number from ${low} to ${high}`;
  const text = textOf(v, what, expected);
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < low || n > high) fail(v, `${what} is "${text}"`, expected);
  return n;
}

/** Refuses the first key that is not in `known`. */
export function onlyKeys(
  entries: ReadonlyMap<string, Entry>,
  known: ReadonlySet<string>,
  where: string,
  path: string,
): void {
  for (const [key, entry] of entries) {
    if (!known.has(key)) fail({ path, line: entry.line }, `key "${key}" of ${where} is not built`, listed([...known]));
  }
}

/** `a, b or c`; of many the first ones. */
export function listed(words: readonly string[], most = 12): string {
  if (words.length > most) return `one of ${words.slice(0, most).join(", ")}, …`;
  return words.length < 2 ? (words[0] ?? "nothing") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** Text on one line, as messages want it. */
export const oneLine = (text: string): string =>
  text
    .trim()
    .split(/\s*[\r\n\u0085\u2028\u2029]+\s*/)
    .join(" / ");

const KINDS = { map: "a map", list: "a list", none: "empty" } as const;
const kindOf = (v: Value): string => (v.kind === "text" ? `"${v.text.slice(0, 60)}"` : KINDS[v.kind]);

const siteOf = (path: string, lines: LineCounter, offset: number): Site => ({
  path,
  line: Math.max(1, lines.linePos(offset).line),
});

/** Turns the library's nodes into values. What an alias names is turned once, however often it is named. */
class Conversion {
  readonly #path: string;
  readonly #lines: LineCounter;
  readonly #document: Document.Parsed;
  readonly #done = new Map<unknown, Value>();
  readonly #open = new Set<unknown>();
  #merges = 0;

  constructor(path: string, lines: LineCounter, document: Document.Parsed) {
    this.#path = path;
    this.#lines = lines;
    this.#document = document;
  }

  /** `at`: the offset to tell of where nothing is written. */
  value(node: unknown, at: number): Value {
    const site = this.#site(node, at);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) fail(site, `alias *${node.source} names nothing`, "an anchor above it");
      return this.value(target, at);
    }
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    if (this.#open.has(node)) fail(site, "an alias names what it stands in", "an anchor that is complete");
    this.#open.add(node);
    const made = this.#make(node, site);
    this.#open.delete(node);
    if (node !== null) this.#done.set(node, made);
    return made;
  }

  #make(node: unknown, site: Site): Value {
    if (isMap(node)) return { ...site, kind: "map", entries: this.#entries(node, site) };
    if (isSeq(node)) {
      return { ...site, kind: "list", items: node.items.map((item) => this.value(item, node.range?.[0] ?? 0)) };
    }
    if (!isScalar(node) || node.value === null) return { ...site, kind: "none" };
    return { ...site, kind: "text", text: node.source ?? String(node.value) };
  }

  #entries(map: YAMLMap, site: Site): ReadonlyMap<string, Entry> {
    const own = new Map<string, Entry>();
    const merged: Value[] = [];
    for (const { key, value } of map.items) {
      if (!isScalar(key)) fail(site, "a key that is not a word", "keys with values");
      const at = key.range?.[0] ?? 0;
      const { line } = this.#site(key, at);
      const read = this.value(value, at);
      const name = key.source ?? String(key.value);
      if (name === "<<" && key.type === "PLAIN") merged.push(...(read.kind === "list" ? read.items : [read]));
      else own.set(name, { line, value: read });
    }
    for (const other of merged) {
      if (other.kind !== "map") fail(other, "a merge key whose value is no map", "a map or an alias of one");
      if (++this.#merges > MERGES_MAX) fail(site, "too many merge keys", `at most ${MERGES_MAX}`);
      for (const [key, entry] of other.entries) if (!own.has(key)) own.set(key, entry);
    }
    return own;
  }

  #site(node: unknown, at: number): Site {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return siteOf(this.#path, this.#lines, range?.[0] ?? at);
  }
}

/** How deeply lists and maps stand inside one another. */
function nesting(token: unknown): number {
  let deepest = 0;
  const open: { readonly token: unknown; readonly depth: number }[] = [{ token, depth: 0 }];
  for (let top = open.pop(); top !== undefined; top = open.pop()) {
    const t = top.token as
      | { value?: unknown; items?: readonly { key?: unknown; value?: unknown }[] }
      | null
      | undefined;
    deepest = Math.max(deepest, top.depth);
    const below = top.depth + 1;
    if (Array.isArray(t?.items)) {
      for (const item of t.items) open.push({ token: item.key, depth: below }, { token: item.value, depth: below });
    } else if (typeof t?.value === "object") open.push({ token: t.value, depth: top.depth });
  }
  return deepest;
}
