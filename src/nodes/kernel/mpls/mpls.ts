import { type DropReason, dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_MPLS, writeHeader } from "../../../protocols/ethernet/wire.ts";
import { changeTtl, HEADER as IP_HEADER, ttl as ipTtl, version } from "../../../protocols/ipv4/wire.ts";
import { ENTRY, isBottom, label as labelOf, ttl as ttlOf, writeEntry } from "../../../protocols/mpls/wire.ts";
import type { Encap } from "../fib/encap.ts";
import type { Dst } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { saw } from "../saw.ts";
import { tellExpired, tellTooBig } from "./errors.ts";
import { choose } from "./multipath.ts";
import { type LabelHop, type LabelRoute, LabelRoutes } from "./routes.ts";

const OTHER_HOST = dropReason("other host: the frame is addressed to another MAC");
const CARRIER = dropReason("carrier is down");
const DOWN = dropReason("device is down");
const NEIGH_FULL = dropReason("neigh: table full");
const INPUT_OFF = dropReason("mpls: input is off");
const NO_ROUTE = dropReason("mpls: no route for this label");
const NO_WAY = dropReason("mpls: no way that lives");
const MALFORMED = dropReason("mpls: malformed");
const EXPIRED = dropReason("mpls: TTL exceeded");
const TOO_BIG = dropReason("mpls: does not fit");
const NOT_IPV4 = dropReason("mpls: not IPv4 below the labels");

/** What MPLS keeps of a device (`struct mpls_dev`); counters as `ip link afstats` shows them. */
export class MplsDevice {
  /** `net.mpls.conf.<device>.input`. */
  input = 0;
  rxPackets = 0;
  rxBytes = 0;
  rxErrors = 0;
  rxDropped = 0;
  rxNoRoute = 0;
  txPackets = 0;
  txBytes = 0;
  txErrors = 0;
}

