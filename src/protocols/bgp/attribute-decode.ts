import { type Ipv4, isLoopback } from "../../core/addr.ts";
import { hex, u8, u16, u32 } from "../../core/bytes.ts";
import { type AsPath, CONFED_SEQUENCE, EMPTY_PATH } from "./as-path.ts";
import { decodePath, mergePaths } from "./as-path-octets.ts";
import {
  AGGREGATOR,
  AIGP,
  AS_PATH,
  AS4_AGGREGATOR,
  AS4_PATH,
  ATOMIC_AGGREGATE,
  ATTRIBUTE_FLAGS,
  CLUSTER_LIST,
  COMMUNITIES,
  EXTENDED_COMMUNITIES,
  LARGE_COMMUNITIES,
  LOCAL_PREF,
  MED,
  MP_REACH,
  MP_UNREACH,
  NEXT_HOP,
  ORIGIN,
  ORIGINATOR_ID,
  OTC,
} from "./attribute-types.ts";
import { type Aggregator, type AttributeFields, type Attributes, makeAttributes, PLAIN } from "./attributes.ts";
import { AS_TRANS } from "./capability.ts";
import { sortedCommunities, sortedHex } from "./community.ts";
import {
  type Answer,
  answer,
  UPDATE_BAD_OPTIONAL,
  UPDATE_ERROR,
  UPDATE_MALFORMED,
  UPDATE_UNKNOWN_WELL_KNOWN,
} from "./notification.ts";
import {
  ATTRIBUTE_EXTENDED,
  ATTRIBUTE_OPTIONAL,
  ATTRIBUTE_PARTIAL,
  ATTRIBUTE_TRANSITIVE,
  isIpv4Unicast,
  type RawAttribute,
} from "./wire.ts";

/** Whom an UPDATE came from, as far as its reading depends on that. */
export interface Sender {
  readonly as4: boolean;
  readonly sort: "ibgp" | "ebgp" | "confed";
  /** What is read otherwise than usual; undefined, as a rule: nothing. */
  readonly special?: SpecialReading | undefined;
}
/** What may be said of the attributes of one neighbour. */
export interface SpecialReading {
  /** Types that are left out, and those that make routes withdrawn. */
  readonly discarded: readonly number[];
  readonly withdrawn: readonly number[];
  /** Next hops may be any address. */
  readonly martians: boolean;
  /** 240.0.0.0/4 holds addresses like others. */
  readonly reserved: boolean;
  /** LOCAL_PREF counts though the neighbour is an external one. */
  readonly localPref: boolean;
  readonly stats: { discarded: number };
}

/** Reachability of an address family other than by the old fields (RFC 4760). Octets of the NLRI: [o, end) of the message. */
export interface Multiprotocol {
  readonly afi: number;
  readonly safi: number;
  /** Undefined where the next hop is no IPv4 address, or is left out (MP_UNREACH). */
  readonly nextHop: Ipv4 | undefined;
  readonly o: number;
  readonly end: number;
}

/** What became of the attributes of an UPDATE. */
export interface ReadAttributes {
  /** The worst that RFC 7606 asks for. `withdraw`: the routes are taken as withdrawn. */
  readonly verdict: "good" | "withdraw" | "reset";
  /** What to say when it is `reset`. */
  readonly answer: Answer | undefined;
  /** In words, for the log: what was wrong first. */
  readonly why: string;
  readonly attributes: Attributes;
  readonly nextHop: Ipv4 | undefined;
  readonly reach: Multiprotocol | undefined;
  readonly unreach: Multiprotocol | undefined;
}

/** What has been read so far. */
interface Reading {
  readonly sender: Sender;
  readonly seen: Set<number>;
  fields: { -readonly [K in keyof AttributeFields]: AttributeFields[K] };
  nextHop: Ipv4 | undefined;
  as4Path: AsPath | undefined;
  as4Aggregator: Aggregator | undefined;
  reach: Multiprotocol | undefined;
  unreach: Multiprotocol | undefined;
  verdict: "good" | "withdraw" | "reset";
  answer: Answer | undefined;
  why: string;
}

