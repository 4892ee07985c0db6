import { formatIp, type Ipv4, isMulticast } from "../../../core/addr.ts";
import { setU16 } from "../../../core/bytes.ts";
import { complement16 } from "../../../core/checksum.ts";
import { granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { type Nanos, S } from "../../../core/time.ts";
import {
  FLAG_CHECKSUM,
  FLAG_KEY,
  FLAG_SEQUENCE,
  fieldsLength,
  IP_PROTOCOL,
  writeHeader,
} from "../../../protocols/gre/wire.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from "../../../protocols/icmp/wire.ts";
import { IP_DF, tos as tosOf } from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_MTU_MIN, NetDevice } from "../netdev.ts";
import { saw } from "../saw.ts";
import { ecnDecapsulate, ecnEncapsulate } from "./ecn.ts";
import { innerDf, innerTos, innerTtl, isCut, isIpv4, isIpv6 } from "./inner.ts";
import {
  annotate,
  BAD_CHECKSUM,
  BAD_ECN,
  descends,
  learnInnerMtu,
  MALFORMED,
  OUT_OF_SEQUENCE,
  OUTER_IP,
  OuterRoute,
  routable,
  scrub,
  TOO_BIG,
} from "./tunnel.ts";

/** What a GRE tunnel is made of, as `ip link add … type gre` has it. What is left out is Linux's (and iproute2's) default. */
export interface IpTunnelOptions {
  readonly local?: Ipv4;
  readonly remote?: Ipv4;
  /** 1 to 255; 0 takes over the inner packet's. */
  readonly ttl?: number;
  /** The TOS octet of the outer header; `inherit` takes over the inner packet's. */
  readonly tos?: number | "inherit";
  /** The key of both directions. */
  readonly key?: number;
  readonly ikey?: number;
  readonly okey?: number;
  /** A checksum over header and payload, of both directions. */
  readonly csum?: boolean;
  readonly icsum?: boolean;
  readonly ocsum?: boolean;
  /** Sequence numbers, of both directions. */
  readonly seq?: boolean;
  readonly iseq?: boolean;
  readonly oseq?: boolean;
  /** False (`nopmtudisc`): outer packets may be fragmented on their way, unless the inner one may not be. */
  readonly pmtudisc?: boolean;
  /** `ignore-df`: not even the inner packet's DF is copied. */
  readonly ignoreDf?: boolean;
  /** The device that outer packets leave by. */
  readonly dev?: string;
  readonly fwmark?: number;
  readonly mtu?: number;
}

/** The same, complete (`struct ip_tunnel_parm`). */
export interface IpTunnelParms {
  readonly local: Ipv4;
  readonly remote: Ipv4;
  readonly ttl: number;
  /** 1: inherit. */
  readonly tos: number;
  /** -1: none. */
  readonly ikey: number;
  readonly okey: number;
  readonly icsum: boolean;
  readonly ocsum: boolean;
  readonly iseq: boolean;
  readonly oseq: boolean;
  /** `IP_DF` or 0. */
  readonly df: number;
  readonly ignoreDf: boolean;
  /** ifindex; 0: any. */
  readonly link: number;
  readonly fwmark: number;
}

/** How long an ICMP error counts against a tunnel (include/net/ip_tunnels.h:IPTUNNEL_ERR_TIMEO). */
const ERROR_TIMEOUT: Nanos = 30 * S;
const TOS_INHERIT = 1;
const NONE = -1;

