import { type Ipv4, isLoopback, isMulticast, type Mac } from "../../core/addr.ts";
import { dropReason } from "../../core/drop.ts";
import { PACKET_HOST, PACKET_OTHERHOST, type Packet } from "../../core/packet.ts";
import {
  ARPOP_REPLY,
  ARPOP_REQUEST,
  isEthernetIpv4,
  LENGTH,
  op,
  sha,
  spa,
  tha,
  tpa,
  writePacket,
} from "../../protocols/arp/wire.ts";
import { ETHERTYPE_ARP, HEADER, writeHeader } from "../../protocols/ethernet/wire.ts";
import { src as ipSource } from "../../protocols/ipv4/wire.ts";
import { SCOPE_HOST, SCOPE_LINK } from "./fib/route.ts";
import { DST_FORWARD, DST_LOCAL } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import type { Neighbour } from "./neigh.ts";
import type { NetDevice } from "./netdev.ts";

const MALFORMED = dropReason("arp: malformed");
const IGNORED = dropReason("arp: ignored");
const OTHER_HOST = dropReason("other host: the frame is addressed to another MAC");

/** RFC 826 as Linux speaks it (net/ipv4/arp.c). */
export class Arp {
  readonly #kernel: Kernel;
  /** Proxy answers that wait, by device. */
  readonly #proxied = new WeakMap<NetDevice, number>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.neigh.solicit = (n, to, waiting) => this.#solicit(n, to, waiting);
  }

  /** net/ipv4/arp.c:arp_rcv and arp_process. `p` starts at the ARP header. Takes ownership. */
  receive(p: Packet, dev: NetDevice): void {
    const kernel = this.#kernel;
    if (p.type === PACKET_OTHERHOST) return kernel.drop(p, OTHER_HOST, dev.name);
    if (dev.noArp) return kernel.drop(p, IGNORED, dev.name);
    if (!isEthernetIpv4(p.buf, p.start, p.end)) return kernel.drop(p, MALFORMED, dev.name);
    const operation = op(p.buf, p.start);
    const target = tpa(p.buf, p.start);
    if (operation !== ARPOP_REQUEST && operation !== ARPOP_REPLY) return kernel.drop(p, IGNORED, dev.name);
    if (spa(p.buf, p.start) === target && dev.inet.or("drop_gratuitous_arp")) return kernel.drop(p, IGNORED, dev.name);
    if (isMulticast(target) || (isLoopback(target) && !dev.inet.or("route_localnet")))
      return kernel.drop(p, IGNORED, dev.name);
    if (operation === ARPOP_REQUEST) this.#request(p, dev);
    else this.#learn(p, dev, operation);
    kernel.consume(p);
  }

  /** Broadcasts a request in which sender and target are `address` (RFC 5227 §3), from `mac` or the device's own. */
  announce(dev: NetDevice, address: Ipv4, mac: Mac = dev.mac): void {
    this.send(dev, ARPOP_REQUEST, dev.broadcast, mac, address, dev.broadcast, address);
  }

  /** Tells the neighbours of all addresses of a device that came up or has another MAC (inetdev_send_gratuitous_arp). */
  notify(dev: NetDevice): void {
    for (const { address } of this.#kernel.addresses.list(dev.ifindex)) {
      this.send(dev, ARPOP_REQUEST, dev.broadcast, dev.mac, address, 0, address);
    }
  }

  /** Sends one ARP packet to link address `to`. */
  send(dev: NetDevice, operation: number, to: Mac, senderMac: Mac, sender: Ipv4, targetMac: Mac, target: Ipv4): void {
    if (dev.noArp || !dev.up) return;
    const p = this.#kernel.sim.pool.alloc(HEADER + LENGTH);
    writeHeader(p.buf, p.start, to, senderMac, ETHERTYPE_ARP);
    writePacket(p.buf, p.start + HEADER, operation, senderMac, sender, targetMac, target);
    p.cacheSum(p.start + HEADER);
    dev.send(p);
  }

  #request(p: Packet, dev: NetDevice): void {
    const kernel = this.#kernel;
    const senderMac = sha(p.buf, p.start);
    const sender = spa(p.buf, p.start);
    const target = tpa(p.buf, p.start);
    if (sender === 0) {
      // RFC 5227 §2.1.1: an address probe is answered when the address is ours.
      if (kernel.addresses.isLocal(target) && !this.#ignore(dev, sender, target)) {
        this.send(dev, ARPOP_REPLY, senderMac, dev.mac, target, senderMac, sender);
      }
      return;
    }
    const route = kernel.ipv4.routes.input(target, sender, dev, 0, 0);
    if (route.type === DST_LOCAL) {
      if (this.#ignore(dev, sender, target)) return;
      if (dev.inet.or("arp_filter") && this.#filtered(dev, sender, target)) return;
      const asking = kernel.neigh.findOrCreate(dev, sender);
      if (asking === undefined) return;
      asking.update(senderMac, "stale", true);
      return this.send(dev, ARPOP_REPLY, senderMac, dev.mac, target, senderMac, sender);
    }
    if (dev.inet.forwarding && route.type === DST_FORWARD && this.#proxies(dev, route.dev, sender, target)) {
      kernel.neigh.findOrCreate(dev, sender)?.update(senderMac, "stale", true);
      return this.#proxyReply(dev, senderMac, sender, target, p.type === PACKET_HOST);
    }
    this.#learn(p, dev, ARPOP_REQUEST);
  }

  /** The tail of arp_process: a reply, or a request that tells us something of a neighbour we already know. */
  #learn(p: Packet, dev: NetDevice, operation: number): void {
    const kernel = this.#kernel;
    const sender = spa(p.buf, p.start);
    const target = tpa(p.buf, p.start);
    const gratuitous =
      sender === target && (operation === ARPOP_REQUEST || tha(p.buf, p.start) === sha(p.buf, p.start));
    let n = kernel.neigh.find(dev, sender);
    if (n === undefined && (gratuitous || operation === ARPOP_REPLY) && this.#accepts(dev, sender)) {
      n = kernel.neigh.findOrCreate(dev, sender);
    }
    if (n === undefined) return;
    // Within the lock time the first answer stands: it beats those of proxies and impostors.
    const override = gratuitous || kernel.sim.now > n.updatedAt + dev.inet.neighParms.lockNs;
    const state = operation !== ARPOP_REPLY || p.type !== PACKET_HOST ? "stale" : "reachable";
    n.update(sha(p.buf, p.start), state, override);
  }

  /** net/ipv4/arp.c:arp_accept: whether a neighbour that nobody asked for is remembered. */
  #accepts(dev: NetDevice, sender: Ipv4): boolean {
    const mode = dev.inet.max("arp_accept");
    if (mode !== 1 && !(mode === 2 && this.#kernel.addresses.onLink(dev.ifindex, sender))) return false;
    return this.#kernel.ipv4.routes.isUnicast(sender);
  }

  /** net/ipv4/arp.c:arp_ignore. */
  #ignore(dev: NetDevice, sender: Ipv4, target: Ipv4): boolean {
    const book = this.#kernel.addresses;
    const here = book.list(dev.ifindex).find((a) => a.address === target);
    switch (dev.inet.max("arp_ignore")) {
      case 0:
        return false;
      case 1:
        return here === undefined;
      case 2:
        return here === undefined || !book.onLinkWith(dev.ifindex, target, sender);
      case 3:
        return !book.list().some((a) => a.address === target && a.scope < SCOPE_HOST);
      case 8:
        return true;
      default:
        return false;
    }
  }

  /** net/ipv4/arp.c:arp_filter: answer only on the device that the answer would take. */
  #filtered(dev: NetDevice, sender: Ipv4, target: Ipv4): boolean {
    const route = this.#kernel.ipv4.routes.output(sender, target, 0, 0, 0);
    return route.errno !== "" || route.dev !== dev;
  }

  /** Whether to answer for a host that lies behind `way`: another device, or (arp_fwd_pvlan) the asking one itself. */
  #proxies(dev: NetDevice, way: NetDevice, sender: Ipv4, target: Ipv4): boolean {
    if (way === dev) return sender !== target && dev.inet.or("proxy_arp_pvlan");
    const asked = this.#kernel.proxyNeighbours;
    return dev.inet.or("proxy_arp") || asked.has(`${dev.ifindex} ${target}`) || asked.has(`0 ${target}`);
  }

  /** Proxy answers wait a random part of proxy_delay, so that the owner's own answer comes first (pneigh_enqueue). */
  #proxyReply(dev: NetDevice, to: Mac, sender: Ipv4, target: Ipv4, unicast: boolean): void {
    const { sim, name } = this.#kernel;
    const reply = (): void => this.send(dev, ARPOP_REPLY, to, dev.mac, target, to, sender);
    const { proxyDelayNs, proxyQueueLength } = dev.inet.neighParms;
    if (proxyDelayNs === 0 || unicast) return reply();
    const waiting = this.#proxied.get(dev) ?? 0;
    if (waiting > proxyQueueLength) return;
    this.#proxied.set(dev, waiting + 1);
    const fire = (): void => {
      this.#proxied.set(dev, (this.#proxied.get(dev) ?? 1) - 1);
      reply();
    };
    sim.at(sim.now + sim.rng(`proxy arp ${name}`).int(proxyDelayNs), { label: name, fire });
  }

  /** net/ipv4/arp.c:arp_solicit. */
  #solicit(n: Neighbour, to: Mac, waiting: Packet | undefined): void {
    this.send(n.dev, ARPOP_REQUEST, to, n.dev.mac, this.#sourceFor(n, waiting), 0, n.ip);
  }

  #sourceFor(n: Neighbour, waiting: Packet | undefined): Ipv4 {
    const book = this.#kernel.addresses;
    const wanted = waiting === undefined || waiting.net === 0 ? 0 : ipSource(waiting.buf, waiting.net);
    const announce = n.dev.inet.max("arp_announce");
    if (announce === 0 && wanted !== 0 && book.isLocal(wanted)) return wanted;
    if (announce === 1 && wanted !== 0 && book.isLocal(wanted) && book.onLinkWith(n.dev.ifindex, n.ip, wanted))
      return wanted;
    return book.selectSource(n.dev.ifindex, n.ip, SCOPE_LINK);
  }
}
