import { u8, u16, u32, u48 } from "../../../core/bytes.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_RARP, HEADER, isLength } from "../../../protocols/ethernet/wire.ts";
import * as ipv4 from "../../../protocols/ipv4/wire.ts";

/** A frame as a capture filter sees it. */
export interface FilterFrame {
  readonly b: Uint8Array;
  readonly o: number;
  readonly end: number;
  /** Octets on the wire. */
  readonly bytes: number;
  /** Begins with an Ethernet header; otherwise with an IP header. */
  readonly ethernet: boolean;
  readonly outgoing: boolean;
}

/** Which of two addresses or ports is asked for. */
export type Direction = "src" | "dst" | "either" | "both";

/** Whether `test` holds for the one of the two that `direction` asks for. */
export function towards(direction: Direction, test: (v: number) => boolean, src: number, dst: number): boolean {
  switch (direction) {
    case "src":
      return test(src);
    case "dst":
      return test(dst);
    case "either":
      return test(src) || test(dst);
    case "both":
      return test(src) && test(dst);
  }
}

/** Reads fields behind as many VLAN tags as `vlan` words stand before it in the expression. Offsets of -1: not there. */
export class FieldReader {
  readonly #tags: number;

  constructor(tags: number) {
    this.#tags = tags;
  }

  /** The EtherType, or the length that stands in its place; -1 when the frame is too short. */
  type(f: FilterFrame): number {
    if (!f.ethernet) return ETHERTYPE_IPV4;
    const at = f.o + 12 + 4 * this.#tags;
    return at + 2 <= f.end ? u16(f.b, at) : -1;
  }

  /** Where the network header begins. */
  network(f: FilterFrame): number {
    return f.ethernet ? f.o + HEADER + 4 * this.#tags : f.o;
  }

  /** The tag control information of the next VLAN tag. */
  tag(f: FilterFrame): number {
    const at = this.network(f);
    return at + 2 <= f.end ? u16(f.b, at) : -1;
  }

  /** The destination SAP of an 802.2 frame. */
  dsap(f: FilterFrame): number {
    const at = this.network(f);
    return f.ethernet && isLength(this.type(f)) && at < f.end ? u8(f.b, at) : -1;
  }

  /** Where the IPv4 header begins. */
  ip(f: FilterFrame): number {
    const at = this.network(f);
    return this.type(f) === ETHERTYPE_IPV4 && at + ipv4.HEADER <= f.end ? at : -1;
  }

  ipProtocol(f: FilterFrame): number {
    const at = this.ip(f);
    return at < 0 ? -1 : ipv4.protocol(f.b, at);
  }

  /** Whether the IPv4 addresses answer `test`. */
  ipAddress(f: FilterFrame, direction: Direction, test: (address: number) => boolean): boolean {
    const at = this.ip(f);
    return at >= 0 && towards(direction, test, ipv4.src(f.b, at), ipv4.dst(f.b, at));
  }

  /** Whether the protocol addresses of an ARP or RARP packet answer `test`. */
  arpAddress(f: FilterFrame, type: number, direction: Direction, test: (address: number) => boolean): boolean {
    const at = this.network(f);
    if (this.type(f) !== type || at + 28 > f.end) return false;
    return towards(direction, test, u32(f.b, at + 14), u32(f.b, at + 24));
  }

  /** Whether the ports of the first fragment of a datagram of one of `protocols` answer `test`. */
  port(f: FilterFrame, protocols: readonly number[], direction: Direction, test: (port: number) => boolean): boolean {
    const at = this.ip(f);
    if (at < 0 || !protocols.includes(ipv4.protocol(f.b, at)) || ipv4.fragmentOffset(f.b, at) > 0) return false;
    const ports = at + ipv4.headerLength(f.b, at);
    return ports + 4 <= f.end && towards(direction, test, u16(f.b, ports), u16(f.b, ports + 2));
  }

  /** Whether the MAC addresses answer `test`. */
  mac(f: FilterFrame, direction: Direction, test: (mac: number) => boolean): boolean {
    if (!f.ethernet || f.end - f.o < HEADER) return false;
    return towards(direction, test, u48(f.b, f.o + 6), u48(f.b, f.o));
  }
}

/** The EtherTypes whose packets carry IPv4 addresses where ARP has them. */
export const ARP_TYPES: readonly number[] = [ETHERTYPE_ARP, ETHERTYPE_RARP];
