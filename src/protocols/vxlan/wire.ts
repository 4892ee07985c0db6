import { i32, setU8, setU16, setU24, setU32, u8, u16, u24 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** VXLAN (RFC 7348) and its group based policy extension (draft-smith-vxlan-group-policy-05). */

/** The UDP destination port that IANA assigned (RFC 7348 §5). */
export const PORT = 4789;
/** The length of the header in octets. */
export const HEADER = 8;

/** I: the VNI is valid (RFC 7348 §5); without it a frame is dropped. */
export const FLAG_VNI = 0x0800;
/** G: the second half of the first word is a group policy id (draft §2.1). */
export const FLAG_GROUP = 0x8000;
/** D, don't learn: the receiver shall not learn the source address (draft §2.1). */
export const FLAG_DONT_LEARN = 0x0040;
/** A, policy applied: no further policy shall be applied to this packet (draft §2.1). */
export const FLAG_POLICY_APPLIED = 0x0008;

/** The 8 octets before the inner Ethernet frame, every bit of them. */
export interface VxlanHeader {
  /** The first 16 bits: RFC 7348's flags in the upper octet, the draft's D and A in the lower; `FLAG_…`. */
  readonly flags: number;
  /** The next 16 bits: the group policy id where G is set, otherwise reserved. */
  readonly group: number;
  /** VXLAN network identifier, 24 bits. */
  readonly vni: number;
  /** The last octet, reserved. */
  readonly reserved: number;
}

/** Reads the header at `o`; the inner frame follows at `o + HEADER`. Only a cut header is bad: flags are the device's to judge. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<VxlanHeader> {
  if (end - o < HEADER) return bad("short", end);
  return good({ flags: flags(b, o), group: group(b, o), vni: vni(b, o), reserved: u8(b, o + 7) });
}

export const encodedLength = (_: VxlanHeader): number => HEADER;

/** Writes `v` at `o`, as given; the caller reserved `HEADER` octets. */
export function encode(v: VxlanHeader, b: Uint8Array, o: number): void {
  setU16(b, o, v.flags);
  setU16(b, o + 2, v.group);
  setU24(b, o + 4, v.vni);
  setU8(b, o + 7, v.reserved);
}

/** The first 16 bits, `FLAG_…`; the caller compared lengths. */
export const flags = (b: Uint8Array, o: number): number => u16(b, o);
/** The group policy id; means something only with `FLAG_GROUP`. */
export const group = (b: Uint8Array, o: number): number => u16(b, o + 2);
/** The VXLAN network identifier, 24 bits. */
export const vni = (b: Uint8Array, o: number): number => u24(b, o + 4);

/** Writes a plain header: the I flag, the VNI, all reserved bits zero (RFC 7348 §5). */
export function writeHeader(b: Uint8Array, o: number, vni: number): void {
  setU32(b, o, FLAG_VNI << 16);
  setU32(b, o + 4, vni << 8);
}

/** Adds a group policy id to a written header, with `FLAG_DONT_LEARN` and `FLAG_POLICY_APPLIED` as wanted. */
export function writeGroup(b: Uint8Array, o: number, id: number, extraFlags = 0): void {
  setU16(b, o, FLAG_VNI | FLAG_GROUP | extraFlags);
  setU16(b, o + 2, id);
}

/**
 * Whether a bit is set that a Linux device does not know, for which it drops the frame where RFC 7348 §5 says to ignore it
 * (`drivers/net/vxlan/vxlan_core.c:vxlan_rcv`). `gbp`: the device was made with `gbp`.
 */
export const hasUnknownBits = (b: Uint8Array, o: number, gbp: boolean): boolean =>
  u8(b, o + 7) !== 0 || (i32(b, o) & (gbp && flags(b, o) & FLAG_GROUP ? ~GROUP_WORD : ~PLAIN_WORD)) !== 0;

const PLAIN_WORD = FLAG_VNI << 16;
const GROUP_WORD = ((FLAG_VNI | FLAG_GROUP | FLAG_DONT_LEARN | FLAG_POLICY_APPLIED) << 16) | 0xffff;
