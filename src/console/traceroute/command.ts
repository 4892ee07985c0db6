import type { Ipv4 } from "../../core/addr.ts";
import { MS, type Nanos, S } from "../../core/time.ts";
import { parseDecimal, parseHost } from "../programs/options.ts";

/** A traceroute as it was typed. */
export interface TraceCommand {
  readonly destination: Ipv4;
  /** The destination as typed. */
  readonly target: string;
  readonly method: "default" | "udp" | "icmp";
  readonly firstHop: number;
  readonly maxHops: number;
  readonly perHop: number;
  /** Probes under way at once. */
  readonly together: number;
  readonly wait: Waits;
  /** Between two probes. */
  readonly sendWaitNs: Nanos;
  /** `-p`; 0 when not given. */
  readonly port: number;
  readonly sourcePort: number;
  readonly source: Ipv4;
  readonly ifname: string | undefined;
  readonly tos: number;
  readonly mark: number;
  readonly dontFragment: boolean;
  /** `--mtu`. */
  readonly discoverMtu: boolean;
  /** `--back`. */
  readonly back: boolean;
  readonly numeric: boolean;
  /** `-e`. */
  readonly extensions: boolean;
  /** Octets behind the IP header and, for UDP, the UDP header. */
  readonly dataBytes: number;
  readonly headerBytes: number;
}

/** How long an answer is waited for: at most `maxNs`, and so many times what a neighbouring probe took (0: not considered). */
export interface Waits {
  readonly maxNs: Nanos;
  readonly here: number;
  readonly near: number;
}

/** The command, or the line that refuses it. */
export type ParsedTrace =
  | { readonly ok: true; readonly value: TraceCommand }
  | { readonly ok: false; readonly why: string };

/** Long names of the options, and what each takes (none: nothing). */
const OPTIONS: readonly { readonly short: string; readonly long: string; readonly takes?: string }[] = [
  { short: "4", long: "" },
  { short: "F", long: "dont-fragment" },
  { short: "e", long: "extensions" },
  { short: "f", long: "first", takes: "first_ttl" },
  { short: "I", long: "icmp" },
  { short: "U", long: "udp" },
  { short: "i", long: "interface", takes: "device" },
  { short: "m", long: "max-hops", takes: "max_ttl" },
  { short: "N", long: "sim-queries", takes: "squeries" },
  { short: "n", long: "" },
  { short: "p", long: "port", takes: "port" },
  { short: "t", long: "tos", takes: "tos" },
  { short: "w", long: "wait", takes: "MAX,HERE,NEAR" },
  { short: "q", long: "queries", takes: "nqueries" },
  { short: "s", long: "source", takes: "src_addr" },
  { short: "z", long: "sendwait", takes: "sendwait" },
  { short: "", long: "mtu" },
  { short: "", long: "back" },
  { short: "", long: "sport", takes: "num" },
  { short: "", long: "fwmark", takes: "num" },
];
/** Options of the real program that are refused by name. */
const UNBUILT_SHORT = "6dgTlrAMODPV";
const UNBUILT_LONG = "debug gateway tcp flowlabel as-path-lookups module options UL dccp protocol version help".split(
  " ",
);

const DATA_BYTES = 40;
const IP_HEADER = 20;
const UDP_HEADER = 8;
const PACKET_MAX = 65_000;
const MAX_HOPS = 255;
const MAX_PER_HOP = 10;

/** Reads traceroute's arguments; complaints are worded as `libsupp/clif.c` words them. */
export function parseTrace(args: readonly string[]): ParsedTrace {
  const given = new Map<string, string>();
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const taken = word.startsWith("--") ? takeLong(word, args, i, given) : takeShort(word, args, i, given);
    if (typeof taken === "string") return { ok: false, why: taken };
    i += taken;
  }
  const why = checkNumbers(given);
  return why === undefined ? complete(given, words) : { ok: false, why };
}

/** Takes `--name`, `--name=value` or `--name value` in; the result is how many more words it used, or why not. */
function takeLong(word: string, args: readonly string[], i: number, given: Map<string, string>): number | string {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  if (UNBUILT_LONG.includes(name)) return `traceroute: option --${name} is not built`;
  const option = OPTIONS.find((o) => o.long === name && name !== "");
  if (option === undefined) return `Bad option \`${word}' (argc ${i + 1})`;
  const key = option.short || option.long;
  if (option.takes === undefined || equals >= 0) {
    given.set(key, equals < 0 ? "" : word.slice(equals + 1));
    return 0;
  }
  const value = args[i + 1];
  if (value === undefined)
    return `Option \`--${name}' (argc ${i + 1}) requires an argument: \`--${name}=${option.takes}'`;
  given.set(key, value);
  return 1;
}

