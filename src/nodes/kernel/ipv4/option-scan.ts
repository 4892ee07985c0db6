import type { Ipv4 } from "../../../core/addr.ts";
import { setU8, setU32, u8, u32 } from "../../../core/bytes.ts";
import type { Packet } from "../../../core/packet.ts";
import { MS } from "../../../core/time.ts";
import {
  IPOPT_EOL,
  IPOPT_LSRR,
  IPOPT_NOP,
  IPOPT_RA,
  IPOPT_RR,
  IPOPT_SSRR,
  IPOPT_TIMESTAMP,
} from "../../../protocols/ipv4/option-values.ts";
import { dst as dstOf, HEADER, headerLength, src as srcOf, tos as tosOf } from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_LOCAL, type Dst, TOS_ROUTING } from "./dst.ts";

/** What stands in an option area: offsets from the beginning of the IP header, 0 for what is not there (`struct ip_options`). */
export interface Found {
  srr: number;
  strict: boolean;
  /** Of a source route that a program gave: where to go first. */
  firstHop: Ipv4;
  rr: number;
  /** The place before its pointer is for this node's address. */
  rrRecorded: boolean;
  ts: number;
  tsAddress: boolean;
  tsTime: boolean;
  /** A router alert of value 0 (RFC 2113). */
  routerAlert: number;
  /** Octets were changed: the header checksum is wrong now. */
  changed: boolean;
}

const SCOPE_LINK = 253;
const SCOPE_UNIVERSE = 0;
const DAY_MS = 86_400_000;

/** Flags of the timestamp option (RFC 791 §3.1). */
const TS_ONLY = 0;
const TS_AND_ADDRESS = 1;
const TS_PRESPECIFIED = 3;

const NOTHING = new Uint8Array(0);

/** Milliseconds since midnight UT; simulated time begins at midnight (`inet_current_timestamp`). */
export const timestampNow = (kernel: Kernel): number => Math.floor(kernel.sim.now / MS) % DAY_MS;

/**
 * The address by which this node answers the packet: its destination, or for a broadcast the one that the way back has
 * (net/ipv4/fib_frontend.c:fib_compute_spec_dst).
 */
export function specificDestination(kernel: Kernel, p: Packet, d: Dst, dev: NetDevice): Ipv4 {
  const { buf, net } = p;
  if (d.type === DST_LOCAL) return dstOf(buf, net);
  const src = srcOf(buf, net);
  if (src >>> 24 === 0) return kernel.addresses.selectSource(dev.ifindex, src, SCOPE_LINK);
  const back = kernel.ipv4.routes.output(src, 0, 0, tosOf(buf, net) & TOS_ROUTING, 0);
  return back.errno === "" ? back.source : kernel.addresses.selectSource(dev.ifindex, src, SCOPE_UNIVERSE);
}

/** Reads an option area, checks it, and fills in what is this node's to fill in (net/ipv4/ip_options.c:__ip_options_compile). */
export class OptionScan {
  readonly found: Found = {
    srr: 0,
    strict: false,
    firstHop: 0,
    rr: 0,
    rrRecorded: false,
    ts: 0,
    tsAddress: false,
    tsTime: false,
    routerAlert: 0,
    changed: false,
  };
  readonly #kernel: Kernel;
  #b: Uint8Array = NOTHING;
  #net = 0;
  /** Whether the packet was received: then addresses and times are written at once. */
  #receiving = false;
  #address: Ipv4 = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The options of a received packet. The offset in the header of what is wrong, or -1. */
  received(p: Packet, d: Dst, dev: NetDevice): number {
    this.#receiving = true;
    this.#address = specificDestination(this.#kernel, p, d, dev);
    return this.#walk(p.buf, p.net, p.net + headerLength(p.buf, p.net));
  }

  /** Options that a program gave, standing in [net + 20, end): the first hop of a source route is taken out. */
  given(b: Uint8Array, net: number, end: number): number {
    this.#receiving = false;
    return this.#walk(b, net, end);
  }