/** A device whose packets travel in GRE over IPv4 (net/ipv4/ip_tunnel.c). */
export abstract class IpTunnelDevice extends NetDevice {
  /** Octets of the link header that its packets have inside the tunnel: 14 or 0. */
  protected abstract readonly innerHeader: number;
  #parms: IpTunnelParms;
  /** Flags and length of the GRE headers that it sends. */
  #flags = 0;
  #headerOctets = 4;
  readonly #outer = new OuterRoute();
  #sequenceIn = 0;
  #sequenceOut = 0;
  #errors = 0;
  #erredAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(kernel: Kernel, name: string, ifindex: number, parms: IpTunnelParms) {
    super(kernel, name, ifindex);
    this.#parms = parms;
    this.#shape();
  }

  get parms(): IpTunnelParms {
    return this.#parms;
  }
  set parms(parms: IpTunnelParms) {
    this.#parms = parms;
    this.#outer.forget();
    this.#shape();
  }

  /** Octets that it puts around a packet, inner link header included. */
  get overhead(): number {
    return OUTER_IP + this.#headerOctets + this.innerHeader;
  }
  override get lowerIfindex(): number {
    return this.#parms.link;
  }
  override get mtuRange(): readonly [number, number] {
    return [ETHERNET_MTU_MIN, 0xfff8 - this.overhead]; // ip_tunnel_change_mtu
  }

  /**
   * net/ipv4/ip_tunnel.c:ip_tunnel_rcv: a packet from the other end. `p.net` is at the outer IP header, `p.start` at the
   * GRE header, `payload` where the inner packet begins. Takes ownership.
   */
  accept(p: Packet, payload: number, summed: boolean, sequence: number | undefined): void {
    const { stats, kernel } = this;
    const parms = this.#parms;
    if (summed !== parms.icsum) {
      stats.rxErrors++;
      return kernel.drop(p, BAD_CHECKSUM, this.name);
    }
    if (parms.iseq && !this.#inOrder(sequence)) {
      stats.rxErrors++;
      return kernel.drop(p, OUT_OF_SEQUENCE, this.name);
    }
    const outerTos = tosOf(p.buf, p.net);
    p.start = payload;
    this.acceptInner(p, outerTos);
  }

  /** What ipgre_err keeps in mind of an ICMP error about its packets. `expired`: their TTL ran out. */
  remoteFailed(expired: boolean): void {
    if (expired && this.#parms.ttl === 0) return; // the TTL was the inner packet's
    const { now } = this.kernel.sim;
    this.#errors = now < this.#erredAt + ERROR_TIMEOUT ? this.#errors + 1 : 1;
    this.#erredAt = now;
  }

  /** What `ip -d link show` prints of it (iproute2's link_gre.c). */
  describe(): string {
    const p = this.#parms;
    const link = this.kernel.deviceByIndex(p.link);
    return [
      this.kind,
      p.remote === 0 ? "remote any" : `remote ${formatIp(p.remote)}`,
      p.local === 0 ? "local any" : `local ${formatIp(p.local)}`,
      ...(link === undefined ? [] : [`dev ${link.name}`]),
      p.ttl === 0 ? "ttl inherit" : `ttl ${p.ttl}`,
      ...(p.tos === 0 ? [] : [p.tos === TOS_INHERIT ? "tos inherit" : `tos 0x${p.tos.toString(16)}`]),
      ...(p.df === 0 ? ["nopmtudisc"] : []),
      ...(p.ignoreDf ? ["ignore-df"] : []),
      ...(p.ikey === NONE ? [] : [`ikey ${formatIp(p.ikey)}`]),
      ...(p.okey === NONE ? [] : [`okey ${formatIp(p.okey)}`]),
      ...(p.iseq ? ["iseq"] : []),
      ...(p.oseq ? ["oseq"] : []),
      ...(p.icsum ? ["icsum"] : []),
      ...(p.ocsum ? ["ocsum"] : []),
      ...(p.fwmark === 0 ? [] : [`fwmark 0x${p.fwmark.toString(16)}`]),
    ].join(" ");
  }

  /** The inner packet at `p.start` enters this device; the outer header's TOS was `outerTos`. Takes ownership. */
  protected abstract acceptInner(p: Packet, outerTos: number): void;

  /** The tail of ip_tunnel_rcv. `at` and `type` tell the inner network header, `packetType` whom it is for. */
  protected deliver(p: Packet, at: number, type: number, outerTos: number, packetType: number): void {
    const { stats, kernel } = this;
    const cut = isCut(p, at, type);
    if (cut || !ecnDecapsulate(p, at, type, outerTos)) {
      stats.rxErrors++;
      return kernel.drop(p, cut ? MALFORMED : BAD_ECN, this.name);
    }
    stats.rxPackets++;
    stats.rxBytes += p.end - p.start;
    p.net = 0;
    p.type = packetType;
    kernel.receive(p, this);
  }

  /** net/ipv4/ip_tunnel.c:ip_tunnel_xmit. `protocol` is what the GRE header calls the payload. Takes ownership. */
  protected encapsulate(p: Packet, at: number, type: number, protocol: number): void {
    const { kernel, stats } = this;
    const parms = this.#parms;
    if (!descends(this, p)) return;
    if (isCut(p, at, type)) {
      stats.txErrors++;
      return kernel.drop(p, MALFORMED, this.name);
    }
    p.net = isIpv4(p, at, type) ? at : 0;
    const sequence = this.#sequenceOut;
    if (parms.oseq) this.#sequenceOut = (sequence + 1) >>> 0;
    const inner = innerTos(p, at, type);
    const tos = (parms.tos & TOS_INHERIT) === 0 ? parms.tos : isIpv4(p, at, type) || isIpv6(p, at, type) ? inner : 0;
    const d = this.#outer.find(kernel, parms.remote, parms.local, parms.link, tos, parms.fwmark);
    if (!routable(this, p, d)) return;
    const df = parms.df | (parms.ignoreDf ? 0 : innerDf(p, at, type));
    if (!this.#fitsPath(p, at, type, df !== 0 ? d.mtu - this.overhead : this.mtu)) return;
    if (this.#errors > 0) this.#reportFailure(p, at, type);
    const ttl = parms.ttl || innerTtl(p, at, type) || kernel.sysctl.ip_default_ttl;
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    this.#push(p, protocol, sequence);
    scrub(p);
    if (kernel.sim.capture !== null) this.#note(p);
    if (p.trail !== null) saw(p, kernel, this.name, "tunnel", `encapsulated by ${this.name}: ${this.#title()}`);
    const local = parms.local || d.source;
    kernel.ipv4.send(p, d, IP_PROTOCOL, local, parms.remote, ttl, ecnEncapsulate(tos, inner), df);
  }

  /** net/ipv4/ip_tunnel.c:tnl_update_pmtu. False: the packet was too big and is gone; its sender has been told. */
  #fitsPath(p: Packet, at: number, type: number, mtu: number): boolean {
    const { kernel } = this;
    if (mtu < this.mtu) learnInnerMtu(kernel, p, at, type, mtu);
    if (innerDf(p, at, type) === 0 || p.end - p.start - this.innerHeader <= mtu) return true;
    // A bridged frame has no route back to its sender (net/ipv4/icmp.c:icmp_send asks for one).
    if (this.rxHandler === null) kernel.icmp.error(p, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    this.stats.txErrors++;
    kernel.drop(p, TOO_BIG, this.name);
    return false;
  }

  /** The far end was reported out of reach: the next packets' senders hear of it, though the packets are sent. */
  #reportFailure(p: Packet, at: number, type: number): void {
    const { kernel } = this;
    if (kernel.sim.now >= this.#erredAt + ERROR_TIMEOUT) {
      this.#errors = 0;
      return;
    }
    this.#errors--;
    if (this.rxHandler === null && isIpv4(p, at, type)) kernel.icmp.hostUnreachable(p);
  }

  #push(p: Packet, protocol: number, sequence: number): void {
    p.push(this.#headerOctets);
    writeHeader(p.buf, p.start, this.#flags, protocol, Math.max(this.#parms.okey, 0), sequence);
    if (this.#parms.ocsum) setU16(p.buf, p.start + 4, complement16(p.sumOf(p.start))); // RFC 2784 §2.3
  }

  #note(p: Packet): void {
    annotate(p, `encapsulated by ${this.name} on ${this.kernel.name}: ${this.#title()}`);
  }
  #title(): string {
    const { okey, remote } = this.#parms;
    return `GRE${okey === NONE ? "" : ` key ${okey}`} to ${formatIp(remote)}`;
  }

  /** RFC 2890 §2.2, as Linux has it: what is older than the newest seen is late; the first may be anything. */
  #inOrder(sequence: number | undefined): boolean {
    if (sequence === undefined) return false;
    if (this.#sequenceIn !== 0 && ((sequence - this.#sequenceIn) | 0) < 0) return false;
    this.#sequenceIn = (sequence + 1) >>> 0;
    return true;
  }

  #shape(): void {
    const { ocsum, okey, oseq } = this.#parms;
    this.#flags = (ocsum ? FLAG_CHECKSUM : 0) | (okey === NONE ? 0 : FLAG_KEY) | (oseq ? FLAG_SEQUENCE : 0);
    this.#headerOctets = fieldsLength(this.#flags);
  }
}

