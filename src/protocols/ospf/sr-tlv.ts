import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import { setU16, setU24, setU32, u8, u16, u24, u32 } from "../../core/bytes.ts";

/** What segment routing says in opaque advertisements: of a router (RFC 7770, RFC 8665 §3), and of prefixes (RFC 7684 §2, RFC 8665 §5). */

export const OPAQUE_ROUTER_INFORMATION = 4;
export const OPAQUE_EXTENDED_PREFIX = 7;

/** Labels from `lower` on, `size` of them. */
export interface LabelBlock {
  readonly lower: number;
  readonly size: number;
}
/** What a router says of itself. */
export interface RouterInformation {
  /** Informational capabilities (RFC 7770 §2.4), bit 0 the highest. */
  readonly capabilities: number;
  /** The segment routing part; undefined: it takes no part. */
  readonly sr: SrInformation | undefined;
}
export interface SrInformation {
  readonly algorithms: readonly number[];
  readonly global: LabelBlock;
  readonly local: LabelBlock | undefined;
  /** Labels that it can push at most; 0: it does not say. */
  readonly depth: number;
}
/** A prefix's segment. */
export interface PrefixSegment {
  readonly prefix: Prefix;
  /** Of the advertised path: 1 is inside the area. */
  readonly routeType: number;
  /** An index into each router's global block, or with `PREFIX_V` a label. */
  readonly sid: number;
  readonly flags: number;
}
/** Flags of a Prefix-SID: no penultimate hop popping, explicit null, value, local (RFC 8665 §5). */
export const [PREFIX_NP, PREFIX_E, PREFIX_V, PREFIX_L] = [0x40, 0x10, 0x08, 0x04] as const;
export const SPF = 0;

const [CAPABILITIES, ALGORITHM, GLOBAL_RANGE, NODE_MSD, LOCAL_RANGE] = [1, 8, 9, 12, 14] as const;
const [EXTENDED_PREFIX, SID_LABEL, PREFIX_SID] = [1, 1, 2] as const;
const BASE_MSD = 1;
/** The N flag of an extended prefix: it is a router's own (RFC 7684 §2.1). */
const NODE = 0x40;
/** TLVs of one advertisement that are looked at. */
const TLVS_MAX = 1000;

interface Tlv {
  readonly type: number;
  readonly o: number;
  readonly end: number;
}

/** TLVs in [o, end), each padded to four octets. What is cut short ends the list. */
function tlvs(b: Uint8Array, o: number, end: number): readonly Tlv[] {
  const list: Tlv[] = [];
  for (let at = o; at + 4 <= end && list.length < TLVS_MAX; ) {
    const stop = at + 4 + u16(b, at + 2);
    if (stop > end) break;
    list.push({ type: u16(b, at), o: at + 4, end: stop });
    at += 4 + ((stop - at - 1) & ~3);
  }
  return list;
}

/** Reads a router information advertisement; of what stands in it twice, the first counts (RFC 8665 §3). */
export function decodeRouterInformation(b: Uint8Array): RouterInformation {
  const list = tlvs(b, 0, b.length);
  const find = (type: number, length: number): Tlv | undefined =>
    list.find((t) => t.type === type && t.end - t.o >= length);
  const capabilities = find(CAPABILITIES, 4);
  const algorithms = find(ALGORITHM, 1);
  const global = blockOf(b, find(GLOBAL_RANGE, 4));
  const msds = find(NODE_MSD, 2);
  const sr =
    global === undefined || algorithms === undefined
      ? undefined
      : {
          algorithms: [...b.subarray(algorithms.o, algorithms.end)],
          global,
          local: blockOf(b, find(LOCAL_RANGE, 4)),
          depth: msds === undefined ? 0 : depthOf(b, msds),
        };
  return { capabilities: capabilities === undefined ? 0 : u32(b, capabilities.o), sr };
}

