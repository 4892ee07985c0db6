import { formatIp, parseIp } from "../../core/addr.ts";
import { setU16 } from "../../core/bytes.ts";
import type { Nanos } from "../../core/time.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { HEADER as ETHERNET, ETHERTYPE_IPV4 } from "../../protocols/ethernet/wire.ts";
import * as icmp from "../../protocols/icmp/wire.ts";
import * as ipv4 from "../../protocols/ipv4/wire.ts";
import * as tcp from "../../protocols/tcp/wire.ts";
import * as udp from "../../protocols/udp/wire.ts";
import { LabError } from "../errors.ts";
import type { LabNode } from "../node.ts";

/** A packet that a host got, as its raw sockets see it: put together where it came in fragments. */
export interface Heard {
  readonly at: Nanos;
  /** From its IP header on. */
  readonly bytes: Uint8Array;
  readonly protocol: number;
  readonly ttl: number;
  readonly src: string;
  readonly dst: string;
  /** TCP and UDP; -1 otherwise. */
  readonly sport: number;
  readonly dport: number;
  /** TCP. */
  readonly flags: number;
  /** ICMP: type, code, and identifier; -1 otherwise. */
  readonly type: number;
  readonly code: number;
  readonly id: number;
  /** Behind the transport header. */
  readonly data: Uint8Array;
}

export interface SegmentFields {
  readonly seq?: number;
  readonly ack?: number;
  readonly data?: string;
  readonly ttl?: number;
}

/** A host that speaks no TCP and no UDP of its own: it sends what it is told, and remembers what it gets. */
export class NatHost {
  readonly node: LabNode;
  readonly address: string;
  #heard: Heard[] = [];