/** What `ip link add … type gre` makes of options that were not given. */
export const IP_TUNNEL_DEFAULTS: IpTunnelParms = {
  local: 0,
  remote: 0,
  ttl: 0,
  tos: 0,
  ikey: NONE,
  okey: NONE,
  icsum: false,
  ocsum: false,
  iseq: false,
  oseq: false,
  df: IP_DF,
  ignoreDf: false,
  link: 0,
  fwmark: 0,
};

/** Checks options and completes them with `base` (net/ipv4/ip_gre.c:ipgre_netlink_parms). */
export function ipTunnelParms(
  kernel: Kernel,
  kind: string,
  o: IpTunnelOptions,
  base: IpTunnelParms,
): Outcome<IpTunnelParms> {
  const remote = o.remote ?? base.remote;
  const local = o.local ?? base.local;
  if (remote === 0) return refused("EOPNOTSUPP", `${kind} without a remote address is not built`);
  if (isMulticast(remote)) return refused("EOPNOTSUPP", `${kind} to a multicast group is not built`);
  if (isMulticast(local)) return refused("EINVAL", "invalid local address");
  const link = o.dev === undefined ? undefined : kernel.device(o.dev);
  if (o.dev !== undefined && link === undefined) return refused("ENODEV", `Cannot find device "${o.dev}"`);
  const df = o.pmtudisc === undefined ? base.df : o.pmtudisc ? IP_DF : 0;
  const ignoreDf = o.ignoreDf ?? base.ignoreDf;
  if (df !== 0 && ignoreDf) return refused("EINVAL");
  return granted({
    local,
    remote,
    ttl: o.ttl ?? base.ttl,
    tos: o.tos === "inherit" ? TOS_INHERIT : (o.tos ?? base.tos),
    ikey: o.ikey ?? o.key ?? base.ikey,
    okey: o.okey ?? o.key ?? base.okey,
    icsum: o.icsum ?? o.csum ?? base.icsum,
    ocsum: o.ocsum ?? o.csum ?? base.ocsum,
    iseq: o.iseq ?? o.seq ?? base.iseq,
    oseq: o.oseq ?? o.seq ?? base.oseq,
    df,
    ignoreDf,
    link: link?.ifindex ?? base.link,
    fwmark: o.fwmark ?? base.fwmark,
  });
}