/** Attributes of one UPDATE, at most. */
const ATTRIBUTES_MAX = 1000;

/**
 * Reads the path attributes in [o, end) by the rules of RFC 7606. `announces`: there is NLRI behind them, so that the mandatory ones must be there.
 */
export function readAttributes(
  b: Uint8Array,
  o: number,
  end: number,
  sender: Sender,
  announces: boolean,
): ReadAttributes {
  const r: Reading = {
    ...{ sender, seen: new Set(), fields: { ...PLAIN }, nextHop: undefined, as4Path: undefined },
    ...{ as4Aggregator: undefined, reach: undefined, unreach: undefined },
    ...{ verdict: "good", answer: undefined, why: "" },
  };
  for (let at = o; at < end && r.verdict !== "reset"; ) {
    const head = (u8(b, at) & ATTRIBUTE_EXTENDED) !== 0 ? 4 : 3;
    const length = at + head > end ? 0 : head === 4 ? u16(b, at + 2) : u8(b, at + 2);
    if (at + head + length > end || r.seen.size > ATTRIBUTES_MAX) {
      asWithdraw(r, "an attribute is longer than what is left"); // RFC 7606 §4
      break;
    }
    readOne(r, b, at, at + head, at + head + length);
    at += head + length;
  }
  if (r.verdict === "good") checkMandatory(r, announces);
  if (!sender.as4) mergeAs4(r);
  const { verdict, why, nextHop, reach, unreach } = r;
  return { verdict, answer: r.answer, why, attributes: makeAttributes(r.fields), nextHop, reach, unreach };
}

function asWithdraw(r: Reading, why: string): void {
  if (r.verdict !== "good") return;
  r.verdict = "withdraw";
  r.why = why;
}
function asReset(r: Reading, why: string, owed: Answer): void {
  r.verdict = "reset";
  r.why = why;
  r.answer = owed;
}

/** RFC 7606 §3 d. Without NLRI of its own, and with MP_REACH, an UPDATE needs no NEXT_HOP. */
function checkMandatory(r: Reading, announces: boolean): void {
  if (!announces && r.reach === undefined) return;
  const needed = [ORIGIN, AS_PATH, ...(announces ? [NEXT_HOP] : []), ...(r.sender.sort === "ebgp" ? [] : [LOCAL_PREF])];
  const missing = needed.find((type) => !r.seen.has(type));
  if (missing !== undefined) asWithdraw(r, `attribute ${missing} is missing`);
}

function readOne(r: Reading, b: Uint8Array, at: number, o: number, end: number): void {
  const flags = u8(b, at);
  const type = u8(b, at + 1);
  const wanted = ATTRIBUTE_FLAGS.get(type);
  if (r.seen.has(type)) {
    // RFC 7606 §3 g: the first one counts.
    if (type === MP_REACH || type === MP_UNREACH)
      asReset(r, `attribute ${type} stands twice`, answer(UPDATE_ERROR, UPDATE_MALFORMED));
    return;
  }
  r.seen.add(type);
  const special = r.sender.special;
  if (special?.withdrawn.includes(type)) return asWithdraw(r, `attribute ${type} is not wanted`);
  if (special?.discarded.includes(type)) return void special.stats.discarded++;
  if (wanted === undefined) return readUnknown(r, b, at, o, end);
  if ((flags & (ATTRIBUTE_OPTIONAL | ATTRIBUTE_TRANSITIVE)) !== wanted)
    return asWithdraw(r, `attribute ${type} has flags ${flags}`); // RFC 7606 §3 c
  const wrong = readKnown(r, type, b, o, end);
  if (wrong) asWithdraw(r, `attribute ${type} is malformed`);
}

