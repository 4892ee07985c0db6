import { fold16, sum16 } from "./checksum.ts";

/** Bytes that are sent again and again and never change: summed once, however often they are sent. */
export class Payload {
  readonly bytes: Uint8Array;
  /** Folded one's complement sum of the bytes. */
  readonly sum: number;

  /** Copies `bytes`, so that nobody can change them under the sum. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
    this.sum = fold16(sum16(this.bytes, 0, this.bytes.length));
  }

  get length(): number {
    return this.bytes.length;
  }
}
