import { type Ipv4 as Ipv4Address, isMulticast } from "../../../core/addr.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, PACKET_OTHERHOST, PACKET_UNHEARD, type Packet } from "../../../core/packet.ts";
import type { Simulation } from "../../../core/sim.ts";
import { ICMP_DEST_UNREACH, ICMP_EXC_TTL, ICMP_FRAG_NEEDED, ICMP_TIME_EXCEEDED } from "../../../protocols/icmp/wire.ts";
import {
  decrementTtl,
  dontFragment,
  dstI32,
  dst as dstOf,
  headerLength,
  isFragment,
  protocol as protocolOf,
  srcI32,
  tos as tosOf,
  totalLength,
  ttl as ttlOf,
  validHeaderIn,
  writeHeader,
} from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import type { Netfilter } from "../netfilter/hooks.ts";
import { sawDeliver, sawOutput, sawRoute } from "../saw.ts";
import {
  DST_BROADCAST,
  DST_ERROR,
  DST_FORWARD,
  DST_LOCAL,
  DST_MARTIAN_DESTINATION,
  DST_MARTIAN_SOURCE,
  DST_MULTICAST,
  DST_RP_FILTER,
  type Dst,
  TOS_ROUTING,
} from "./dst.ts";
import { PathExceptions } from "./exceptions.ts";
import { fragment } from "./fragment.ts";
import { Ipv4Options } from "./options.ts";
import { Peers } from "./peers.ts";
import { Reassembly } from "./reassembly.ts";
import { answers, Routes } from "./routes.ts";

/** A protocol above IPv4. `p.start` is at its header, `p.net` at the IP header. Takes ownership. */
export interface Transport {
  receive(p: Packet, dev: NetDevice, d: Dst): void;
  /**
   * An ICMP error about something that was sent: `p.start` is at the quoted transport header, `p.net` at the quoted IP
   * header, `outer` is the offset of the error's own IP header. Looks only.
   */
  error?(p: Packet, outer: number, icmpType: number, icmpCode: number, info: number): void;
  /** Whether a program waits for connections to that address and port (TCP). */
  listens?(address: Ipv4Address, port: number): boolean;
  /** False: the error quotes nothing that is out, somebody made it up, and nothing is learnt of it (RFC 5927 §4.1). As `error`. */
  quotesOurs?(p: Packet): boolean;
}

const OTHER_HOST = dropReason("other host: the frame is addressed to another MAC");
/** Drop reasons by the `HEADER_*` number that `validHeader` gives. */
const HEADER_DROPS: readonly DropReason[] = [
  0,
  dropReason("ip: header cut short"),
  dropReason("ip: version is not 4"),
  dropReason("ip: header length out of bounds"),
  dropReason("ip: bad header checksum"),
  dropReason("ip: total length out of bounds"),
  dropReason("ip: total length out of bounds"),
];
const TTL_EXCEEDED = dropReason("ip: TTL exceeded");
const TOO_BIG = dropReason("ip: does not fit and must not be fragmented");
const L2_BROADCAST = dropReason("ip: link-layer broadcast with unicast destination");
const NO_ROUTE = dropReason("ip: no route");
const BLACKHOLE = dropReason("ip: blackhole route");
const UNREACHABLE = dropReason("ip: unreachable route");
const PROHIBIT = dropReason("ip: prohibit route");
const NOT_FORWARDING = dropReason("ip: forwarding is off");
const NOT_JOINED = dropReason("ip: multicast group not joined");
const MARTIAN_SOURCE = dropReason("ip: martian source");
const MARTIAN_DESTINATION = dropReason("ip: martian destination");
const RP_FILTER = dropReason("ip: reverse path filter");
const NEIGH_FULL = dropReason("neigh: table full");