function readUnknown(r: Reading, b: Uint8Array, at: number, o: number, end: number): void {
  const flags = u8(b, at);
  if ((flags & ATTRIBUTE_OPTIONAL) === 0)
    return asReset(
      r,
      `well-known attribute ${u8(b, at + 1)} is not known`,
      answer(UPDATE_ERROR, UPDATE_UNKNOWN_WELL_KNOWN, b.slice(at, end)), // §6.3
    );
  if ((flags & ATTRIBUTE_TRANSITIVE) === 0) return; // §5: quietly ignored
  const kept: RawAttribute = {
    flags: (flags & ~ATTRIBUTE_EXTENDED) | ATTRIBUTE_PARTIAL | (end - o > 255 ? ATTRIBUTE_EXTENDED : 0),
    type: u8(b, at + 1),
    value: b.slice(o, end),
  };
  r.fields.unknown = [...r.fields.unknown, kept].sort((x, y) => x.type - y.type);
}

/** Reads the value in [o, end); true: it is malformed, and the routes count as withdrawn. Faults that only cost the attribute are passed over. */
function readKnown(r: Reading, type: number, b: Uint8Array, o: number, end: number): boolean {
  const length = end - o;
  const internal = r.sender.sort !== "ebgp" || r.sender.special?.localPref === true;
  switch (type) {
    case ORIGIN: // RFC 7606 §7.1
      r.fields.origin = u8(b, o);
      return length !== 1 || u8(b, o) > 2;
    case AS_PATH:
      return readPath(r, b, o, end);
    case NEXT_HOP: // §7.3
      r.nextHop = length === 4 ? u32(b, o) : undefined;
      return r.nextHop === undefined || isMartian(r.nextHop, r.sender.special);
    case MED: // §7.4
      r.fields.med = length === 4 ? u32(b, o) : undefined;
      return length !== 4;
    case LOCAL_PREF: // §7.5
      if (internal && length === 4) r.fields.localPref = u32(b, o);
      return internal && length !== 4;
    case ATOMIC_AGGREGATE: // §7.6
      r.fields.atomicAggregate = length === 0;
      return false;
    case AGGREGATOR: // §7.7
      r.fields.aggregator = readAggregator(b, o, length, r.sender.as4);
      return false;
    case COMMUNITIES: // §7.8
      if (length === 0 || length % 4 !== 0) return true;
      r.fields.communities = sortedCommunities(words(b, o, end));
      return false;
    case ORIGINATOR_ID: // §7.9
      if (r.sender.sort === "ibgp" && length === 4) r.fields.originatorId = u32(b, o);
      return r.sender.sort === "ibgp" && length !== 4;
    case CLUSTER_LIST: // §7.10
      if (r.sender.sort !== "ibgp") return false;
      if (length === 0 || length % 4 !== 0) return true;
      r.fields.clusterList = words(b, o, end);
      return false;
    default:
      return readNewer(r, type, b, o, end);
  }
}

function readNewer(r: Reading, type: number, b: Uint8Array, o: number, end: number): boolean {
  const length = end - o;
  switch (type) {
    case EXTENDED_COMMUNITIES: // RFC 7606 §7.14
      if (length === 0 || length % 8 !== 0) return true;
      r.fields.extended = sortedHex(chunks(b, o, end, 8));
      return false;
    case LARGE_COMMUNITIES: // RFC 8092 §5
      if (length === 0 || length % 12 !== 0) return true;
      r.fields.large = sortedHex(chunks(b, o, end, 12));
      return false;
    case OTC: // RFC 9234 §5
      if (length !== 4) return true;
      r.fields.otc = u32(b, o);
      return false;
    case AIGP:
      r.fields.aigp = readAigp(b, o, end);
      return false;
    case AS4_PATH: // RFC 6793 §6: malformed ones are passed over
      if (!r.sender.as4) r.as4Path = decodePath(b, o, end, true);
      return false;
    case AS4_AGGREGATOR:
      if (!r.sender.as4) r.as4Aggregator = readAggregator(b, o, length, true);
      return false;
    case MP_REACH:
      return readReach(r, b, o, end);
    case MP_UNREACH:
      if (length < 3) return malformedMultiprotocol(r);
      r.unreach = { afi: u16(b, o), safi: u8(b, o + 2), nextHop: undefined, o: o + 3, end };
      return false;
    default:
      return false;
  }
}

