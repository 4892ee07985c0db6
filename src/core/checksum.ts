import { u8, u16 } from "./bytes.ts";

/** The Internet checksum (RFC 1071) and its incremental update (RFC 1624). */

/** Sum of the 16-bit words of [o, end), an odd last octet padded with zero. Not folded; exact for 64 KiB and more. */
export function sum16(b: Uint8Array, o: number, end: number): number {
  let sum = 0;
  let i = o;
  for (; i + 8 <= end; i += 8) sum += u16(b, i) + u16(b, i + 2) + u16(b, i + 4) + u16(b, i + 6);
  for (; i + 2 <= end; i += 2) sum += u16(b, i);
  if (i < end) sum += u8(b, i) << 8;
  return sum;
}

/** Bytes added before partial sums could leave 31 bits. */
const VIEW_CHUNK = 65_536;

/**
 * `sum16` through a view of the same bytes: more than four times as fast on a payload. It adds little-endian words, which
 * costs no byte swaps; their folded sum is the wanted one with its octets swapped (RFC 1071 §2 B).
 */
export function sumView(view: DataView, o: number, end: number): number {
  let sum = 0;
  let i = o;
  while (end - i >= 16) {
    const stop = Math.min(end - 15, i + VIEW_CHUNK);
    let even = 0;
    let odd = 0;
    for (; i < stop; i += 16) {
      const w = view.getInt32(i, true);
      const x = view.getInt32(i + 4, true);
      const y = view.getInt32(i + 8, true);
      const z = view.getInt32(i + 12, true);
      even += (w & 0xffff) + (w >>> 16) + (y & 0xffff) + (y >>> 16);
      odd += (x & 0xffff) + (x >>> 16) + (z & 0xffff) + (z >>> 16);
    }
    sum += even + odd;
  }
  sum = swapSum(sum);
  for (; i + 2 <= end; i += 2) sum += view.getUint16(i);
  if (i < end) sum += view.getUint8(i) << 8;
  return sum;
}

/** Folds a sum to 16 bits with end-around carry. */
export function fold16(sum: number): number {
  let s = sum;
  if (s < 0x7fffffff) {
    s = (s & 0xffff) + (s >>> 16); // most sums: no division is needed
    return (s & 0xffff) + (s >>> 16);
  }
  while (s > 0xffff) s = (s & 0xffff) + Math.floor(s / 0x10000);
  return s;
}

/** The checksum field for a sum: its one's complement. */
export const complement16 = (sum: number): number => ~fold16(sum) & 0xffff;

/** Sum of the IPv4 pseudo-header (RFC 768, RFC 9293 §3.1). `src`, `dst`: addresses, signed or unsigned. */
export const pseudoHeader = (src: number, dst: number, protocol: number, length: number): number =>
  (src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + protocol + length;

/** The checksum after one 16-bit word changed from `before` to `after` (RFC 1624 eqn. 3). */
export function updateChecksum(checksum: number, before: number, after: number): number {
  const s = (~checksum & 0xffff) + (~before & 0xffff) + after;
  const folded = (s & 0xffff) + (s >>> 16);
  return ~((folded & 0xffff) + (folded >>> 16)) & 0xffff;
}

/** A sum over bytes that begin at an odd offset, as it counts in the sum of the whole (RFC 1071 §2 B). */
export const swapSum = (sum: number): number => {
  const s = fold16(sum);
  return ((s & 0xff) << 8) | (s >>> 8);
};
