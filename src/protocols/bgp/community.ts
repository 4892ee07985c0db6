import { bandwidthOf, bandwidthText } from "./link-bandwidth.ts";

/** Communities as text and as octets (RFC 1997, 4360, 8092). */

export const NO_EXPORT = 0xffffff01;
export const NO_ADVERTISE = 0xffffff02;
export const LOCAL_AS = 0xffffff03;
export const GRACEFUL_SHUTDOWN = 0xffff0000;
/** RFC 9494 §4.6. */
export const LLGR_STALE = 0xffff0006;
export const NO_LLGR = 0xffff0007;
/** RFC 7999. */
const BLACKHOLE = 0xffff029a;

/** FRR's names (bgpd/bgp_community.c:set_community_string). */
const NAMES: ReadonlyMap<number, string> = new Map([
  [GRACEFUL_SHUTDOWN, "graceful-shutdown"],
  [0xffff0001, "accept-own"],
  [0xffff0002, "route-filter-translated-v4"],
  [0xffff0003, "route-filter-v4"],
  [0xffff0004, "route-filter-translated-v6"],
  [0xffff0005, "route-filter-v6"],
  [LLGR_STALE, "llgr-stale"],
  [NO_LLGR, "no-llgr"],
  [0xffff0008, "accept-own-nexthop"],
  [BLACKHOLE, "blackhole"],
  [NO_EXPORT, "no-export"],
  [NO_ADVERTISE, "no-advertise"],
  [LOCAL_AS, "local-AS"],
  [0xffffff04, "no-peer"],
]);
const VALUES: ReadonlyMap<string, number> = new Map([
  ...[...NAMES].map(([value, name]) => [name, value] as const),
  ["internet", 0],
]);

/** The names that FRR gives them in lists of JSON. */
const JSON_NAMES: ReadonlyMap<number, string> = new Map([
  [GRACEFUL_SHUTDOWN, "gracefulShutdown"],
  [0xffff0001, "acceptOwn"],
  [0xffff0002, "routeFilterTranslatedV4"],
  [0xffff0003, "routeFilterV4"],
  [0xffff0004, "routeFilterTranslatedV6"],
  [0xffff0005, "routeFilterV6"],
  [LLGR_STALE, "llgrStale"],
  [NO_LLGR, "noLlgr"],
  [0xffff0008, "acceptOwnNexthop"],
  [NO_EXPORT, "noExport"],
  [NO_ADVERTISE, "noAdvertise"],
  [LOCAL_AS, "localAs"],
  [0xffffff04, "noPeer"],
]);
export const communityJson = (c: number): string => JSON_NAMES.get(c) ?? communityText(c);
export const communityText = (c: number): string => NAMES.get(c) ?? `${c >>> 16}:${c & 0xffff}`;
export const communitiesText = (list: readonly number[]): string => list.map(communityText).join(" ");

/** `65001:5`, a name, or a number; undefined: none of them. */
export function parseCommunity(text: string): number | undefined {
  const named = VALUES.get(text);
  if (named !== undefined) return named;
  const m = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  if (m !== null) {
    const [high, low] = [Number(m[1]), Number(m[2])];
    return high > 0xffff || low > 0xffff ? undefined : high * 0x10000 + low;
  }
  return /^\d{1,10}$/.test(text) && Number(text) <= 0xffffffff ? Number(text) : undefined;
}

/** Sorted, without repetition: as they are sent (bgpd/bgp_community.c:community_uniq_sort). */
export const sortedCommunities = (list: readonly number[]): readonly number[] =>
  [...new Set(list)].sort((a, b) => a - b);

/** Large communities are kept as 24 hexadecimal digits, extended ones as 16: strings sort as the octets do. */
export const sortedHex = (list: readonly string[]): readonly string[] => [...new Set(list)].sort();

const digits = (n: number, count: number): string => n.toString(16).padStart(count, "0");
const field = (hex: string, from: number, to: number): number => Number.parseInt(hex.slice(from, to), 16);

export const largeText = (hex: string): string => `${field(hex, 0, 8)}:${field(hex, 8, 16)}:${field(hex, 16, 24)}`;
export const largesText = (list: readonly string[]): string => list.map(largeText).join(" ");
/** `1:2:3`; undefined: it is none. */
export function parseLarge(text: string): string | undefined {
  const m = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text);
  if (m === null) return undefined;
  const parts = [Number(m[1]), Number(m[2]), Number(m[3])];
  return parts.some((p) => p > 0xffffffff) ? undefined : parts.map((p) => digits(p, 8)).join("");
}