  #walk(b: Uint8Array, net: number, end: number): number {
    this.#b = b;
    this.#net = net;
    clear(this.found);
    for (let at = net + HEADER; at < end; ) {
      const type = u8(b, at);
      if (type === IPOPT_EOL) {
        this.#blank(at + 1, end);
        return -1;
      }
      if (type === IPOPT_NOP) {
        at++;
        continue;
      }
      const length = end - at < 2 ? 0 : u8(b, at + 1);
      if (length < 2 || length > end - at) return at - net;
      const fault = this.#option(type, at, length);
      if (fault >= 0) return at + fault - net;
      at += length;
    }
    return -1;
  }

  /** Nothing but zeros may stand behind the end of the list. */
  #blank(from: number, end: number): void {
    for (let at = from; at < end; at++) {
      if (u8(this.#b, at) === IPOPT_EOL) continue;
      setU8(this.#b, at, IPOPT_EOL);
      this.found.changed = true;
    }
  }

  /** The place within the option of what is wrong, or -1. */
  #option(type: number, at: number, length: number): number {
    switch (type) {
      case IPOPT_SSRR:
      case IPOPT_LSRR:
        return this.#sourceRoute(type, at, length);
      case IPOPT_RR:
        return this.#recordRoute(at, length);
      case IPOPT_TIMESTAMP:
        return this.#timestamp(at, length);
      case IPOPT_RA:
        if (length < 4) return 1;
        if (u8(this.#b, at + 2) === 0 && u8(this.#b, at + 3) === 0) this.found.routerAlert = at - this.#net;
        return -1;
      default:
        return -1;
    }
  }

  #sourceRoute(type: number, at: number, length: number): number {
    const b = this.#b;
    if (length < 3) return 1;
    if (u8(b, at + 2) < 4) return 2;
    if (this.found.srr !== 0) return 0; // RFC 1812 §5.2.4.1
    if (!this.#receiving) {
      if (u8(b, at + 2) !== 4 || length < 7 || ((length - 3) & 3) !== 0) return 1;
      this.found.firstHop = u32(b, at + 3);
      b.copyWithin(at + 3, at + 7, at + length);
    }
    this.found.strict = type === IPOPT_SSRR;
    this.found.srr = at - this.#net;
    return -1;
  }

  #recordRoute(at: number, length: number): number {
    const b = this.#b;
    const pointer = u8(b, at + 2);
    if (this.found.rr !== 0) return 0;
    if (length < 3) return 1;
    if (pointer < 4) return 2;
    if (pointer <= length) {
      if (pointer + 3 > length) return 2;
      if (this.#receiving) this.#write(at + pointer - 1, this.#address);
      setU8(b, at + 2, pointer + 4);
      this.found.rrRecorded = true;
    }
    this.found.rr = at - this.#net;
    return -1;
  }

  #timestamp(at: number, length: number): number {
    const b = this.#b;
    if (this.found.ts !== 0) return 0;
    if (length < 4) return 1;
    const pointer = u8(b, at + 2);
    const flag = u8(b, at + 3) & 15;
    if (pointer < 5) return 2;
    if (pointer <= length) {
      if (pointer + (flag === TS_AND_ADDRESS || flag === TS_PRESPECIFIED ? 7 : 3) > length) return 2;
      this.#stamp(at, pointer, flag);
    } else if (flag !== TS_PRESPECIFIED) {
      if (this.#receiving && !this.#overflow(at)) return 3;
    }
    this.found.ts = at - this.#net;
    return -1;
  }

  /** One more node found no room. False: the count itself has none left. */
  #overflow(at: number): boolean {
    const octet = u8(this.#b, at + 3);
    if (octet >> 4 === 15) return false;
    setU8(this.#b, at + 3, octet + 16);
    this.found.changed = true;
    return true;
  }

  #stamp(at: number, pointer: number, flag: number): void {
    const b = this.#b;
    const place = at + pointer - 1;
    const found = this.found;
    const receiving = this.#receiving;
    switch (flag) {
      case TS_ONLY:
        if (receiving) this.#write(place, timestampNow(this.#kernel));
        break;
      case TS_AND_ADDRESS:
        if (receiving) this.#write(place, this.#address);
        if (receiving) this.#write(place + 4, timestampNow(this.#kernel));
        found.tsAddress = true;
        break;
      case TS_PRESPECIFIED:
        if (this.#kernel.fib.addressType(u32(b, place)) === "unicast") return;
        if (receiving) this.#write(place + 4, timestampNow(this.#kernel));
        break;
      default:
        return;
    }
    found.tsTime = true;
    setU8(b, at + 2, pointer + (flag === TS_ONLY ? 4 : 8));
  }

  #write(at: number, word: number): void {
    setU32(this.#b, at, word);
    this.found.changed = true;
  }
}

function clear(found: Found): void {
  found.srr = 0;
  found.strict = false;
  found.firstHop = 0;
  found.rr = 0;
  found.rrRecorded = false;
  found.ts = 0;
  found.tsAddress = false;
  found.tsTime = false;
  found.routerAlert = 0;
  found.changed = false;
}
