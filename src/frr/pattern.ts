import { type Ipv4, type Prefix, parseIp } from "../core/addr.ts";

/**
 * The language in which FRR's sources write commands (lib/command_parse.y): `keyword`, `WORD`, `IFNAME`, `LINE...`, `A.B.C.D`,
 * `A.B.C.D/M`, `X:X:X:X:X:X` (a MAC), `ASNUM` (`65536` or `1.0`), `(1-65535)`, `<a|b c>` one of, `[a]` perhaps, `{a|b}` some in any order. `$name` behind a token names its value;
 * a keyword is named after itself.
 */
export type Pattern =
  | { readonly kind: "word"; readonly text: string; readonly name: string }
  | {
      readonly kind: "variable";
      readonly type: VariableType;
      readonly name: string;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly options: readonly Pattern[]; readonly optional: boolean }
  | { readonly kind: "set"; readonly options: readonly Pattern[]; readonly optional: boolean };

export type VariableType = "WORD" | "LINE" | "A.B.C.D" | "A.B.C.D/M" | "MAC" | "ASNUM" | "range";

/** What a typed word became: how well it fits (the larger the better), and its value. */
interface Fit {
  readonly rank: number;
  readonly value: string;
}
/** A line as one pattern understands it. `ranks`: how well each word fits, for the choice between patterns. */
export interface Match {
  readonly args: Args;
  readonly ranks: readonly number[];
}

const RANK_EXACT = 6;
const RANK_ABBREVIATED = 5;
const RANKS: { readonly [K in VariableType]: number } = {
  "A.B.C.D": 4,
  "A.B.C.D/M": 4,
  MAC: 4,
  ASNUM: 3,
  range: 3,
  WORD: 2,
  LINE: 1,
};

/** Reads a pattern as FRR writes it. A pattern that makes no sense is a bug. */
export function parsePattern(text: string): Pattern {
  const tokens = text.match(/LINE\.\.\.(\$\w+)?|\(-?\d+--?\d+\)(\$\w+)?|[<>[\]{}|](\$\w+)?|[^\s<>[\]{}|]+/g) ?? [];
  const reader = { tokens, at: 0, text };
  const pattern = sequence(reader);
  if (reader.at !== tokens.length) throw new Error(`pattern "${text}": unexpected ${tokens[reader.at]}`);
  return pattern;
}

/**
 * Matches words against a pattern; undefined: they do not fit. Keywords may be abbreviated.
 */
export function matchPattern(pattern: Pattern, words: readonly string[]): Match | undefined {
  const found: { best: Match | undefined } = { best: undefined };
  const state: Walk = { words, values: [], ranks: [] };
  walk(pattern, 0, state, (at) => {
    if (at !== words.length) return;
    if (found.best === undefined || compareRanks(state.ranks, found.best.ranks) > 0)
      found.best = { args: new Args(new Map(state.values)), ranks: [...state.ranks] };
  });
  return found.best;
}

/** Which of two fits is better, word by word from the left: positive when `a` is. */
export function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return 0;
}

/** What could follow `words`: keywords and names of variables, for `?` and completion; `<cr>` when the line may end there. */
export function nextTokens(pattern: Pattern, words: readonly string[]): readonly string[] {
  const next = new Set<string>();
  const state: Walk = { words, values: [], ranks: [], next };
  walk(pattern, 0, state, (at) => {
    if (at === words.length) next.add("<cr>");
  });
  return [...next];
}

/** The values of a command line, by the names that the pattern gives them. */
export class Args {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  /** The value as typed; keywords are written out. */
  find(name: string): string | undefined {
    return this.#values.get(name);
  }
  text(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`the command has no value named ${name}`);
    return value;
  }
  int(name: string): number {
    return numberOf(this.text(name));
  }
  findInt(name: string): number | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : numberOf(value);
  }
  ip(name: string): Ipv4 {
    return readIp(this.text(name));
  }
  findIp(name: string): Ipv4 | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : readIp(value);
  }
  /** An address with its length, host bits as typed. */
  prefix(name: string): Prefix {
    return readPrefix(this.text(name));
  }
}

/** A number; with a dot it is that of an AS. */
const numberOf = (text: string): number => (text.includes(".") ? (parseAs(text) ?? 0) : Number(text));

interface Reader {
  readonly tokens: readonly string[];
  readonly text: string;
  at: number;
}

function sequence(r: Reader): Pattern {
  const parts: Pattern[] = [];
  while (r.at < r.tokens.length && !/^[>\]}|]/.test(r.tokens[r.at] as string)) parts.push(one(r));
  return parts.length === 1 ? (parts[0] as Pattern) : { kind: "sequence", parts };
}

function one(r: Reader): Pattern {
  const token = r.tokens[r.at++] as string;
  if (token === "<") return { kind: "choice", options: options(r, ">"), optional: false };
  if (token === "[") return { kind: "choice", options: options(r, "]"), optional: true };
  if (token === "{") return { kind: "set", options: options(r, "}"), optional: false };
  return leaf(token, r.text);
}

function options(r: Reader, close: string): Pattern[] {
  const all = [sequence(r)];
  while (r.tokens[r.at] === "|") {
    r.at++;
    all.push(sequence(r));
  }
  const end = r.tokens[r.at++] ?? "";
  if (end[0] !== close) throw new Error(`pattern "${r.text}": expected ${close}`);
  const name = end.slice(2);
  return name === "" ? all : all.map((p) => renamed(p, name));
}

