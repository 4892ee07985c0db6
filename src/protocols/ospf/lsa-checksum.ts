/** Fletcher's checksum of link state advertisements (RFC 2328 §12.1.7, RFC 905 annex B). */

/** Octets of the age, which the checksum leaves out. */
const AGE = 2;
/** Where the checksum stands, counted from behind the age. */
const AT = 14;
/** Octets that can be added before a sum leaves 31 bits. */
const CHUNK = 4096;

/** The checksum that belongs into octets 16 and 17 of the advertisement [o, end). What stands there does not matter. */
export function lsaChecksum(b: Uint8Array, o: number, end: number): number {
  const [c0, c1] = sums(b, o + AGE, end, o + AGE + AT);
  const behind = end - o - AGE - AT - 1;
  let x = (behind * c0 - c1) % 255;
  if (x <= 0) x += 255;
  let y = 510 - c0 - x;
  if (y > 255) y -= 255;
  return (x << 8) | y;
}

/** Whether the checksum of the advertisement [o, end) is right. */
export function lsaChecksumHolds(b: Uint8Array, o: number, end: number): boolean {
  const [c0, c1] = sums(b, o + AGE, end, -1);
  return c0 === 0 && c1 === 0 && (b[o + AGE + AT] as number) + (b[o + AGE + AT + 1] as number) > 0;
}

/** Both sums modulo 255, the two octets at `without` taken as zero. */
function sums(b: Uint8Array, o: number, end: number, without: number): readonly [number, number] {
  let [c0, c1] = [0, 0];
  for (let i = o; i < end; ) {
    const stop = Math.min(end, i + CHUNK);
    for (; i < stop; i++) {
      if (i !== without && i !== without + 1) c0 += b[i] as number;
      c1 += c0;
    }
    c0 %= 255;
    c1 %= 255;
  }
  return [c0, c1];
}
