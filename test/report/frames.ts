/** Frames made by hand, as raw as a test wants them. */
import { complement16, pseudoHeader, sum16 } from "../../src/core/checksum.ts";

export const hexBytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));

export const bytes = (...parts: (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

const word = (value: number): number[] => [value >> 8, value & 255];

const SRC = 0x0a000001;
const DST = 0x0a000002;

/** An Ethernet II frame, or with a small `type` an 802.3 one. */
export const eth = (type: number, payload: Uint8Array): Uint8Array =>
  bytes(hexBytes("020000000001 020000000002"), word(type), payload);

export interface IpFields {
  readonly options?: Uint8Array;
  /** The 16 bits of flags and fragment offset. */
  readonly fragment?: number;
  readonly id?: number;
  readonly length?: number;
  readonly checksum?: number;
}

/** An IPv4 datagram from 10.0.0.1 to 10.0.0.2, its checksum right unless given. */
export function ip(protocol: number, payload: Uint8Array, fields: IpFields = {}): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  const header = 20 + options.length;
  const b = bytes(
    [0x40 | (header >> 2), 0, ...word(fields.length ?? header + payload.length), ...word(fields.id ?? 1)],
    [...word(fields.fragment ?? 0), 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    options,
    payload,
  );
  b.set(word(fields.checksum ?? complement16(sum16(b, 0, header))), 10);
  return b;
}

/** A UDP datagram, its checksum right unless given. */
export function udp(sport: number, dport: number, payload: Uint8Array, checksum?: number): Uint8Array {
  const b = bytes(word(sport), word(dport), word(8 + payload.length), [0, 0], payload);
  const sum = sum16(b, 0, b.length) + pseudoHeader(SRC, DST, 17, b.length);
  b.set(word(checksum ?? (complement16(sum) || 0xffff)), 6);
  return b;
}

/** A TCP segment with sequence number `seq`, ACK and PSH. */
export function tcp(
  sport: number,
  dport: number,
  payload: Uint8Array,
  options: Uint8Array = new Uint8Array(0),
  seq = 1,
): Uint8Array {
  const offset = (20 + options.length) << 2;
  const b = bytes(
    [...word(sport), ...word(dport), ...word(seq >>> 16), ...word(seq & 0xffff), 0, 0, 0, 2, offset, 0x18, 0, 100],
    [0, 0, 0, 0],
    options,
    payload,
  );
  b.set(word(complement16(sum16(b, 0, b.length) + pseudoHeader(SRC, DST, 6, b.length))), 16);
  return b;
}

/** An ICMP message; `rest` is octets 4 to 7. */
export function icmp(type: number, code: number, rest: number, payload: Uint8Array): Uint8Array {
  const b = bytes([type, code, 0, 0, ...word(rest >>> 16), ...word(rest & 0xffff)], payload);
  b.set(word(complement16(sum16(b, 0, b.length))), 2);
  return b;
}
