import { parsePrefix } from "../../core/addr.ts";
import type { SocketRow } from "./sockets.ts";

/** States under the names that ss takes, with those that they stand for. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  established: ["ESTAB"],
  "syn-sent": ["SYN-SENT"],
  "syn-recv": ["SYN-RECV"],
  "fin-wait-1": ["FIN-WAIT-1"],
  "fin-wait-2": ["FIN-WAIT-2"],
  "time-wait": ["TIME-WAIT"],
  unconnected: ["UNCONN"],
  closed: ["UNCONN"],
  "close-wait": ["CLOSE-WAIT"],
  "last-ack": ["LAST-ACK"],
  listening: ["LISTEN"],
  listen: ["LISTEN"],
  closing: ["CLOSING"],
};
export const ALL_STATES: readonly string[] = [...new Set(Object.values(STATES).flat())];
const without = (...names: string[]): string[] => ALL_STATES.filter((s) => !names.includes(s));

/** The states of a name, groups of states included; undefined: nobody knows it. */
export function statesNamed(name: string): readonly string[] | undefined {
  if (name === "all") return ALL_STATES;
  if (name === "connected") return without("LISTEN", "UNCONN");
  if (name === "synchronized") return without("LISTEN", "UNCONN", "SYN-SENT");
  if (name === "bucket") return ["SYN-RECV", "TIME-WAIT"];
  if (name === "big") return without("SYN-RECV", "TIME-WAIT");
  return STATES[name.toLowerCase()];
}

export type Filter = (row: SocketRow) => boolean;
export type ParsedFilter = { readonly ok: true; readonly value: Filter } | { readonly ok: false };

/** `dst 10.0.0.0/8 and sport = :80`: the expressions of ss, by recursive descent (`ssfilter.y`). */
export function parseFilter(words: readonly string[]): ParsedFilter {
  const tokens = words.flatMap((w) => w.match(/[()!]|[^()!\s]+/g) ?? []);
  if (tokens.length === 0) return { ok: true, value: () => true };
  const parser = new Parser(tokens);
  const filter = parser.either();
  return filter !== undefined && parser.done ? { ok: true, value: filter } : { ok: false };
}

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "=": (a, b) => a === b,
  "==": (a, b) => a === b,
  eq: (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ne: (a, b) => a !== b,
  neq: (a, b) => a !== b,
  ">": (a, b) => a > b,
  gt: (a, b) => a > b,
  "<": (a, b) => a < b,
  lt: (a, b) => a < b,
  ">=": (a, b) => a >= b,
  ge: (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  le: (a, b) => a <= b,
};
/** Parentheses inside parentheses, at most. */
const NESTING_MAX = 32;

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }
  get done(): boolean {
    return this.#at === this.#tokens.length;
  }

  either(): Filter | undefined {
    let left = this.#both();
    while (left !== undefined && this.#take("or", "||", "|")) {
      const [a, b] = [left, this.#both()];
      left = b === undefined ? undefined : (row) => a(row) || b(row);
    }
    return left;
  }
  #both(): Filter | undefined {
    let left = this.#one();
    while (left !== undefined && !this.done && !/^(or|\|\|?|\))$/.test(this.#peek)) {
      this.#take("and", "&&", "&"); // may be left out
      const [a, b] = [left, this.#one()];
      left = b === undefined ? undefined : (row) => a(row) && b(row);
    }
    return left;
  }

  #one(): Filter | undefined {
    if (this.#take("not", "!")) {
      const inner = this.#one();
      return inner && ((row) => !inner(row));
    }
    if (this.#take("(")) {
      if (++this.#depth > NESTING_MAX) return undefined;
      const inner = this.either();
      return this.#take(")") ? inner : undefined;
    }
    const key = this.#next();
    if (key === "sport" || key === "dport") {
      const compare = COMPARE[this.#peek] === undefined ? COMPARE["="] : COMPARE[this.#next()];
      const port = Number(/^:?(\d{1,5})$/.exec(this.#next())?.[1] ?? Number.NaN);
      if (Number.isNaN(port) || compare === undefined) return undefined;
      return (row) => compare(key === "sport" ? row.localPort : row.remotePort, port);
    }
    if (key !== "src" && key !== "dst") return undefined;
    this.#take("=", "==");
    return endpoint(key, this.#next());
  }

  get #peek(): string {
    return this.#tokens[this.#at] ?? "";
  }
  #next(): string {
    return this.#tokens[this.#at++] ?? "";
  }
  #take(...words: string[]): boolean {
    if (!words.includes(this.#peek)) return false;
    this.#at++;
    return true;
  }
}

/** `10.0.0.0/8`, `10.0.0.1:80`, `:80`. */
function endpoint(side: "src" | "dst", text: string): Filter | undefined {
  const m = /^([\d./*]*)(?::(\d{1,5}|\*))?$/.exec(text);
  if (m === null || text === "") return undefined;
  const any = m[1] === "" || m[1] === "*";
  const prefix = any ? { address: 0, length: 0 } : parsePrefix(m[1] as string);
  if (prefix === undefined) return undefined;
  const port = m[2] === undefined || m[2] === "*" ? undefined : Number(m[2]);
  const size = 2 ** (32 - prefix.length);
  return (row) => {
    const [address, own] = side === "src" ? [row.localAddress, row.localPort] : [row.remoteAddress, row.remotePort];
    if (port !== undefined && own !== port) return false;
    return Math.floor(address / size) === Math.floor(prefix.address / size);
  };
}
