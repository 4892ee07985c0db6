import type { Ipv4 } from "../../core/addr.ts";
import { maskOf, parseIp } from "../../core/addr.ts";
import {
  IPS_ASSURED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from "../../nodes/kernel/netfilter/conntrack/flow.ts";
import { TCP_STATE_NAMES } from "../../nodes/kernel/netfilter/conntrack/tcp-states.ts";
import type { Output } from "./format.ts";
import { type ProtocolWords, protocolNamed, type TupleField } from "./protocols.ts";

/** What a line asks for, by the letter of its command; lower-case `e` behind it: of expectations. */
export type Command = "L" | "G" | "D" | "I" | "A" | "U" | "E" | "F" | "C" | "S" | "V" | "h";

/** An address, and the bits of it that count. */
export interface AddressWord {
  readonly address: Ipv4;
  readonly mask: Ipv4;
}
/** `-n`, `-g`, `-j`: an address and port to be translated to; either may be left out. */
export interface NatWord {
  readonly address?: Ipv4;
  readonly port?: number;
}

/** A command line that could be read. */
export interface Line {
  command: Command | undefined;
  table: "conntrack" | "expect" | "dying" | "unconfirmed";
  /** The options that were given, by their long names. */
  readonly given: Set<string>;
  src?: AddressWord;
  dst?: AddressWord;
  "reply-src"?: AddressWord;
  "reply-dst"?: AddressWord;
  protocol?: ProtocolWords;
  readonly fields: Partial<Record<TupleField, number>>;
  timeoutS?: number;
  /** Bits of `-u`; 0 when only names were given that stand for none. */
  status?: number;
  mark?: { readonly value: number; readonly mask: number };
  ipv6: boolean;
  /** Whether anything said that the addresses are of IPv4. */
  familyKnown: boolean;
  "src-nat"?: NatWord;
  "dst-nat"?: NatWord;
  "any-nat"?: NatWord;
  events: ReadonlySet<string>;
  output: Output;
  /** What is printed on the way. */
  warnings: string;
}

/** Why a line cannot be read: what the program says behind its name. */
export class Complaint {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const LONG: Readonly<Record<string, string>> = {
  dump: "L",
  create: "I",
  add: "A",
  delete: "D",
  update: "U",
  get: "G",
  flush: "F",
  event: "E",
  counter: "C",
  stats: "S",
  version: "V",
  help: "h",
  "orig-src": "s",
  src: "s",
  "orig-dst": "d",
  dst: "d",
  "reply-src": "r",
  "reply-dst": "q",
  protonum: "p",
  timeout: "t",
  status: "u",
  zero: "z",
  "event-mask": "e",
  mark: "m",
  family: "f",
  "src-nat": "n",
  "dst-nat": "g",
  output: "o",
  "any-nat": "j",
};
/** Options that the real program has and this one has not. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  R: "load-file",
  a: "nat-range",
  b: "buffer-size",
  c: "secmark",
  i: "id",
  l: "label",
  w: "zone",
  "load-file": "load-file",
  "tuple-src": "tuple-src",
  "tuple-dst": "tuple-dst",
  "mask-src": "mask-src",
  "mask-dst": "mask-dst",
  "nat-range": "nat-range",
  "buffer-size": "buffer-size",
  secmark: "secmark",
  id: "id",
  label: "label",
  "label-add": "label-add",
  "label-del": "label-del",
  zone: "zone",
  "orig-zone": "orig-zone",
  "reply-zone": "reply-zone",
};
const COMMANDS = "LGDIAUEFCSVh";
/** Of the letters: those with a value, and those whose value may be left out. */
const VALUED = "sdrqptuemfo";
const OPTIONAL = "ngj";
const NAMES: Readonly<Record<string, string>> = {
  s: "src",
  d: "dst",
  r: "reply-src",
  q: "reply-dst",
  p: "protonum",
  t: "timeout",
  u: "status",
  z: "zero",
  e: "event-mask",
  m: "mark",
  f: "family",
  n: "src-nat",
  g: "dst-nat",
  o: "output",
  j: "any-nat",
};

/** Reads a command line. Throws nothing: what cannot be read is a `Complaint`. */
export function readLine(args: readonly string[]): Line | Complaint {
  return new Reader(args).read();
}

class Reader {
  readonly #args: readonly string[];
  #at = 0;
  readonly #line: Line = {
    command: undefined,
    table: "conntrack",
    given: new Set(),
    fields: {},
    ipv6: false,
    familyKnown: false,
    events: new Set(),
    output: { extended: false, timestamp: false, ktimestamp: false, id: false },
    warnings: "",
  };

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  read(): Line | Complaint {
    while (this.#at < this.#args.length) {
      const word = this.#args[this.#at++] as string;
      if (word === "--") break;
      if (!word.startsWith("-") || word === "-") continue; // getopt_long passes over it, and so does the program
      const why = word.startsWith("--") ? this.#long(word) : this.#short(word);
      if (why !== undefined) return why;
    }
    return this.#line;
  }

  #short(word: string): Complaint | undefined {
    for (let i = 1; i < word.length; i++) {
      const key = word[i] as string;
      if (NOT_BUILT[key] !== undefined) return notBuilt(NOT_BUILT[key]);
      const tail = word.slice(i + 1);
      if (VALUED.includes(key)) {
        const value = tail !== "" ? tail : this.#args[this.#at++];
        if (value === undefined) return new Complaint(`option \`${word}' requires an argument`);
        return this.#option(key, value);
      }
      if (!COMMANDS.includes(key) && !OPTIONAL.includes(key) && key !== "z") return unknown(word);
      const why = this.#option(key, tail === "" || key === "z" || "ShV".includes(key) ? undefined : tail);
      if (why !== undefined || (tail !== "" && key !== "z" && !"ShV".includes(key))) return why;
    }
    return undefined;
  }

  #long(word: string): Complaint | undefined {
    const equals = word.indexOf("=");
    const typed = word.slice(2, equals < 0 ? undefined : equals);
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    const own = this.#line.protocol?.options ?? {};
    const names = [...Object.keys(LONG), ...Object.keys(NOT_BUILT).filter((n) => n.length > 1), ...Object.keys(own)];
    const fits = names.filter((n) => n.startsWith(typed));
    const name = names.includes(typed) ? typed : fits.length === 1 ? (fits[0] as string) : undefined;
    if (name === undefined) return unknown(word);
    if (NOT_BUILT[name] !== undefined) return notBuilt(name);
    const key = LONG[name];
    if (key === undefined || VALUED.includes(key)) {
      value ??= this.#args[this.#at++];
      if (value === undefined) return new Complaint(`option \`${word}' requires an argument`);
    }
    return key === undefined ? this.#field(own[name] as TupleField, value as string) : this.#option(key, value);
  }

  /** A value that may stand in the next word. */
  #next(value: string | undefined): string | undefined {
    if (value !== undefined) return value;
    const next = this.#args[this.#at];
    if (next === undefined || next.startsWith("-") || next.startsWith("!")) return undefined;
    this.#at++;
    return next;
  }

  #option(key: string, value: string | undefined): Complaint | undefined {
    if (COMMANDS.includes(key)) return this.#command(key as Command, value);
    const l = this.#line;
    l.given.add(NAMES[key] as string);
    switch (key) {
      case "s":
      case "d":
      case "r":
      case "q":
        return this.#address(NAMES[key] as "src", value as string);
      case "p":
        l.protocol = protocolNamed(value as string);
        return l.protocol === undefined ? new Complaint(`\`${value}' unsupported protocol`) : undefined;
      case "t":
        l.timeoutS = atoi(value as string) >>> 0;
        return undefined;
      case "u":
        return this.#status(value as string);
      case "e":
        return this.#events(value as string);
      case "m":
        l.mark = markOf(value as string);
        return undefined;
      case "f":
        return this.#family(value as string);
      case "n":
      case "g":
      case "j":
        return this.#nat(NAMES[key] as "src-nat", this.#next(value));
      case "o":
        return this.#output(value as string);
      default:
        return undefined;
    }
  }

  #command(command: Command, value: string | undefined): Complaint | undefined {
    const l = this.#line;
    if (l.command !== undefined) return new Complaint("Invalid commands combination");
    l.command = command;
    // A table in the same word is not looked at (src/conntrack.c:get_optional_arg).
    const table = value !== undefined || command === "V" || command === "h" ? undefined : this.#next(undefined);
    if (table === undefined) return undefined;
    const found = (["expect", "conntrack", "dying", "unconfirmed"] as const).find((name) => name.startsWith(table));
    if (found === undefined) return new Complaint(`unknown type \`${table}'`);
    l.table = found;
    if (found === "expect" && command === "U") return new Complaint("Can't do --update on expectations");
    if (found === "expect" && command === "A") return new Complaint("Can't do --add on expectations");
    return undefined;
  }

  #address(name: "src" | "dst" | "reply-src" | "reply-dst", value: string): Complaint | undefined {
    const [text = "", length] = value.split("/", 2);
    if (text.includes(":")) return this.#family("ipv6");
    const address = parseIp(text);
    if (address === undefined) return new Complaint(`Invalid IP address \`${text}'`);
    if (length !== undefined && !(/^\d+$/.test(length) && Number(length) <= 32))
      return new Complaint("Invalid netmask");
    this.#line[name] = { address, mask: length === undefined ? 0xffffffff : maskOf(Number(length)) };
    return this.#family("ipv4");
  }

  #family(value: string): Complaint | undefined {
    const l = this.#line;
    if (value !== "ipv4" && value !== "ipv6") return new Complaint(`\`${value}' unsupported protocol`);
    if (l.familyKnown && l.ipv6 !== (value === "ipv6")) return new Complaint("mismatched address family");
    l.familyKnown = true;
    l.ipv6 = value === "ipv6";
    return undefined;
  }

  #status(value: string): Complaint | undefined {
    let status = 0;
    for (const word of value.split(",")) {
      const name = word.toUpperCase();
      if (name !== "" && ("SRC_NAT".startsWith(name) || "DST_NAT".startsWith(name))) {
        const which = "SRC_NAT".startsWith(name) ? "SRC" : "DST";
        this.#line.warnings += `WARNING: ignoring ${which}_NAT, use --${which.toLowerCase()}-nat instead\n`;
        continue;
      }
      const bit = STATUS.find(([known]) => name !== "" && known.startsWith(name));
      if (bit === undefined) return bad(value, word);
      status |= bit[1];
    }
    this.#line.status = status;
    return undefined;
  }

  #events(value: string): Complaint | undefined {
    const events = new Set<string>();
    for (const word of value.split(",")) {
      const name = word.toUpperCase();
      const found = ["ALL", "NEW", "UPDATES", "DESTROY"].find((known) => name !== "" && known.startsWith(name));
      if (found === undefined) return bad(value, word);
      for (const event of found === "ALL" ? ["NEW", "UPDATES", "DESTROY"] : [found]) events.add(event);
    }
    this.#line.events = events;
    return undefined;
  }

  #output(value: string): Complaint | undefined {
    let output = this.#line.output;
    for (const word of value.split(",")) {
      const name = word.toLowerCase();
      const found = ["xml", "extended", "timestamp", "id", "ktimestamp", "labels", "userspace", "save"].find(
        (known) => name !== "" && known.startsWith(name),
      );
      if (found === undefined) return bad(value, word);
      if (!(found in output)) return notBuilt(`output ${found}`);
      output = { ...output, [found]: true };
    }
    this.#line.output = output;
    return undefined;
  }

  #nat(name: "src-nat" | "dst-nat" | "any-nat", value: string | undefined): Complaint | undefined {
    if (value === undefined) {
      this.#line[name] = {};
      return undefined;
    }
    if (value.includes("/")) return new Complaint(`CIDR notation unavailable for \`--${name}'`);
    const colon = value.indexOf(":");
    const text = colon < 0 ? value : value.slice(0, colon);
    const port = colon < 0 ? undefined : value.slice(colon + 1);
    if (port === "") return new Complaint("No port specified after `:'");
    if (port?.includes(":")) return new Complaint(`Invalid IP address \`${value}'`);
    const address = text === "" ? undefined : parseIp(text);
    if (address === undefined && text !== "") return new Complaint(`Invalid IP address \`${text}'`);
    this.#line[name] = {
      ...(address !== undefined && { address }),
      ...(port !== undefined && { port: atoi(port) & 0xffff }),
    };
    return address === undefined ? undefined : this.#family("ipv4");
  }

  #field(field: TupleField, value: string): Complaint | undefined {
    if (field !== "state") {
      this.#line.fields[field] = /KEY|key/.test(field) ? strtoul(value) : atoi(value) & 0xffff;
      return undefined;
    }
    const number = (TCP_STATE_NAMES as readonly string[]).indexOf(value);
    if (number < 0) return new Complaint(`unknown TCP state \`${value}'`);
    this.#line.fields.state = number;
    return undefined;
  }
}