function blockOf(b: Uint8Array, range: Tlv | undefined): LabelBlock | undefined {
  if (range === undefined) return undefined;
  const first = tlvs(b, range.o + 4, range.end).find((t) => t.type === SID_LABEL && t.end - t.o >= 3);
  const size = u24(b, range.o);
  return first === undefined || size === 0 ? undefined : { lower: u24(b, first.o), size };
}
function depthOf(b: Uint8Array, { o, end }: Tlv): number {
  for (let at = o; at + 2 <= end; at += 2) if (u8(b, at) === BASE_MSD) return u8(b, at + 1);
  return 0;
}

/** Writes a router information advertisement, in FRR's order (ospfd/ospf_ri.c:ospf_router_info_lsa_body_set). */
export function encodeRouterInformation({ capabilities, sr }: RouterInformation): Uint8Array {
  const b = new Uint8Array(100);
  let at = header(b, 0, CAPABILITIES, 4);
  setU32(b, at, capabilities);
  at += 4;
  if (sr === undefined) return b.slice(0, at);
  at = header(b, at, ALGORITHM, sr.algorithms.length);
  b.set(sr.algorithms, at);
  at += padded(sr.algorithms.length);
  at = range(b, at, GLOBAL_RANGE, sr.global);
  if (sr.local !== undefined) at = range(b, at, LOCAL_RANGE, sr.local);
  if (sr.depth > 0) {
    at = header(b, at, NODE_MSD, 2);
    b.set([BASE_MSD, sr.depth], at);
    at += 4;
  }
  return b.slice(0, at);
}

function header(b: Uint8Array, o: number, type: number, length: number): number {
  setU16(b, o, type);
  setU16(b, o + 2, length);
  return o + 4;
}
const padded = (length: number): number => (length + 3) & ~3;

function range(b: Uint8Array, o: number, type: number, { lower, size }: LabelBlock): number {
  const at = header(b, o, type, 12);
  setU24(b, at, size);
  const value = header(b, at + 4, SID_LABEL, 3);
  setU24(b, value, lower);
  return value + 4;
}

/** Reads an extended prefix advertisement: the prefixes of IPv4 that have a segment of the shortest-path algorithm. */
export function decodePrefixSegments(b: Uint8Array): readonly PrefixSegment[] {
  return tlvs(b, 0, b.length).flatMap(({ type, o, end }) => {
    if (type !== EXTENDED_PREFIX || end - o < 8) return [];
    const [routeType, length, family] = [u8(b, o), u8(b, o + 1), u8(b, o + 2)];
    const sid = tlvs(b, o + 8, end).find((t) => t.type === PREFIX_SID && t.end - t.o >= 7 && u8(b, t.o + 3) === SPF);
    if (sid === undefined || length > 32 || family !== 0) return [];
    const flags = u8(b, sid.o);
    const value = sidOf(b, sid, flags);
    if (value === undefined) return [];
    return [{ prefix: { address: networkOf(u32(b, o + 4), length), length }, routeType, sid: value, flags }];
  });
}
/** RFC 8665 §5: with V and L a label of three octets, without both an index of four; anything else does not count. */
function sidOf(b: Uint8Array, { o, end }: Tlv, flags: number): number | undefined {
  const kind = flags & (PREFIX_V | PREFIX_L);
  if (kind === 0) return end - o >= 8 ? u32(b, o + 4) : undefined;
  return kind === (PREFIX_V | PREFIX_L) ? u24(b, o + 4) & 0xfffff : undefined;
}

/** Writes an extended prefix advertisement with one segment, an index. */
export function encodePrefixSegment({ prefix, routeType, sid, flags }: PrefixSegment): Uint8Array {
  const b = new Uint8Array(24);
  const at = header(b, 0, EXTENDED_PREFIX, 20);
  b.set([routeType, prefix.length, 0, prefix.length === 32 ? NODE : 0], at);
  setU32(b, at + 4, prefix.address);
  const value = header(b, at + 8, PREFIX_SID, 8);
  b.set([flags, 0, 0, SPF], value);
  setU32(b, value + 4, sid);
  return b;
}

/** The id of an opaque advertisement: its type, and which of the router's own it is (RFC 5250 §3). */
export const opaqueId = (type: number, instance: number): Ipv4 => type * 0x100_0000 + instance;
export const opaqueType = (id: Ipv4): number => id >>> 24;
