import { formatIp, type Ipv4, isMulticast } from "../../../core/addr.ts";
import type { Packet } from "../../../core/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, HEADER } from "../../../protocols/ethernet/wire.ts";
import { IP_DF, IPPROTO_UDP, tos as tosOf } from "../../../protocols/ipv4/wire.ts";
import { sealSum, HEADER as UDP_HEADER, writeHeader } from "../../../protocols/udp/wire.ts";
import type { Dst } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { NetDevice, randomMac } from "../netdev.ts";
import { saw } from "../saw.ts";
import { classify } from "./classify.ts";
import { ecnDecapsulate, ecnEncapsulate } from "./ecn.ts";
import { flowHash, flowPort, flowSeed } from "./flow-hash.ts";
import { innerDf, innerOffset, innerTos, innerTtl, innerType, isCut, isIpv4 } from "./inner.ts";
import { fragNeededReply } from "./pmtu-reply.ts";
import {
  annotate,
  BAD_ECN,
  descends,
  LOOP,
  learnInnerMtu,
  MALFORMED,
  OUTER_IP,
  OuterRoute,
  routable,
  scrub,
  TOO_BIG,
} from "./tunnel.ts";

/** Whether outer packets may be fragmented on their way: `inherit` asks the inner packet. */
export type DfMode = "unset" | "set" | "inherit";

/** What tunnels over UDP have in common. */
export interface UdpTunnelOptions {
  /** 1 to 255; 0 (`auto`): the node's default, 1 to a group; `inherit` takes over the inner packet's. */
  readonly ttl?: number | "inherit";
  readonly tos?: number | "inherit";
  readonly df?: DfMode;
  /** Whether outer packets carry a UDP checksum. */
  readonly udpcsum?: boolean;
  readonly mtu?: number;
}

export interface UdpTunnelParms {
  /** 0: auto; -1: inherit. */
  readonly ttl: number;
  /** 1: inherit. */
  readonly tos: number;
  readonly df: DfMode;
  readonly udpcsum: boolean;
}

/** Where a copy of a frame goes. */
export class Endpoint {
  readonly ip: Ipv4;
  readonly port: number;
  readonly vni: number;
  /** The device to send by; 0: any. */
  readonly ifindex: number;
  readonly route = new OuterRoute();

  constructor(ip: Ipv4, port: number, vni: number, ifindex: number) {
    this.ip = ip;
    this.port = port;
    this.vni = vni;
    this.ifindex = ifindex;
  }
}

const TTL_INHERIT = -1;
const TOS_INHERIT = 1;

/** An Ethernet device whose frames travel in UDP over IPv4: VXLAN and Geneve. */
export abstract class UdpTunnelDevice extends NetDevice {
  /** Our address in outer packets; 0: the route's choice. */
  protected local: Ipv4 = 0;
  /** Source ports stand for flows: [low, high); both 0: `ip_local_port_range`. */
  sourcePorts: readonly [number, number] = [0, 0];
  /** Octets of the header between UDP and the frame. */
  protected abstract readonly tunnelHeader: number;
  udp: UdpTunnelParms;
  readonly #seed: number;

  constructor(kernel: Kernel, name: string, ifindex: number, udp: UdpTunnelParms) {
    super(kernel, name, ifindex);
    this.mac = randomMac(kernel, name);
    this.udp = udp;
    this.#seed = flowSeed(kernel);
  }

  /** Octets between the inner network header and the MTU of the outer packet. */
  get overhead(): number {
    return OUTER_IP + UDP_HEADER + this.tunnelHeader + HEADER;
  }

  /** Writes the tunnel's header at `o`. */
  protected abstract writeTunnelHeader(p: Packet, o: number, to: Endpoint): void;
  /** What captures call the tunnel: `VXLAN vni 2112`. */
  protected abstract title(to: Endpoint): string;
  /** Takes a frame whose way ends on this node, and ownership of it. */
  protected bypass(_p: Packet, _d: Dst, _to: Endpoint): boolean {
    return false;
  }