/** Confederation segments may come from within the confederation only (RFC 5065 §5). */
function readPath(r: Reading, b: Uint8Array, o: number, end: number): boolean {
  const path = decodePath(b, o, end, r.sender.as4);
  r.fields.asPath = path ?? EMPTY_PATH;
  if (path === undefined) return true;
  const first = path.segments[0]?.type ?? 0;
  if (r.sender.sort === "confed") return first !== CONFED_SEQUENCE;
  return r.sender.sort === "ebgp" && path.segments.some((s) => s.type >= CONFED_SEQUENCE);
}

/** bgpd/bgp_attr.c:bgp_attr_nexthop_valid: zero, loopback, multicast and reserved addresses are none. */
function isMartian(a: Ipv4, special: SpecialReading | undefined): boolean {
  if (special?.martians === true) return false;
  if (a >>> 28 === 0xf && special?.reserved === true) return false;
  return a >>> 24 === 0 || isLoopback(a) || a >>> 28 >= 0xe;
}

function readAggregator(b: Uint8Array, o: number, length: number, as4: boolean): Aggregator | undefined {
  if (length !== (as4 ? 8 : 6)) return undefined;
  const as = as4 ? u32(b, o) : u16(b, o);
  return as === 0 ? undefined : { as, address: u32(b, o + length - 4) }; // RFC 7607: AS 0 is discarded
}

/** The metric of the first AIGP TLV; a malformed attribute is passed over (RFC 7311 §3.1). Metrics that a number cannot hold are cut. */
function readAigp(b: Uint8Array, o: number, end: number): number | undefined {
  for (let at = o; at + 3 <= end; ) {
    const length = u16(b, at + 1);
    if (length < 3 || at + length > end) return undefined;
    if (u8(b, at) === 1 && length === 11)
      return Math.min(u32(b, at + 3) * 0x1_0000_0000 + u32(b, at + 7), Number.MAX_SAFE_INTEGER);
    at += length;
  }
  return undefined;
}

/** RFC 4760 §3. */
function readReach(r: Reading, b: Uint8Array, o: number, end: number): boolean {
  if (end - o < 5) return malformedMultiprotocol(r);
  const size = u8(b, o + 3);
  const nlri = o + 5 + size;
  if (nlri > end) return malformedMultiprotocol(r);
  const nextHop = size === 4 ? u32(b, o + 4) : undefined;
  r.reach = { afi: u16(b, o), safi: u8(b, o + 2), nextHop, o: nlri, end };
  return isIpv4Unicast(r.reach) && (nextHop === undefined || isMartian(nextHop, r.sender.special));
}

/** RFC 7606 §5.3: what cannot be told from its NLRI ends the session. */
function malformedMultiprotocol(r: Reading): boolean {
  asReset(r, "a multiprotocol attribute is cut short", answer(UPDATE_ERROR, UPDATE_BAD_OPTIONAL));
  return false;
}

/** RFC 6793 §4.2.3. */
function mergeAs4(r: Reading): void {
  const { aggregator } = r.fields;
  if (aggregator !== undefined && aggregator.as !== AS_TRANS && r.as4Aggregator !== undefined) return;
  if (aggregator !== undefined && r.as4Aggregator !== undefined) r.fields.aggregator = r.as4Aggregator;
  if (r.as4Path !== undefined) r.fields.asPath = mergePaths(r.fields.asPath, r.as4Path);
}

function words(b: Uint8Array, o: number, end: number): number[] {
  const list = new Array<number>((end - o) / 4);
  for (let i = 0; i < list.length; i++) list[i] = u32(b, o + 4 * i);
  return list;
}

function chunks(b: Uint8Array, o: number, end: number, size: number): string[] {
  const list: string[] = [];
  for (let at = o; at < end; at += size) list.push(hex(b, at, at + size, ""));
  return list;
}