/** `<a|b>$name`: whatever was chosen has that name. */
const renamed = (p: Pattern, name: string): Pattern =>
  p.kind === "word" || p.kind === "variable" ? { ...p, name } : p;

function leaf(token: string, text: string): Pattern {
  const [body = "", name = ""] = token.split("$");
  const range = /^\((-?\d+)-(-?\d+)\)$/.exec(body);
  if (range !== null)
    return { kind: "variable", type: "range", name: name || "number", min: Number(range[1]), max: Number(range[2]) };
  const type = VARIABLES.get(body);
  if (type !== undefined) return { kind: "variable", type, name: name || body.toLowerCase(), min: 0, max: 0 };
  if (!/^[a-z0-9&_:.+*-]+$/i.test(body)) throw new Error(`pattern "${text}": cannot read ${token}`);
  return { kind: "word", text: body, name: name || body };
}

const VARIABLES: ReadonlyMap<string, VariableType> = new Map([
  ["WORD", "WORD"],
  ["IFNAME", "WORD"],
  ["LINE...", "LINE"],
  ["A.B.C.D", "A.B.C.D"],
  ["A.B.C.D/M", "A.B.C.D/M"],
  ["X:X:X:X:X:X", "MAC"],
  ["ASNUM", "ASNUM"],
]);

interface Walk {
  readonly words: readonly string[];
  /** Values and ranks of the words taken so far: pushed and popped as the walk goes. */
  readonly values: [string, string][];
  readonly ranks: number[];
  /** Collects what the pattern would take where the words end. */
  readonly next?: Set<string>;
}
type Then = (at: number) => void;

/** Tries every way in which words from `at` on fit, and calls `then` at the end of each. */
function walk(p: Pattern, at: number, s: Walk, then: Then): void {
  switch (p.kind) {
    case "word":
    case "variable":
      return take(p, at, s, then);
    case "sequence":
      return walkParts(p.parts, 0, at, s, then);
    case "choice":
      for (const option of p.options) walk(option, at, s, then);
      if (p.optional) then(at);
      return;
    case "set":
      return walkSet(p.options, (1 << p.options.length) - 1, at, s, p.optional, then);
  }
}

function walkParts(parts: readonly Pattern[], i: number, at: number, s: Walk, then: Then): void {
  const part = parts[i];
  if (part === undefined) return then(at);
  walk(part, at, s, (next) => walkParts(parts, i + 1, next, s, then));
}

function walkSet(options: readonly Pattern[], left: number, at: number, s: Walk, mayEnd: boolean, then: Then): void {
  if (mayEnd) then(at);
  for (const [i, option] of options.entries()) {
    if ((left & (1 << i)) === 0) continue;
    walk(option, at, s, (next) => {
      if (next > at) walkSet(options, left & ~(1 << i), next, s, true, then);
    });
  }
}

function take(p: Extract<Pattern, { kind: "word" | "variable" }>, at: number, s: Walk, then: Then): void {
  const word = s.words[at];
  if (word === undefined) {
    s.next?.add(p.kind === "word" ? p.text : describe(p));
    return;
  }
  const line = p.kind === "variable" && p.type === "LINE";
  const fit = line ? { rank: RANKS.LINE, value: s.words.slice(at).join(" ") } : fitOf(p, word);
  if (fit === undefined) return;
  s.values.push([p.name, fit.value]);
  s.ranks.push(fit.rank);
  then(line ? s.words.length : at + 1);
  s.values.pop();
  s.ranks.pop();
}

const describe = (p: Extract<Pattern, { kind: "variable" }>): string =>
  p.type === "range" ? `(${p.min}-${p.max})` : p.type === "LINE" ? "LINE" : p.type;

function fitOf(p: Extract<Pattern, { kind: "word" | "variable" }>, word: string): Fit | undefined {
  if (p.kind === "word") {
    if (word === p.text) return { rank: RANK_EXACT, value: p.text };
    return p.text.startsWith(word) && word !== "" ? { rank: RANK_ABBREVIATED, value: p.text } : undefined;
  }
  return fits(p, word) ? { rank: RANKS[p.type], value: word } : undefined;
}

function fits(p: Extract<Pattern, { kind: "variable" }>, word: string): boolean {
  switch (p.type) {
    case "range":
      return /^[+-]?\d{1,20}$/.test(word) && Number(word) >= p.min && Number(word) <= p.max;
    case "A.B.C.D":
      return parseIp(word) !== undefined;
    case "A.B.C.D/M": {
      const [address = "", length = ""] = word.split("/");
      return parseIp(address) !== undefined && /^\d{1,2}$/.test(length) && Number(length) <= 32;
    }
    case "MAC":
      return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(word);
    case "WORD":
    case "LINE":
      return true;
    case "ASNUM":
      return parseAs(word) !== undefined;
  }
}

/** An AS number, plain or with a dot (RFC 5396); undefined: it is none. */
export function parseAs(word: string): number | undefined {
  const m = /^(?:(\d{1,5})\.)?(\d{1,10})$/.exec(word);
  if (m === null) return undefined;
  const [high, low] = [Number(m[1] ?? 0), Number(m[2])];
  const as = high * 0x10000 + low;
  if (as === 0 || as > 0xffffffff || (m[1] !== undefined && (high > 0xffff || low > 0xffff))) return undefined;
  return as;
}

const readIp = (text: string): Ipv4 => parseIp(text) ?? 0;

function readPrefix(text: string): Prefix {
  const [address = "", length = ""] = text.split("/");
  return { address: readIp(address), length: Number(length) };
}
