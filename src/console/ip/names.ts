import type { RouteType } from "../../nodes/kernel/fib/route.ts";
import { abbreviates } from "./args.ts";
import { notBuilt } from "./exit.ts";
import { parseHex, parseUnsigned } from "./values.ts";

/** /etc/iproute2/rt_dsfield as Debian ships it. */
const DSFIELDS: ReadonlyMap<number, string> = new Map([
  [0, "default"],
  [0x28, "AF11"],
  [0x30, "AF12"],
  [0x38, "AF13"],
  [0x48, "AF21"],
  [0x50, "AF22"],
  [0x58, "AF23"],
  [0x68, "AF31"],
  [0x70, "AF32"],
  [0x78, "AF33"],
  [0x88, "AF41"],
  [0x90, "AF42"],
  [0x98, "AF43"],
  [0x20, "CS1"],
  [0x40, "CS2"],
  [0x60, "CS3"],
  [0x80, "CS4"],
  [0xa0, "CS5"],
  [0xc0, "CS6"],
  [0xe0, "CS7"],
  [0xb8, "EF"],
]);

/** A DS field by name, or by its hexadecimal number. */
export function dsfieldNumber(text: string): number | undefined {
  for (const [number, name] of DSFIELDS) if (name === text) return number;
  return parseHex(text, 0xff);
}
export const dsfieldName = (value: number): string => DSFIELDS.get(value) ?? `0x${value.toString(16).padStart(2, "0")}`;

/** Types of routes in the order in which their abbreviations are tried (ip/rtm_map.c:rtnl_rtntype_a2n). */
const TYPES: readonly RouteType[] = [
  "broadcast",
  "anycast",
  "multicast",
  "prohibit",
  "unreachable",
  "blackhole",
  "unicast",
];

/** RTN_UNICAST and so on. */
const NUMBERED: readonly (RouteType | undefined)[] = [
  undefined,
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
];

/** A type of route, by name or number; `local` and `throw` must be whole, others may be abbreviated. */
export function routeType(text: string): RouteType | undefined {
  if (text === "local" || text === "throw") return text;
  if (text === "brd") return "broadcast";
  const number = parseUnsigned(text, 255);
  const numbered = number === undefined ? undefined : NUMBERED[number];
  if (numbered !== undefined) return numbered;
  if (number !== undefined || text === "nat" || text === "xresolve") throw notBuilt(`route type "${text}"`);
  return TYPES.find((type) => abbreviates(text, type));
}
