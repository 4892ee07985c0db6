import type { Packet } from "./packet.ts";
import type { Nanos } from "./time.ts";

/** Header bytes hashed of a frame whose payload sum nobody has computed yet. */
const UNSUMMED_HEADER_BYTES = 64;

/**
 * The fingerprint of a run: a 64-bit hash over every frame sent, in order: time, cable and direction, length, header
 * bytes, and the payload's cached sum.
 */
export class Fingerprint {
  #a = 0x6e65746c | 0;
  #b = 0x6f6f6d31 | 0;

  /** `line`: twice the cable's number, plus one for the direction from its second end. */
  record(at: Nanos, line: number, p: Packet): void {
    if (p.sumFrom < p.start) p.cacheSum(Math.min(p.start + UNSUMMED_HEADER_BYTES, p.end));
    const view = p.view;
    const high = Math.floor(at / 0x1_0000_0000);
    let a = Math.imul(this.#a ^ (at - high * 0x1_0000_0000), 0x9e3779b1);
    let b = Math.imul(this.#b ^ (p.end - p.start) ^ Math.imul(line, 0xc2b2ae35), 0x85ebca6b) ^ high;
    let o = p.start;
    const end = p.sumFrom;
    for (const whole = end - 8; o <= whole; o += 8) {
      a = Math.imul(a ^ view.getInt32(o, true), 0x9e3779b1);
      b = Math.imul(b ^ view.getInt32(o + 4, true), 0x85ebca6b);
      a ^= b >>> 15;
      b ^= a >>> 13;
    }
    for (; o < end; o++) a = Math.imul(a ^ (p.buf[o] as number), 0x01000193);
    a = Math.imul(a ^ p.sum, 0x27d4eb2f);
    this.#a = a ^ (b >>> 16);
    this.#b = Math.imul(b ^ (a >>> 15), 0x165667b1);
  }

  /** 16 hex digits. */
  toString(): string {
    const word = (w: number): string => (w >>> 0).toString(16).padStart(8, "0");
    return word(this.#a) + word(this.#b);
  }
}