  constructor(node: LabNode, address: string) {
    this.node = node;
    this.address = address;
    const { kernel } = node;
    for (const protocol of [ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP]) kernel.ipv4.register(protocol, undefined);
    for (const protocol of [ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP, ipv4.IPPROTO_ICMP])
      kernel.os
        .rawSocket(protocol)
        .onReceive((b, _o, end, info) => this.#heard.push(read(kernel.sim.now, b.slice(info.header, end))));
  }

  /** What it got since it was asked last. */
  take(): Heard[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  sendUdp(sport: number, to: string, dport: number, data: string | Uint8Array = "hello"): void {
    this.#send(ipv4.IPPROTO_UDP, to, this.udp(sport, to, dport, data));
  }
  /** A datagram with its header. */
  udp(sport: number, to: string, dport: number, data: string | Uint8Array, from = this.address): Uint8Array {
    const body = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const b = new Uint8Array(udp.HEADER + body.length);
    udp.writeHeader(b, 0, sport, dport, b.length);
    b.set(body, udp.HEADER);
    udp.seal(b, 0, b.length, ip(from), ip(to));
    return b;
  }

  sendTcp(sport: number, to: string, dport: number, flags: number, f: SegmentFields = {}): void {
    const data = new TextEncoder().encode(f.data ?? "");
    const b = new Uint8Array(tcp.HEADER + data.length);
    tcp.writeHeader(b, 0, sport, dport, f.seq ?? 0, f.ack ?? 0, tcp.HEADER, flags, 65_535);
    b.set(data, tcp.HEADER);
    tcp.seal(b, 0, b.length, ip(this.address), ip(to));
    this.#send(ipv4.IPPROTO_TCP, to, b, f.ttl);
  }

  /** An ICMP query or answer: `rest` is the identifier. */
  sendIcmp(to: string, type: number, id: number, code = 0): void {
    const body = type === icmp.ICMP_TIMESTAMP || type === icmp.ICMP_TIMESTAMPREPLY ? 12 : 16;
    const b = new Uint8Array(icmp.HEADER + body);
    icmp.writeHeader(b, 0, type, code, ((id << 16) | 1) >>> 0);
    icmp.seal(b, 0, b.length);
    this.#send(ipv4.IPPROTO_ICMP, to, b);
  }

  /** An ICMP error about a packet that it got, or that somebody did: it goes back to where that came from. */
  sendError(about: Heard, type: number, code: number): void {
    this.#send(ipv4.IPPROTO_ICMP, about.src, errorAbout(about, type, code));
  }

  /** Puts a packet on the wire as it stands; `comment` says in captures what is the matter with it. */
  sendRaw(packet: Uint8Array, via: NetDevice, comment = ""): void {
    const { kernel } = this.node;
    const dev = this.node.dev("eth0");
    const p = kernel.sim.pool.alloc(ETHERNET + packet.length);
    for (const [at, mac] of [
      [p.start, via.mac],
      [p.start + 6, dev.mac],
    ] as const)
      for (let i = 0; i < 6; i++) p.buf[at + i] = Math.floor(mac / 2 ** (8 * (5 - i))) & 0xff;
    setU16(p.buf, p.start + 12, ETHERTYPE_IPV4);
    p.buf.set(packet, p.start + ETHERNET);
    p.note = comment;
    p.cacheSum(p.end);
    dev.send(p);
  }

  /** A packet of its own, or with another source. */
  packet(protocol: number, to: string, payload: Uint8Array, word = 0, id = 7, from = this.address): Uint8Array {
    const b = new Uint8Array(ipv4.HEADER + payload.length);
    ipv4.writeHeader(b, 0, 0, b.length, id, word, 64, protocol, ip(from), ip(to));
    ipv4.seal(b, 0);
    b.set(payload, ipv4.HEADER);
    return b;
  }

  #send(protocol: number, to: string, payload: Uint8Array, ttl?: number): void {
    const socket = this.node.kernel.os.rawSocket(protocol);
    const options = { pathMtuDiscovery: "dont" as const, ...(ttl !== undefined && { ttl }) };
    const sent = socket.sendTo(payload, ip(to), options);
    socket.close();
    if (!sent.ok) throw new LabError(`${this.node.name}: to ${to}: ${sent.errno}`);
  }
}

/** The message of an ICMP error that quotes a packet's header and 8 octets, or all of a short one. */
export function errorAbout(about: Heard, type: number, code: number): Uint8Array {
  const quoted = about.bytes.slice(0, Math.min(about.bytes.length, 128));
  const b = new Uint8Array(icmp.HEADER + quoted.length);
  b.set(quoted, icmp.HEADER);
  icmp.writeHeader(b, 0, type, code, 0);
  icmp.seal(b, 0, b.length);
  return b;
}

/** The packet that an ICMP error quotes. */
export function quotedIn(error: Heard): Heard {
  return read(error.at, error.bytes.slice(ipv4.headerLength(error.bytes, 0) + icmp.HEADER));
}

function read(at: Nanos, b: Uint8Array): Heard {
  const protocol = ipv4.protocol(b, 0);
  const o = ipv4.headerLength(b, 0);
  const isTcp = protocol === ipv4.IPPROTO_TCP;
  const ports = isTcp || protocol === ipv4.IPPROTO_UDP;
  const isIcmp = protocol === ipv4.IPPROTO_ICMP;
  const whole = b.length >= o + tcp.HEADER;
  const data = o + (isTcp ? (whole ? tcp.dataOffset(b, o) : tcp.HEADER) : 8);
  return {
    at,
    bytes: b,
    protocol,
    ttl: ipv4.ttl(b, 0),
    src: formatIp(ipv4.src(b, 0)),
    dst: formatIp(ipv4.dst(b, 0)),
    sport: ports ? udp.sport(b, o) : -1,
    dport: ports ? udp.dport(b, o) : -1,
    flags: isTcp && whole ? tcp.flags(b, o) : 0,
    type: isIcmp ? icmp.type(b, o) : -1,
    code: isIcmp ? icmp.code(b, o) : -1,
    id: isIcmp ? icmp.id(b, o) : -1,
    data: b.slice(data),
  };
}

export const ip = (text: string): number => parseIp(text) as number;