/** Takes `-n`, `-nI`, `-q2` or `-q 2` in. */
function takeShort(word: string, args: readonly string[], i: number, given: Map<string, string>): number | string {
  for (let j = 1; j < word.length; j++) {
    const letter = word[j] as string;
    if (UNBUILT_SHORT.includes(letter)) return `traceroute: option -${letter} is not built`;
    const option = OPTIONS.find((o) => o.short === letter);
    if (option === undefined) return `Bad option \`-${letter}' (argc ${i + 1})`;
    if (option.takes === undefined) {
      given.set(letter, "");
      continue;
    }
    const joined = word.slice(j + 1);
    const value = joined === "" ? args[i + 1] : joined;
    if (value === undefined)
      return `Option \`-${letter}' (argc ${i + 1}) requires an argument: \`-${letter} ${option.takes}'`;
    given.set(letter, value);
    return joined === "" ? 1 : 0;
  }
  return 0;
}

/** The complaint about the first number that is none. */
function checkNumbers(given: Map<string, string>): string | undefined {
  for (const letter of ["f", "m", "N", "p", "t", "q", "sport", "fwmark"]) {
    const text = given.get(letter);
    if (text !== undefined && integer(text) === undefined) return cannotHandle(letter, text);
  }
  for (const letter of ["w", "z"]) {
    const text = given.get(letter);
    const parts = text?.split(",") ?? [];
    const most = letter === "w" ? 3 : 1;
    if (parts.length > most || parts.some((part) => parseDecimal(part) === undefined))
      return cannotHandle(letter, text as string);
  }
  const source = given.get("s");
  return source !== undefined && parseHost(source) === undefined ? cannotHandle("s", source) : undefined;
}

const cannotHandle = (option: string, text: string): string =>
  `Cannot handle \`${option.length > 1 ? "--" : "-"}${option}' option with arg \`${text}'`;

/** A number as `strtoul(…, 0)` reads it. */
const integer = (text: string): number | undefined => (/^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : undefined);

const no = (why: string): ParsedTrace => ({ ok: false, why });

function complete(given: ReadonlyMap<string, string>, words: readonly string[]): ParsedTrace {
  const number = (key: string, otherwise: number): number => integer(given.get(key) ?? "") ?? otherwise;
  const [target, length, extra] = words;
  if (target === undefined) return no('Specify "host" missing argument.');
  if (extra !== undefined) return no(`Extra arg \`${extra}' (position 3, argc ${words.length})`);
  const destination = parseHost(target);
  if (destination === undefined) return no(`${target}: Name or service not known`);
  const packet = length === undefined ? undefined : integer(length);
  if (length !== undefined && packet === undefined)
    return no(`Cannot handle "packetlen" cmdline arg \`${length}' on position 2`);

  const [firstHop, maxHops, perHop] = [number("f", 1), number("m", 30), number("q", 3)];
  if (firstHop === 0 || firstHop > maxHops) return no("first hop out of range");
  if (maxHops > MAX_HOPS) return no(`max hops cannot be more than ${MAX_HOPS}`);
  if (perHop === 0 || perHop > MAX_PER_HOP) return no(`no more than ${MAX_PER_HOP} probes per hop`);
  if (packet !== undefined && packet > PACKET_MAX) return no(`too big packetlen ${packet} specified`);

  const discoverMtu = given.has("mtu");
  const sourcePort = number("sport", 0) & 0xffff;
  const method = given.has("I") ? "icmp" : given.has("U") ? "udp" : "default";
  const headerBytes = IP_HEADER + (method === "icmp" ? 0 : UDP_HEADER);
  const bytes = packet ?? (discoverMtu ? PACKET_MAX : IP_HEADER + DATA_BYTES);
  const together = discoverMtu || sourcePort !== 0 ? 1 : Math.max(1, number("N", 16));
  return {
    ok: true,
    value: {
      destination,
      target,
      method,
      firstHop,
      maxHops,
      perHop,
      together,
      wait: waits(given.get("w"), sourcePort !== 0),
      sendWaitNs: sendWait(given.get("z")),
      port: number("p", 0),
      sourcePort,
      source: parseHost(given.get("s") ?? "0.0.0.0") ?? 0,
      ifname: given.get("i"),
      tos: number("t", 0) & 0xff,
      mark: number("fwmark", 0),
      dontFragment: given.has("F") || discoverMtu,
      discoverMtu,
      back: given.has("back"),
      numeric: given.has("n"),
      extensions: given.has("e"),
      headerBytes,
      dataBytes: Math.max(bytes - headerBytes, method === "icmp" ? 8 : 0),
    },
  };
}

/** `-w MAX,HERE,NEAR`: given alone, MAX stands alone; one probe at a time waits for MAX only. */
function waits(text: string | undefined, alone: boolean): Waits {
  const [max = 5, here = text === undefined && !alone ? 3 : 0, near = text === undefined && !alone ? 10 : 0] = (
    text === undefined ? [] : text.split(",")
  ).map(Number);
  return { maxNs: Math.round(max * S), here: alone ? 0 : here, near: alone ? 0 : near };
}

/** `-z`: seconds below 10, milliseconds from there. */
function sendWait(text: string | undefined): Nanos {
  const value = Number(text ?? 0);
  return Math.round(value >= 10 ? value * MS : value * S);
}