  /** vxlan_xmit_one, geneve_xmit_skb: one frame to one end point. Takes ownership. */
  protected encapsulate(p: Packet, to: Endpoint): void {
    if (!descends(this, p)) return;
    const { kernel, udp, stats } = this;
    const at = innerOffset(p);
    const type = at < 0 ? 0 : innerType(p, at);
    if (at < 0 || isCut(p, at, type)) {
      stats.txErrors++;
      return kernel.drop(p, MALFORMED, this.name);
    }
    p.net = isIpv4(p, at, type) ? at : 0;
    const sport = this.#sourcePort(p, at, type);
    const inner = innerTos(p, at, type);
    const tos = udp.tos === TOS_INHERIT ? inner : udp.tos;
    kernel.ipv4.flowPorts = (sport << 16) | to.port;
    const d = to.route.find(kernel, to.ip, this.local, to.ifindex, tos, p.mark);
    kernel.ipv4.flowPorts = 0;
    if (!routable(this, p, d)) return;
    if (this.bypass(p, d, to)) return;
    if (!this.#fitsPath(p, at, type, d.mtu - this.overhead)) return;
    const ttl = this.#ttl(p, at, type, to.ip);
    const df = this.#df(p, at, type);
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    p.push(UDP_HEADER + this.tunnelHeader);
    const { buf, start, end } = p;
    const src = this.local || d.source;
    this.writeTunnelHeader(p, start + UDP_HEADER, to);
    writeHeader(buf, start, sport, to.port, end - start);
    if (udp.udpcsum) sealSum(buf, start, end, src, to.ip, p.sumOf(start + UDP_HEADER));
    scrub(p);
    if (kernel.sim.capture !== null) {
      annotate(p, `encapsulated by ${this.name} on ${kernel.name}: ${this.title(to)} to ${formatIp(to.ip)}`);
    }
    if (p.trail !== null) {
      saw(p, kernel, this.name, "tunnel", `encapsulated by ${this.name}: ${this.title(to)} to ${formatIp(to.ip)}`);
    }
    kernel.ipv4.send(p, d, IPPROTO_UDP, src, to.ip, ttl, ecnEncapsulate(tos, inner), df);
  }

  /** The tail of vxlan_rcv and geneve_rx: the frame at `p.start` enters this device; `p.net` is at the outer IP header. Takes ownership. */
  protected deliver(p: Packet): void {
    const { stats, kernel } = this;
    const at = p.start + HEADER;
    const type = innerType(p, at); // tags hide what is in them
    const cut = isCut(p, at, type);
    if (!cut && ecnDecapsulate(p, at, type, tosOf(p.buf, p.net))) return this.enter(p);
    stats.rxErrors++;
    kernel.drop(p, cut ? MALFORMED : BAD_ECN, this.name);
  }

  /** A frame is received as if it came from the wire. Takes ownership. */
  protected enter(p: Packet): void {
    const { stats } = this;
    stats.rxPackets++;
    stats.rxBytes += p.end - p.start;
    p.net = 0;
    p.type = classify(p, this);
    this.kernel.receive(p, this);
  }

  /** Whether the frame can be an Ethernet frame that another device sent. If not, it is gone. */
  protected isForeign(p: Packet): boolean {
    const { kernel } = this;
    if (p.end - p.start < HEADER) {
      this.stats.rxErrors++;
      kernel.drop(p, MALFORMED, this.name);
      return false;
    }
    const { view, start } = p;
    if (view.getInt32(start + 8) !== this.macLow || view.getUint16(start + 6) !== this.macHigh) return true;
    kernel.drop(p, LOOP, this.name); // our own frame, or the echo of a group
    return false;
  }

  /** net/ipv4/ip_tunnel_core.c:skb_tunnel_check_pmtu. False: too big; the frame is gone, and its sender has been told. */
  #fitsPath(p: Packet, at: number, type: number, mtu: number): boolean {
    if (p.end - p.start - HEADER <= mtu) return true;
    const { kernel } = this;
    learnInnerMtu(kernel, p, at, type, mtu);
    if (this.rxHandler === null || type !== ETHERTYPE_IPV4 || at !== p.start + HEADER) return true;
    const reply = fragNeededReply(kernel.sim.pool, p, mtu);
    if (reply === null) return true;
    this.stats.txErrors++;
    kernel.drop(p, TOO_BIG, this.name);
    const fire = (): void => (this.up ? this.enter(reply) : kernel.consume(reply));
    kernel.sim.at(kernel.sim.now, { label: this.label, fire });
    return false;
  }

  #sourcePort(p: Packet, at: number, type: number): number {
    const [low, high] = this.sourcePorts;
    const { sysctl } = this.kernel;
    const any = low >= high;
    const from = any ? sysctl.ip_local_port_range_low : low;
    return flowPort(flowHash(p, at, type, this.#seed), from, any ? sysctl.ip_local_port_range_high : high);
  }

  #ttl(p: Packet, at: number, type: number, to: Ipv4): number {
    const { ttl } = this.udp;
    const chosen = ttl === TTL_INHERIT ? innerTtl(p, at, type) : ttl === 0 && isMulticast(to) ? 1 : ttl;
    return chosen || this.kernel.sysctl.ip_default_ttl;
  }

  #df(p: Packet, at: number, type: number): number {
    const { df } = this.udp;
    if (df === "unset" || (df === "inherit" && at !== p.start + HEADER)) return 0; // tags hide what is in them
    return df === "set" || type === ETHERTYPE_IPV6 ? IP_DF : innerDf(p, at, type);
  }
}

/** The parameters that options change in `base`. */
export const udpTunnelParms = (o: UdpTunnelOptions, base: UdpTunnelParms): UdpTunnelParms => ({
  ttl: o.ttl === "inherit" ? TTL_INHERIT : (o.ttl ?? base.ttl),
  tos: o.tos === "inherit" ? TOS_INHERIT : (o.tos ?? base.tos),
  df: o.df ?? base.df,
  udpcsum: o.udpcsum ?? base.udpcsum,
});

/** `tos 0x10`, `tos inherit`; nothing for 0. */
export const describeTos = ({ tos }: UdpTunnelParms): readonly string[] =>
  tos === 0 ? [] : [tos === TOS_INHERIT ? "tos inherit" : `tos 0x${tos.toString(16)}`];
/** `ttl auto`, `ttl inherit`, `ttl 5`. */
export const describeTtl = ({ ttl }: UdpTunnelParms): string =>
  ttl === 0 ? "ttl auto" : ttl === TTL_INHERIT ? "ttl inherit" : `ttl ${ttl}`;
export const describeDf = ({ df }: UdpTunnelParms): readonly string[] => (df === "unset" ? [] : [`df ${df}`]);
