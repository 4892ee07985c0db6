import { setU32, u8, u32 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** An entry of an MPLS label stack (RFC 3032 §2.1). */
export interface MplsEntry {
  /** 20 bits. */
  readonly label: number;
  /** Traffic class, 3 bits (RFC 5462). */
  readonly tc: number;
  /** S: no entry follows. */
  readonly bottom: boolean;
  readonly ttl: number;
}

/** A label stack, top first: all but the last entry have `bottom` false. What it carries is told by nothing in it. */
export interface LabelStack {
  readonly entries: readonly MplsEntry[];
}

/** Octets of an entry. */
export const ENTRY = 4;
export const LABEL_MAX = 0xfffff;

/** Labels with a meaning of their own (RFC 3032 §2.1, RFC 6790, RFC 7274). */
export const IPV4_EXPLICIT_NULL = 0;
export const ROUTER_ALERT = 1;
export const IPV6_EXPLICIT_NULL = 2;
/** Never in a packet: it asks the neighbour to pop. */
export const IMPLICIT_NULL = 3;
export const ENTROPY_INDICATOR = 7;
/** The first label that is free for use. */
export const UNRESERVED = 16;

export const label = (b: Uint8Array, o: number): number => u32(b, o) >>> 12;
export const tc = (b: Uint8Array, o: number): number => (u8(b, o + 2) >> 1) & 7;
export const isBottom = (b: Uint8Array, o: number): boolean => (u8(b, o + 2) & 1) !== 0;
export const ttl = (b: Uint8Array, o: number): number => u8(b, o + 3);

/** Writes one entry. */
export function writeEntry(b: Uint8Array, o: number, label: number, tc: number, bottom: boolean, ttl: number): void {
  setU32(b, o, (label << 12) | (tc << 9) | (bottom ? 0x100 : 0) | ttl);
}

/** Where what the stack at `o` carries begins; -1 when it does not end before `end`. */
export function payloadOffset(b: Uint8Array, o: number, end: number): number {
  for (let at = o; end - at >= ENTRY; at += ENTRY) if (isBottom(b, at)) return at + ENTRY;
  return -1;
}

export const entryAt = (b: Uint8Array, o: number): MplsEntry => ({
  label: label(b, o),
  tc: tc(b, o),
  bottom: isBottom(b, o),
  ttl: ttl(b, o),
});

/** Reads the stack at `o` to its bottom; bad when [o, end) ends before. */
export function decode(b: Uint8Array, o: number, end: number): Decoded<LabelStack> {
  const behind = payloadOffset(b, o, end);
  if (behind < 0) return bad("short", end);
  return good({ entries: Array.from({ length: (behind - o) / ENTRY }, (_, i) => entryAt(b, o + ENTRY * i)) });
}

export const encodedLength = (s: LabelStack): number => ENTRY * s.entries.length;

/** Writes the stack at `o`, bottom bits as the value has them. */
export function encode(s: LabelStack, b: Uint8Array, o: number): void {
  for (const [i, e] of s.entries.entries()) writeEntry(b, o + ENTRY * i, e.label, e.tc, e.bottom, e.ttl);
}