/** Label switching of a node (net/mpls/af_mpls.c, net/mpls/mpls_iptunnel.c). */
export class Mpls {
  readonly routes: LabelRoutes;
  /** `net.mpls.ip_ttl_propagate`. */
  ip_ttl_propagate = 1;
  /** `net.mpls.default_ttl`: of labels put on packets whose own TTL stays hidden. */
  default_ttl = 255;
  /** `net.mpls.ip_errors`: 1 answers senders and cuts packets as RFC 3032 §2.3 and §3.4 say; 0 drops in silence, as Linux does. */
  ip_errors = 1;
  readonly #kernel: Kernel;
  readonly #devices = new Map<NetDevice, MplsDevice>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.routes = new LabelRoutes(kernel);
    kernel.watchDevices((dev, event) => {
      if (event !== "unregistered") return this.routes.deviceChanged(dev);
      this.#devices.delete(dev);
      this.routes.deviceRemoved(dev);
    });
  }

  /** What MPLS keeps of a device. */
  device(dev: NetDevice): MplsDevice {
    let known = this.#devices.get(dev);
    if (known === undefined) this.#devices.set(dev, (known = new MplsDevice()));
    return known;
  }

  /** net/mpls/af_mpls.c:mpls_forward. `p` starts at the label stack. Takes ownership. */
  receive(p: Packet, dev: NetDevice): void {
    const m = this.device(dev);
    p.net = 0;
    m.rxPackets++;
    m.rxBytes += p.end - p.start;
    if (m.input === 0) {
      m.rxDropped++;
      return this.#kernel.drop(p, INPUT_OFF, dev.name);
    }
    if (p.type !== PACKET_HOST) return this.#bad(p, OTHER_HOST, m, dev);
    if (p.end - p.start < ENTRY) return this.#bad(p, MALFORMED, m, dev);
    const route = this.routes.find(labelOf(p.buf, p.start));
    if (route === undefined) {
      m.rxNoRoute++;
      return this.#kernel.drop(p, NO_ROUTE, dev.name);
    }
    const hop = choose(route, p, this.#kernel.hashSeed);
    if (hop === undefined) return this.#bad(p, NO_WAY, m, dev);
    const ttl = ttlOf(p.buf, p.start);
    if (ttl > 1) return this.#forward(p, route, hop, ttl - 1, dev, m); // RFC 3032 §2.4.3
    if (this.ip_errors !== 0) tellExpired(this.#kernel, p);
    this.#bad(p, EXPIRED, m, dev);
  }

  /** net/mpls/mpls_iptunnel.c:mpls_xmit: an IPv4 packet (`p` starts at its header) leaves under labels. Takes ownership. */
  push(p: Packet, d: Dst, encap: Encap): void {
    const { dev } = d;
    const { labels } = encap;
    const { buf, start } = p;
    if (!this.#possible(p, dev)) return;
    if (p.end - start > dev.mtu - ENTRY * labels.length) return this.#kernel.drop(p, TOO_BIG, dev.name);
    const own = encap.ttl === 0 || (encap.ttl < 0 && this.ip_ttl_propagate !== 0); // RFC 3443 §3.1
    this.#pushLabels(p, labels, own ? ipTtl(buf, start) : encap.ttl < 0 ? this.default_ttl : encap.ttl, true);
    if (p.trail !== null) saw(p, this.#kernel, dev.name, "tunnel", `pushes the labels ${labels.join("/")}`);
    this.#count(p, dev);
    const n = this.#kernel.neigh.findOrCreate(dev, d.viaGateway ? d.nextHop : 0);
    if (n === undefined) return this.#kernel.drop(p, NEIGH_FULL, dev.name);
    n.outputLabelled(p);
  }

  #forward(p: Packet, route: LabelRoute, hop: LabelHop, ttl: number, from: NetDevice, m: MplsDevice): void {
    const { dev, labels } = hop;
    const bottom = isBottom(p.buf, p.start);
    if (!this.#possible(p, dev)) return;
    if (p.end - p.start - ENTRY > dev.mtu - ENTRY * labels.length) return this.#tooBig(p, hop, ttl);
    if (p.trail !== null) this.#note(p, hop);
    p.start += ENTRY;
    if (labels.length === 0 && bottom) {
      if (!this.#uncover(p, route, ttl)) return this.#bad(p, NOT_IPV4, m, from);
      this.#count(p, dev);
      return this.#transmit(p, hop, ETHERTYPE_IPV4);
    }
    this.#pushLabels(p, labels, ttl, bottom);
    this.#count(p, dev);
    this.#transmit(p, hop, ETHERTYPE_MPLS);
  }

  /** The last label is off: the TTL goes on in the IP header (net/mpls/af_mpls.c:mpls_egress). False: it is no IPv4 header. */
  #uncover(p: Packet, route: LabelRoute, ttl: number): boolean {
    const { buf, start } = p;
    if (p.end - start < IP_HEADER || version(buf, start) !== 4) return false;
    const before = ipTtl(buf, start);
    const propagates = route.ttlPropagate ?? this.ip_ttl_propagate !== 0;
    changeTtl(buf, start, propagates ? ttl : Math.max(before - 1, 0));
    p.net = start;
    return true;
  }

  /** RFC 3032 §3.4 and §3.5. */
  #tooBig(p: Packet, hop: LabelHop, ttl: number): void {
    const { dev } = hop;
    this.device(dev).txErrors++;
    const pieces = this.ip_errors === 0 ? null : tellTooBig(this.#kernel, p, dev.mtu, hop.labels.length);
    if (pieces === null) return this.#kernel.drop(p, TOO_BIG, dev.name);
    for (const piece of pieces) {
      const bottom = isBottom(piece.buf, piece.start);
      piece.start += ENTRY;
      this.#pushLabels(piece, hop.labels, ttl, bottom);
      this.#count(piece, dev);
      this.#transmit(piece, hop, ETHERTYPE_MPLS);
    }
  }

  #pushLabels(p: Packet, labels: readonly number[], ttl: number, bottom: boolean): void {
    p.push(ENTRY * labels.length);
    p.net = 0;
    const last = labels.length - 1;
    for (let i = 0; i <= last; i++)
      writeEntry(p.buf, p.start + ENTRY * i, labels[i] as number, 0, bottom && i === last, ttl);
  }

  /** net/core/neighbour.c:neigh_xmit. `p.net` is 0 unless it is an IPv4 packet. */
  #transmit(p: Packet, hop: LabelHop, type: number): void {
    const { dev, via } = hop;
    if (via === undefined) {
      p.push(dev.headerLength);
      writeHeader(p.buf, p.start, dev.mac, dev.mac, type);
      return dev.send(p);
    }
    let n = hop.neigh;
    if (n === null || n.dead) {
      const found = this.#kernel.neigh.findOrCreate(dev, via);
      if (found === undefined) return this.#kernel.drop(p, NEIGH_FULL, dev.name);
      hop.neigh = n = found;
    }
    if (type === ETHERTYPE_IPV4) n.output(p);
    else n.outputLabelled(p);
  }

  /** net/mpls/af_mpls.c:mpls_output_possible. False: the packet is gone. */
  #possible(p: Packet, dev: NetDevice): boolean {
    if (dev.up && dev.carrier) return true;
    this.device(dev).txErrors++;
    this.#kernel.drop(p, dev.up ? CARRIER : DOWN, dev.name);
    return false;
  }

  #count(p: Packet, dev: NetDevice): void {
    const m = this.device(dev);
    m.txPackets++;
    m.txBytes += p.end - p.start;
  }

  #bad(p: Packet, reason: DropReason, m: MplsDevice, dev: NetDevice): void {
    m.rxErrors++;
    this.#kernel.drop(p, reason, dev.name);
  }

  #note(p: Packet, hop: LabelHop): void {
    const done = hop.labels.length === 0 ? "is popped" : `becomes ${hop.labels.join("/")}`;
    saw(p, this.#kernel, hop.dev.name, "route", `label ${labelOf(p.buf, p.start)} ${done}, out by ${hop.dev.name}`);
  }
}
