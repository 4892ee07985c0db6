import { setU16, setU32, u8 } from "../../core/bytes.ts";
import { md5 } from "../../core/md5.ts";
import { optionLength } from "../ipv4/option-area.ts";
import { IPPROTO_TCP } from "../ipv4/wire.ts";
import type { TcpSigner } from "./host.ts";
import { TCPOPT_MD5SIG, TCPOPT_NOP } from "./option-values.ts";
import { dataOffset, HEADER } from "./wire.ts";

const DIGEST = 16;
/** Two no-operations and the option, as Linux aligns it. */
const OPTION = 20;

/** Signs segments with a key that both ends know (RFC 2385). */
export class Md5Signer implements TcpSigner {
  readonly bytes = OPTION;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  sign(b: Uint8Array, o: number, end: number, at: number, source: number, destination: number): void {
    setU32(b, at, (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_MD5SIG << 8) | (DIGEST + 2));
    b.set(this.#digest(b, o, end, source, destination), at + 4);
  }

  verify(b: Uint8Array, o: number, end: number, source: number, destination: number): boolean {
    const at = findDigest(b, o);
    if (at === 0) return false;
    return this.#digest(b, o, end, source, destination).every((octet, i) => octet === u8(b, at + i));
  }

  /** RFC 2385 §2: pseudo-header, header without options and with checksum 0, data, key. */
  #digest(b: Uint8Array, o: number, end: number, source: number, destination: number): Uint8Array {
    const data = o + dataOffset(b, o);
    const message = new Uint8Array(12 + HEADER + (end - data) + this.#key.length);
    setU32(message, 0, source);
    setU32(message, 4, destination);
    setU16(message, 8, IPPROTO_TCP);
    setU16(message, 10, end - o);
    message.set(b.subarray(o, o + HEADER), 12);
    setU16(message, 12 + 16, 0);
    message.set(b.subarray(data, end), 12 + HEADER);
    message.set(this.#key, 12 + HEADER + (end - data));
    return md5(message);
  }
}

/** Where the digest stands in the header at `o`; 0 when there is none. */
export function findDigest(b: Uint8Array, o: number): number {
  const end = o + dataOffset(b, o);
  for (let at = o + HEADER; at < end && u8(b, at) !== 0; ) {
    const length = u8(b, at) === TCPOPT_NOP ? 1 : optionLength(b, at, end);
    if (length === 0) return 0;
    if (u8(b, at) === TCPOPT_MD5SIG && length === DIGEST + 2) return at + 2;
    at += length;
  }
  return 0;
}