const ROUTE_TARGET = 2;
const SITE_OF_ORIGIN = 3;
/** RFC 9012 §4.3. */
const OPAQUE = 3;
const COLOR = 11;

/** `01:100`: the two bits of what else may be done, and the colour (RFC 9830 §3); undefined: it is none. */
export function parseColor(text: string): string | undefined {
  const m = /^([01]{2}):(\d{1,10})$/.exec(text);
  if (m === null || Number(m[2]) > 0xffffffff) return undefined;
  return `030b${digits(Number.parseInt(m[1] as string, 2) << 6, 2)}00${digits(Number(m[2]), 8)}`;
}

/** `10.0.0.1:0`: the router that a route is for (draft-ietf-idr-node-target-ext-comm); undefined: it is none. */
export function parseNodeTarget(text: string): string | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):0$/.exec(text);
  const octets = m?.slice(1, 5).map(Number) ?? [];
  if (m === null || octets.some((x) => x > 255)) return undefined;
  return `0109${octets.map((x) => digits(x, 2)).join("")}0000`;
}
const isNodeTarget = (hex: string): boolean => hex.startsWith("0109") || hex.startsWith("4109");
/** Whether a route is for this router, as far as node targets say. */
export function isTargeted(extended: readonly string[], routerId: number): boolean {
  let targets = false;
  for (const hex of extended) {
    if (!isNodeTarget(hex)) continue;
    targets = true;
    if (field(hex, 4, 12) === routerId) return true;
  }
  return !targets;
}

/** `RT:65003:5`, `SoO:10.0.0.1:3`; others as FRR shows what it does not know: `UNK:3, 5`. */
export function extendedText(hex: string): string {
  const type = field(hex, 0, 2) & 0x3f;
  const subtype = field(hex, 2, 4);
  const bandwidth = bandwidthOf(hex);
  if (bandwidth !== undefined) return bandwidthText(hex, bandwidth);
  if (type === OPAQUE && subtype === COLOR)
    return `Color:${(field(hex, 4, 6) >>> 6).toString(2).padStart(2, "0")}:${field(hex, 8, 16)}`;
  if (isNodeTarget(hex)) return `NT:${[4, 6, 8, 10].map((at) => field(hex, at, at + 2)).join(".")}`;
  const name = subtype === ROUTE_TARGET ? "RT" : subtype === SITE_OF_ORIGIN ? "SoO" : undefined;
  if (name === undefined || type > 2) return `UNK:${field(hex, 0, 2)}, ${subtype}`;
  if (type === 0) return `${name}:${field(hex, 4, 8)}:${field(hex, 8, 16)}`;
  const low = field(hex, 12, 16);
  if (type === 2) return `${name}:${field(hex, 4, 12)}:${low}`;
  const octets = [4, 6, 8, 10].map((at) => field(hex, at, at + 2));
  return `${name}:${octets.join(".")}:${low}`;
}
export const extendedsText = (list: readonly string[]): string => list.map(extendedText).join(" ");
/** Whether it goes to other ASes (RFC 4360 §6: bit 6 of the type is clear). */
export const isTransitive = (hex: string): boolean => (field(hex, 0, 2) & 0x40) === 0;

/** `65003:5` or `10.0.0.1:5` as route target (`rt`) or site of origin (`soo`); undefined: it is none. */
export function parseExtended(kind: "rt" | "soo", text: string): string | undefined {
  const subtype = kind === "rt" ? "02" : "03";
  const ip = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})$/.exec(text);
  if (ip !== null) {
    const octets = ip.slice(1, 5).map(Number);
    if (octets.some((x) => x > 255) || Number(ip[5]) > 0xffff) return undefined;
    return `01${subtype}${octets.map((x) => digits(x, 2)).join("")}${digits(Number(ip[5]), 4)}`;
  }
  const m = /^(\d{1,10}):(\d{1,10})$/.exec(text);
  if (m === null) return undefined;
  const [as, value] = [Number(m[1]), Number(m[2])];
  if (as > 0xffffffff || value > 0xffffffff) return undefined;
  if (as <= 0xffff) return `00${subtype}${digits(as, 4)}${digits(value, 8)}`;
  return value > 0xffff ? undefined : `02${subtype}${digits(as, 8)}${digits(value, 4)}`;
}
