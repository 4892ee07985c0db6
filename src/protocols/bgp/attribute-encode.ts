import type { Ipv4 } from "../../core/addr.ts";
import { setU8, setU16, setU32 } from "../../core/bytes.ts";
import { encodePath, needsAs4, pathLength } from "./as-path-octets.ts";
import {
  AGGREGATOR,
  AIGP,
  AS_PATH,
  AS4_AGGREGATOR,
  AS4_PATH,
  ATOMIC_AGGREGATE,
  CLUSTER_LIST,
  COMMUNITIES,
  EXTENDED_COMMUNITIES,
  LARGE_COMMUNITIES,
  LOCAL_PREF,
  MED,
  NEXT_HOP,
  ORIGIN,
  ORIGINATOR_ID,
  OTC,
} from "./attribute-types.ts";
import type { Attributes } from "./attributes.ts";
import { AS_TRANS } from "./capability.ts";
import { encodeRaw } from "./wire.ts";

/** How the receiver reads attributes. */
export interface Receiver {
  readonly as4: boolean;
}

/** The most octets that `writeAttributes` takes for these attributes. */
export function attributesRoom(a: Attributes): number {
  let room = 100 + 2 * pathLength(a.asPath, true) + 4 * a.communities.length + 4 * a.clusterList.length;
  room += 8 * a.extended.length + 12 * a.large.length;
  for (const u of a.unknown) room += 4 + u.value.length;
  return room;
}

/** Where `writeAttributes` put the value of NEXT_HOP: it differs from neighbour to neighbour of one group. */
export interface Written {
  readonly end: number;
  readonly nextHopAt: number;
}

/** Writes the path attributes in FRR's order (bgpd/bgp_attr.c:bgp_packet_attribute), which is by number but for the next hop. */
export function writeAttributes(a: Attributes, nextHop: Ipv4, to: Receiver, b: Uint8Array, o: number): Written {
  let at = head(b, o, 0x40, ORIGIN, 1);
  setU8(b, at++, a.origin);
  at = wideHead(b, at, 0x50, AS_PATH, pathLength(a.asPath, to.as4));
  at = encodePath(a.asPath, to.as4, b, at);
  at = head(b, at, 0x40, NEXT_HOP, 4);
  const nextHopAt = at;
  setU32(b, at, nextHop);
  at += 4;
  if (a.med !== undefined) at = word(b, at, 0x80, MED, a.med);
  if (a.localPref !== undefined) at = word(b, at, 0x40, LOCAL_PREF, a.localPref);
  if (a.atomicAggregate) at = head(b, at, 0x40, ATOMIC_AGGREGATE, 0);
  at = writeAggregator(a, to.as4, b, at);
  at = wordList(b, at, 0xc0, COMMUNITIES, a.communities);
  if (a.originatorId !== undefined) at = word(b, at, 0x80, ORIGINATOR_ID, a.originatorId);
  at = wordList(b, at, 0x80, CLUSTER_LIST, a.clusterList);
  at = hexList(b, at, EXTENDED_COMMUNITIES, a.extended);
  if (!to.as4) at = writeAs4(a, b, at);
  if (a.aigp !== undefined) at = writeAigp(b, at, a.aigp);
  at = hexList(b, at, LARGE_COMMUNITIES, a.large);
  if (a.otc !== undefined) at = word(b, at, 0xc0, OTC, a.otc);
  for (const u of a.unknown) at = encodeRaw(u, b, at);
  return { end: at, nextHopAt };
}

function head(b: Uint8Array, o: number, flags: number, type: number, length: number): number {
  setU8(b, o, flags);
  setU8(b, o + 1, type);
  setU8(b, o + 2, length);
  return o + 3;
}
function wideHead(b: Uint8Array, o: number, flags: number, type: number, length: number): number {
  setU8(b, o, flags | 0x10);
  setU8(b, o + 1, type);
  setU16(b, o + 2, length);
  return o + 4;
}
/** The header that a value of this length needs. */
const fittingHead = (b: Uint8Array, o: number, flags: number, type: number, length: number): number =>
  length > 255 ? wideHead(b, o, flags, type, length) : head(b, o, flags, type, length);

function word(b: Uint8Array, o: number, flags: number, type: number, value: number): number {
  const at = head(b, o, flags, type, 4);
  setU32(b, at, value);
  return at + 4;
}

/** One AIGP TLV (RFC 7311 §3). */
function writeAigp(b: Uint8Array, o: number, metric: number): number {
  const at = head(b, o, 0x80, AIGP, 11);
  setU8(b, at, 1);
  setU16(b, at + 1, 11);
  setU32(b, at + 3, Math.floor(metric / 0x1_0000_0000));
  setU32(b, at + 7, metric % 0x1_0000_0000);
  return at + 11;
}

function wordList(b: Uint8Array, o: number, flags: number, type: number, values: readonly number[]): number {
  if (values.length === 0) return o;
  let at = fittingHead(b, o, flags, type, 4 * values.length);
  for (const value of values) {
    setU32(b, at, value);
    at += 4;
  }
  return at;
}

function hexList(b: Uint8Array, o: number, type: number, values: readonly string[]): number {
  if (values.length === 0) return o;
  let at = fittingHead(b, o, 0xc0, type, (values.length * (values[0] as string).length) / 2);
  for (const text of values)
    for (let i = 0; i < text.length; i += 2) setU8(b, at++, Number.parseInt(text.slice(i, i + 2), 16));
  return at;
}

function writeAggregator(a: Attributes, as4: boolean, b: Uint8Array, o: number): number {
  const { aggregator } = a;
  if (aggregator === undefined) return o;
  const at = head(b, o, 0xc0, AGGREGATOR, as4 ? 8 : 6);
  if (as4) setU32(b, at, aggregator.as);
  else setU16(b, at, aggregator.as > 0xffff ? AS_TRANS : aggregator.as);
  setU32(b, at + (as4 ? 4 : 2), aggregator.address);
  return at + (as4 ? 8 : 6);
}

/** RFC 6793 §4.2.2: what a speaker of two octets must pass on. Confederation segments stay out. */
function writeAs4(a: Attributes, b: Uint8Array, o: number): number {
  let at = o;
  if (needsAs4(a.asPath)) {
    const path = a.asPath.withoutConfed();
    at = fittingHead(b, at, 0xc0, AS4_PATH, pathLength(path, true));
    at = encodePath(path, true, b, at);
  }
  if (a.aggregator !== undefined && a.aggregator.as > 0xffff) {
    at = head(b, at, 0xc0, AS4_AGGREGATOR, 8);
    setU32(b, at, a.aggregator.as);
    setU32(b, at + 4, a.aggregator.address);
    at += 8;
  }
  return at;
}
