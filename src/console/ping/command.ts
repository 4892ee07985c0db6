import { isMulticast, parseIp } from "../../core/addr.ts";
import type { PathMtuDiscovery } from "../../core/os.ts";
import { MS, S } from "../../core/time.ts";
import { getopt, LONG_MAX, notBuilt, parseDecimal, parseHost, parseInteger } from "../programs/options.ts";
import type { PingOptions } from "./api.ts";

/** A ping as it was typed. */
export interface PingCommand {
  readonly options: PingOptions;
  /** The destination as typed. */
  readonly target: string;
  readonly sizeBytes: number;
  readonly quiet: boolean;
  readonly flood: boolean;
  readonly audible: boolean;
  /** `-D`. */
  readonly stamps: boolean;
  /** `-O`. */
  readonly outstanding: boolean;
  /** `-p` in hexadecimal digits. */
  readonly pattern: string | undefined;
  /** To a group or to everybody: several answers are no duplicates. */
  readonly toMany: boolean;
}

/** The command, or the complaint without the program's name and the exit status. */
export type ParsedPing =
  | { readonly ok: true; readonly value: PingCommand }
  | { readonly ok: false; readonly why: string; readonly status: number };

/** Reads ping's arguments in the way of `ping.c:main`. */
export function parsePing(args: readonly string[]): ParsedPing {
  const line = getopt("ping", args, "h?4bRT:6F:N:aABc:CdDe:fi:I:l:Lm:M:nOp:qQ:rs:S:t:UvVw:W:");
  if (!line.ok) return no(line.message.slice("ping: ".length), 2);
  const draft: Draft = { flags: new Set(), text: new Map(), number: new Map() };
  for (const { flag, value } of line.options) {
    const wrong = take(draft, flag, value);
    if (wrong !== undefined) return wrong;
  }
  const target = line.rest.at(-1);
  if (target === undefined) return no("usage error: Destination address required", 1);
  if (line.rest.length > 1) return no("source routes (several destinations) are not built", 2);
  const to = parseHost(target);
  if (to === undefined) return no(`${target}: Name or service not known`, 2);
  return { ok: true, value: complete(draft, target, to) };
}

interface Draft {
  readonly flags: Set<string>;
  readonly text: Map<string, string>;
  /** Values of options that are numbers: nanoseconds for the times. */
  readonly number: Map<string, number>;
}

const no = (why: string, status: number): ParsedPing => ({ ok: false, why, status });

const INT_MAX = 0x7fff_ffff;
/** Integer options and their limits. */
const INTEGERS: Readonly<Record<string, readonly [number, number | typeof LONG_MAX]>> = {
  c: [1, LONG_MAX],
  e: [0, 0xffff],
  l: [1, 0x10000],
  m: [0, 0xffff_ffff],
  s: [0, INT_MAX],
  t: [0, 255],
  w: [0, INT_MAX],
};

/** Takes one option in. The result is why not. */
function take(draft: Draft, flag: string, value: string): ParsedPing | undefined {
  const limits = INTEGERS[flag];
  if (limits !== undefined) {
    const parsed = parseInteger(value, ...limits);
    if (!parsed.ok) return no(parsed.why, 1);
    draft.number.set(flag, parsed.value);
    return undefined;
  }
  switch (flag) {
    case "i":
    case "W":
      return takeTime(draft, flag, value);
    case "I":
      draft.text.set(parseIp(value) === undefined ? "ifname" : "source", value);
      return undefined;
    case "M":
      if (!["do", "dont", "want", "probe"].includes(value)) return no(`invalid -M argument: ${value}`, 2);
      draft.text.set("M", value);
      return undefined;
    case "p":
      if (!/^[0-9a-f]*$/i.test(value)) return no(`patterns must be specified as hex digits: ${value}`, 2);
      draft.text.set("p", value);
      return undefined;
    case "Q":
      return takeTos(draft, value);
    case "6":
    case "F":
    case "N":
      return no(`option -${flag}: IPv6 is not built`, 2);
    case "h":
    case "?":
      return no(USAGE, 2);
    default:
      if (!"4bRaABDfnOq".includes(flag)) return no(notBuilt("ping", `-${flag}`).slice("ping: ".length), 2);
      draft.flags.add(flag);
      return undefined;
  }
}

const USAGE =
  "usage: ping [-4aAbBDfnOqR] [-c count] [-e id] [-i s] [-I from] [-l preload] [-m mark] [-M do|want|dont|probe] [-p hex] [-Q tos] [-s bytes] [-t ttl] [-w s] [-W s] destination";

/** Seconds, cut to whole milliseconds as iputils does. */
function takeTime(draft: Draft, flag: string, value: string): ParsedPing | undefined {
  const seconds = parseDecimal(value);
  if (seconds === undefined || seconds > INT_MAX / 1000)
    return no(`bad ${flag === "i" ? "timing interval" : "linger time"}: ${value}`, 2);
  draft.number.set(flag, Math.floor(seconds * 1000) * MS);
  return undefined;
}

function takeTos(draft: Draft, value: string): ParsedPing | undefined {
  const tos = /^0x[0-9a-f]+$/i.test(value) ? Number.parseInt(value, 16) : /^\d+$/.test(value) ? Number(value) : -1;
  if (tos < 0) return no(`bad TOS value: ${value}`, 2);
  if (tos > 255) return no(`the decimal value of TOS bits must be in range 0-255: ${tos}`, 2);
  draft.number.set("Q", tos);
  return undefined;
}

function complete({ flags, text, number }: Draft, target: string, to: number): PingCommand {
  const source = text.get("source");
  const digits = text.get("p");
  const flood = flags.has("f");
  const deadline = number.get("w") ?? 0;
  const intervalNs = number.get("i") ?? (flood ? 0 : S);
  const options: PingOptions = {
    to,
    intervalNs,
    ...optional("count", number.get("c")),
    ...optional("id", number.get("e")),
    ...optional("preload", number.get("l")),
    ...optional("mark", number.get("m")),
    ...optional("sizeBytes", number.get("s")),
    ...optional("ttl", number.get("t")),
    ...optional("tos", number.get("Q")),
    ...optional("timeoutNs", number.get("W")),
    ...optional("deadlineNs", deadline === 0 ? undefined : deadline * S),
    ...optional("ifname", text.get("ifname")),
    ...optional("source", source === undefined ? undefined : parseIp(source)),
    ...optional("pathMtuDiscovery", text.get("M") as PathMtuDiscovery | undefined),
    ...optional("pattern", digits === undefined ? undefined : patternOf(digits)),
    stickySource: flags.has("B"),
    adaptive: flags.has("A"),
    broadcast: flags.has("b"),
    recordRoute: flags.has("R"),
  };
  return {
    options,
    target,
    sizeBytes: options.sizeBytes ?? 56,
    quiet: flags.has("q"),
    flood,
    audible: flags.has("a"),
    stamps: flags.has("D"),
    outstanding: flags.has("O"),
    pattern: digits,
    toMany: flags.has("b") || isMulticast(to),
  };
}

/** A property that is only there when it has a value. */
const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: V });

/** Up to 16 octets; an odd last digit stands for an octet of its own, as `sscanf("%2x")` reads it. */
function patternOf(digits: string): Uint8Array {
  const pairs = digits.match(/..?/g) ?? [];
  return Uint8Array.from(pairs.slice(0, 16), (pair) => Number.parseInt(pair, 16));
}