const STATUS: readonly (readonly [string, number])[] = [
  ["ASSURED", IPS_ASSURED],
  ["SEEN_REPLY", IPS_SEEN_REPLY],
  ["UNSET", 0],
  ["FIXED_TIMEOUT", IPS_FIXED_TIMEOUT],
  ["EXPECTED", IPS_EXPECTED],
];

const unknown = (word: string): Complaint => new Complaint(`unknown option \`${word}'`);
const notBuilt = (what: string): Complaint => new Complaint(`option --${what} is not built`);
/** The rest of a list from a word on that is none of its kind. */
const bad = (list: string, word: string): Complaint =>
  new Complaint(`Bad parameter \`${list.slice(list.indexOf(word))}'`);

/** C's `atoi` and `strtoul(…, 0)`: what is no number is 0. */
const atoi = (text: string): number => Number.parseInt(text, 10) || 0;
function strtoul(text: string): number {
  if (/^0x/i.test(text)) return Number.parseInt(text, 16) || 0;
  return Number.parseInt(text, /^0\d/.test(text) ? 8 : 10) || 0;
}
function markOf(text: string): { readonly value: number; readonly mask: number } {
  const [value = "", mask] = text.split("/", 2);
  return { value: strtoul(value) >>> 0, mask: mask === undefined ? 0xffffffff : strtoul(mask) >>> 0 };
}
