import { i32, setU16, setU32, u16 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD, ETHERTYPE_VLAN } from "../ethernet/wire.ts";

/**
 * VLAN tags (IEEE 802.1Q §9, 802.1ad). A tag is the four octets after a type field that holds a TPID: tag control
 * information, and the next type, which may be a TPID again (QinQ) or an 802.3 length.
 */
export interface VlanTag {
  /** Priority code point, 0 to 7. */
  readonly pcp: number;
  /** Drop eligible indicator; canonical format indicator before 2005. */
  readonly dei: boolean;
  /** VLAN identifier, 12 bits; 0: priority only, 4095: reserved. */
  readonly vid: number;
  /** The type field behind the tag. */
  readonly type: number;
}

/** Octets of a tag: from the TCI to the type behind it; also what a tag adds to a frame. */
export const TAG = 4;
/** The VLAN of a tag that carries a priority only. */
export const VID_NONE = 0;
export const VID_RESERVED = 4095;
/** Tags read in one frame before giving up (`include/linux/if_vlan.h:VLAN_MAX_DEPTH`). */
export const DEPTH_MAX = 8;

/** Whether a type field announces a tag: 802.1Q, 802.1ad, or 0x9100 of the time before. */
export const isTpid = (type: number): boolean =>
  type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ || type === ETHERTYPE_QINQ_OLD;

/** The 16 bits of tag control information. */
export const tci = (b: Uint8Array, o: number): number => u16(b, o);
export const vid = (b: Uint8Array, o: number): number => u16(b, o) & 0xfff;
export const pcp = (b: Uint8Array, o: number): number => u16(b, o) >> 13;
export const dei = (b: Uint8Array, o: number): number => (u16(b, o) >> 12) & 1;
/** The type field behind the tag. */
export const innerType = (b: Uint8Array, o: number): number => u16(b, o + 2);
export const setTci = (b: Uint8Array, o: number, tci: number): void => setU16(b, o, tci);
export const setVid = (b: Uint8Array, o: number, vid: number): void => setU16(b, o, (u16(b, o) & 0xf000) | vid);
export const setPcp = (b: Uint8Array, o: number, pcp: number): void => setU16(b, o, (u16(b, o) & 0x1fff) | (pcp << 13));
export const makeTci = (pcp: number, dei: number, vid: number): number => (pcp << 13) | (dei << 12) | vid;

/** Reads the tag at `o`; bad only when [o, end) is shorter. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<VlanTag> {
  if (end - o < TAG) return bad("short", end);
  return good({ pcp: pcp(b, o), dei: dei(b, o) === 1, vid: vid(b, o), type: innerType(b, o) }); // IEEE 802.1Q §9.6
}

export const encodedLength = (_tag: VlanTag): number => TAG;

/** Writes the four octets of `t` at `o`. */
export function encode(t: VlanTag, b: Uint8Array, o: number): void {
  setU16(b, o, makeTci(t.pcp, t.dei ? 1 : 0, t.vid));
  setU16(b, o + 2, t.type);
}

/**
 * Tags the frame whose Ethernet header stands at `o`: its addresses move to `o` - 4 and the tag follows them. The caller
 * has those four octets of headroom and starts the frame there from now on (`net/core/skbuff.c:skb_vlan_push`).
 */
export function insertTag(b: Uint8Array, o: number, tpid: number, tci: number): void {
  moveAddresses(b, o, o - TAG);
  setU16(b, o + 8, tpid);
  setU16(b, o + 10, tci);
}

/** Takes the outermost tag off the frame at `o`, which then starts at `o` + 4. Returns the TCI. */
export function removeTag(b: Uint8Array, o: number): number {
  const taken = u16(b, o + 14);
  moveAddresses(b, o, o + TAG);
  return taken;
}

/** Copies the 12 octets of both addresses; the two places may overlap. */
function moveAddresses(b: Uint8Array, from: number, to: number): void {
  const first = i32(b, from);
  const second = i32(b, from + 4);
  const third = i32(b, from + 8);
  setU32(b, to, first);
  setU32(b, to + 4, second);
  setU32(b, to + 8, third);
}