/** The IPv4 layer of a node, in Linux's order: receive, route, deliver or forward, output, neighbour. */
export class Ipv4 {
  readonly routes: Routes;
  readonly exceptions: PathExceptions;
  readonly options: Ipv4Options;
  readonly reassembly: Reassembly;
  readonly peers: Peers;
  /** Raw sockets that are open: usually none, and then nothing is asked. */
  rawListeners = 0;
  readonly #kernel: Kernel;
  readonly #sim: Simulation;
  /** The answer to the last question about a packet that came in. */
  #recent: Dst | null = null;
  /** The protocol of the last packet delivered, and its receiver: most nodes speak one. */
  #lastProtocol = -1;
  #lastTransport: Transport | undefined;
  readonly #protocols: (Transport | undefined)[] = [];
  /** Datagrams sent, from a seeded start: what identifications are made of. */
  #datagrams: number;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#sim = kernel.sim;
    this.#datagrams = kernel.sim.rngOnce(`ip id ${kernel.name}`).u16();
    this.routes = new Routes(kernel);
    this.exceptions = new PathExceptions(kernel);
    this.options = new Ipv4Options(kernel);
    this.reassembly = new Reassembly(kernel);
    this.peers = new Peers(kernel);
  }

  /** Makes `transport` the receiver of one protocol number; undefined takes it away. */
  register(protocol: number, transport: Transport | undefined): void {
    this.#protocols[protocol] = transport;
    this.#lastProtocol = -1;
  }
  transport(protocol: number): Transport | undefined {
    return this.#protocols[protocol];
  }

  /** net/ipv4/ip_input.c:ip_rcv and ip_rcv_finish. `p` starts at the IP header. Takes ownership. */
  receive(p: Packet, dev: NetDevice): void {
    const kernel = this.#kernel;
    const net = p.start;
    if (p.type === PACKET_OTHERHOST) return kernel.drop(p, OTHER_HOST, dev.name);
    const fault = validHeaderIn(p.view, p.buf, net, p.end);
    if (fault !== 0) return kernel.drop(p, HEADER_DROPS[fault] as DropReason, dev.name);
    p.net = net;
    p.trim(totalLength(p.buf, net));
    if (kernel.netfilter === null) return this.#received(p, dev);
    const kept = kernel.netfilter.preRouting(p, dev);
    if (kept !== null) this.#received(kept, dev);
  }

  /** net/ipv4/ip_input.c:ip_rcv_finish. */
  #received(p: Packet, dev: NetDevice): void {
    const net = p.net;
    let d = this.#route(dstI32(p.buf, net), srcI32(p.buf, net), dev, tosOf(p.buf, net) & TOS_ROUTING, p.mark);
    if (p.trail !== null) sawRoute(p, this.#kernel, d);
    if (headerLength(p.buf, net) > 20 && d.type <= DST_ERROR) {
      const way = this.options.receive(p, dev, d);
      if (way === null) return;
      d = way;
    }
    if (d.type === DST_FORWARD) this.#forward(p, d, dev);
    else if (d.type === DST_LOCAL || d.type === DST_BROADCAST || d.type === DST_MULTICAST) this.deliver(p, dev, d);
    else this.#reject(p, d, dev);
  }

  /** The route of a packet that came in. Most nodes are asked the same again and again: the last answer is tried first. */
  #route(dst: number, src: number, dev: NetDevice, tos: number, mark: number): Dst {
    const recent = this.#recent;
    if (recent !== null && answers(recent, dst, src, dev.ifindex, tos, mark) && recent.holds(this.#sim)) return recent;
    return (this.#recent = this.routes.input(dst, src, dev, tos, mark));
  }

  /** net/ipv4/ip_input.c:ip_local_deliver. `p` starts at the IP header. Takes ownership. */
  deliver(p: Packet, dev: NetDevice, d: Dst): void {
    const kernel = this.#kernel;
    if (isFragment(p.buf, p.net)) {
      const whole = this.reassembly.add(p, dev);
      if (whole !== null) this.deliver(whole, dev, d);
      return;
    }
    if (kernel.netfilter !== null && !kernel.netfilter.input(p, dev)) return;
    const protocol = protocolOf(p.buf, p.net);
    p.start = p.net + headerLength(p.buf, p.net);
    if (p.trail !== null) sawDeliver(p, dev);
    const heard = this.rawListeners > 0 && kernel.raw.deliver(p, protocol);
    const transport = protocol === this.#lastProtocol ? this.#lastTransport : this.#find(protocol);
    if (transport !== undefined) return transport.receive(p, dev, d);
    if (heard) return kernel.consume(p);
    kernel.icmp.protocolUnreachable(p, dev);
  }

  #find(protocol: number): Transport | undefined {
    this.#lastProtocol = protocol;
    return (this.#lastTransport = this.#protocols[protocol]);
  }

  /** net/ipv4/ip_forward.c:ip_forward. */
  #forward(p: Packet, d: Dst, dev: NetDevice): void {
    const kernel = this.#kernel;
    const buf = p.buf;
    const net = p.net;
    if (p.type !== PACKET_HOST) return kernel.drop(p, L2_BROADCAST, dev.name);
    if (ttlOf(buf, net) <= 1) {
      kernel.icmp.error(p, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
      return kernel.drop(p, TTL_EXCEEDED, dev.name);
    }
    const hasOptions = headerLength(buf, net) > 20;
    if (hasOptions && !this.options.mayForward(p, d)) return;
    const tooBig = p.end - net > d.mtu;
    if (tooBig && dontFragment(buf, net) && !cameInPieces(p, d)) return this.#tooBig(p, d);
    decrementTtl(buf, net);
    if (d.redirect) kernel.icmp.redirect(p, d);
    if (kernel.netfilter !== null) {
      if (!kernel.netfilter.forward(p, dev, d)) return;
      if (hasOptions) this.options.forward(p, d);
      return this.#leave(p, d, dev, kernel.netfilter);
    }
    if (hasOptions) this.options.forward(p, d);
    if (tooBig) this.#outputFragments(p, d);
    else this.#finish(p, d);
  }

  #tooBig(p: Packet, d: Dst): void {
    this.#kernel.icmp.error(p, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, d.mtu);
    this.#kernel.drop(p, TOO_BIG, d.dev.name);
  }

  /** net/ipv4/route.c:ip_error: what cannot be routed. */
  #reject(p: Packet, d: Dst, dev: NetDevice): void {
    const kernel = this.#kernel;
    switch (d.type) {
      case DST_MARTIAN_SOURCE:
        return kernel.drop(p, MARTIAN_SOURCE, dev.name);
      case DST_MARTIAN_DESTINATION:
        return kernel.drop(p, MARTIAN_DESTINATION, dev.name);
      case DST_RP_FILTER:
        return kernel.drop(p, RP_FILTER, dev.name);
      default:
        if (isMulticast(dstOf(p.buf, p.net))) return kernel.drop(p, NOT_JOINED, dev.name);
        if (!dev.inet.forwarding) return kernel.drop(p, NOT_FORWARDING, dev.name);
        kernel.icmp.routeError(p, d.errno);
        kernel.drop(p, rejectReason(d), dev.name);
    }
  }

  /**
   * Sends a transport's packet: `p` starts at the transport header. `flags` is `IP_DF` or 0; `options` are IP options.
   * Takes ownership.
   */
  send(
    p: Packet,
    d: Dst,
    protocol: number,
    src: Ipv4Address,
    dst: Ipv4Address,
    ttl: number,
    tos: number,
    flags: number,
    options?: Uint8Array,
    id = this.nextId(src, dst, protocol),
  ): void {
    if (options !== undefined && options.length > 0)
      return this.options.send(p, d, protocol, src, dst, ttl, tos, flags, options, id);
    p.push(20);
    writeHeader(p.buf, p.start, tos, p.end - p.start, id, flags, ttl, protocol, src, dst);
    p.net = p.start;
    this.output(p, d);
  }

  /** net/ipv4/ip_output.c:ip_output: a complete IP packet leaves by a route. Takes ownership. */
  output(p: Packet, d: Dst): void {
    if (p.trail !== null) sawOutput(p, this.#kernel, d);
    const { netfilter } = this.#kernel;
    if (netfilter !== null) {
      const way = netfilter.output(p, d);
      if (way !== null) this.#leave(p, way, null, netfilter);
      return;
    }
    if (d.type === DST_LOCAL) return this.#kernel.loopback.send(withLinkHeader(p));
    if (d.type === DST_BROADCAST) this.#loopBack(p, d);
    if (p.end - p.net > d.mtu) {
      if (dontFragment(p.buf, p.net) && !d.mtuLocked) return this.#tooBig(p, d);
      this.#outputFragments(p, d);
    } else this.#finish(p, d);
  }

  /** `ip_output` where there are hooks; `dev` is the device by which the packet came in, null for one made here. */
  #leave(p: Packet, d: Dst, dev: NetDevice | null, netfilter: Netfilter): void {
    if (!netfilter.postRouting(p, d, dev)) return;
    if (d.type === DST_LOCAL) return this.#kernel.loopback.send(withLinkHeader(p));
    if (d.type === DST_BROADCAST) this.#loopBack(p, d);
    p.nfct = p.nfctInfo = 0;
    const tooBig = p.end - p.net > d.mtu;
    if (tooBig && dontFragment(p.buf, p.net) && !d.mtuLocked && !cameInPieces(p, d)) return this.#tooBig(p, d);
    if (tooBig || p.fragMax !== 0) this.#outputFragments(p, d);
    else this.#finish(p, d);
  }

  /**
   * The next identification for a datagram: one counter, with an offset for source, destination and protocol, so that it
   * neither repeats soon nor tells one host how much another gets (RFC 7739 §5.3; Linux keeps 2,048 counters instead).
   */
  nextId(src: Ipv4Address, dst: Ipv4Address, protocol: number): number {
    const h = Math.imul(dst ^ Math.imul(src, 0x85ebca6b) ^ protocol, 0x9e3779b1);
    this.#datagrams = (this.#datagrams + 1) & 0xffff;
    return ((h >>> 16) + this.#datagrams) & 0xffff;
  }

  /** A waiting packet cannot be sent: its neighbour does not answer (net/ipv4/route.c:ipv4_link_failure). Takes ownership. */
  linkFailure(p: Packet, reason: DropReason, dev: NetDevice): void {
    this.#kernel.icmp.hostUnreachable(p);
    this.#kernel.drop(p, reason, dev.name);
  }

  /** Equal-cost paths are chosen by a hash of addresses, and of ports when `fib_multipath_hash_policy` is 1. */
  multipathHash(d: Dst, src: Ipv4Address, dst: Ipv4Address): number {
    const layer4 = this.#kernel.sysctl.fib_multipath_hash_policy === 1;
    if (layer4) d.perPacket = true;
    return mix(src, dst, layer4 ? this.flowPorts : 0, this.#kernel.hashSeed);
  }
  /** Ports and protocol of the packet that is being routed, for layer-4 path hashing. */
  flowPorts = 0;

  #outputFragments(p: Packet, d: Dst): void {
    const mtu = p.fragMax !== 0 && p.fragMax < d.mtu ? p.fragMax : d.mtu;
    for (const piece of fragment(this.#kernel.sim.pool, p, mtu)) this.#finish(piece, d);
  }

  /** net/ipv4/ip_output.c:ip_finish_output2. */
  #finish(p: Packet, d: Dst): void {
    let n = d.neigh;
    if (n === null || n.dead) {
      if (d.hop !== null && d.hop.encap !== null && d.type === DST_FORWARD)
        return this.#kernel.mpls.push(p, d, d.hop.encap);
      if (d.dev.headerLength === 0) return d.dev.send(p);
      const found = this.#kernel.neigh.findOrCreate(d.dev, d.nextHop >>> 0);
      if (found === undefined) return this.#kernel.drop(p, NEIGH_FULL, d.dev.name);
      d.neigh = n = found;
    }
    if (!n.ready) return n.output(p);
    n.address(p);
    d.dev.send(p); // n.dev, without asking n for it: two cache misses at once instead of one after the other
  }

  /** Broadcasts, and groups that this node joined, are heard by their sender too (net/ipv4/ip_output.c:ip_mc_output). */
  #loopBack(p: Packet, d: Dst): void {
    if (p.type === PACKET_UNHEARD) {
      p.type = PACKET_HOST;
      return;
    }
    const dst = dstOf(p.buf, p.net);
    if (isMulticast(dst) && !(d.dev.inet.groups?.has(dst) ?? false)) return;
    const copy = this.#kernel.sim.pool.clone(p);
    copy.type = PACKET_HOST;
    copy.nfct = p.nfct;
    copy.nfctInfo = p.nfctInfo;
    this.#kernel.loopback.loopBack(copy, d);
  }
}

/** Put together here from fragments that fit: they will leave as they came, DF or not (net/ipv4/ip_forward.c:ip_exceeds_mtu). */
const cameInPieces = (p: Packet, d: Dst): boolean => p.fragMax !== 0 && p.fragMax <= d.mtu;

function withLinkHeader(p: Packet): Packet {
  p.push(14);
  p.buf.fill(0, p.start, p.start + 12);
  p.view.setUint16(p.start + 12, 0x0800);
  return p;
}

function rejectReason(d: Dst): DropReason {
  switch (d.errno) {
    case "EINVAL":
      return BLACKHOLE;
    case "EACCES":
      return PROHIBIT;
    case "EHOSTUNREACH":
      return d.type === DST_ERROR && d.route !== null ? UNREACHABLE : NO_ROUTE;
    default:
      return NO_ROUTE;
  }
}

function mix(src: number, dst: number, ports: number, seed: number): number {
  let h = seed | 0;
  for (const word of [src, dst, ports]) {
    h = Math.imul(h ^ word, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}
