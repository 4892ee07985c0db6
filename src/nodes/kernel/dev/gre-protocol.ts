import type { Ipv4 } from "../../../core/addr.ts";
import { u8 } from "../../../core/bytes.ts";
import { fold16 } from "../../../core/checksum.ts";
import { dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import {
  FLAG_CHECKSUM,
  FLAG_KEY,
  FLAG_SEQUENCE,
  flags as flagsOf,
  IP_PROTOCOL,
  key as keyOf,
  payloadOffset,
  protocolType,
  sequence as sequenceOf,
  TYPE_IPV4,
  TYPE_TEB,
  TYPE_WCCP,
} from "../../../protocols/gre/wire.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_PORT_UNREACH,
  ICMP_SR_FAILED,
  ICMP_TIME_EXCEEDED,
} from "../../../protocols/icmp/wire.ts";
import { dst as ipDst, src as ipSrc } from "../../../protocols/ipv4/wire.ts";
import type { Transport } from "../ipv4/ipv4.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import {
  IP_TUNNEL_DEFAULTS,
  type IpTunnelDevice,
  type IpTunnelOptions,
  type IpTunnelParms,
  ipTunnelParms,
} from "./ip-tunnel.ts";
import { BAD_CHECKSUM, clampMtu, lowerMtu, MALFORMED, NO_TUNNEL, perKernel } from "./tunnel.ts";

const UNKNOWN_TYPE = dropReason("unknown ethertype");

/** net/ipv4/gre_demux.c:gre_rcv asks for this much, be the header shorter. */
const LENGTH_MIN = 12;

/** The tunnels of one kind on a node (`struct ip_tunnel_net`): each has its own pair of addresses, key and device. */
export class TunnelTable {
  /** By remote address, then by the key that is expected (-1: none); the newest first, as Linux's lists have it. */
  readonly #tunnels = new Map<Ipv4, Map<number, IpTunnelDevice[]>>();

  add(tunnel: IpTunnelDevice): void {
    const { remote, ikey } = tunnel.parms;
    let byKey = this.#tunnels.get(remote);
    if (byKey === undefined) this.#tunnels.set(remote, (byKey = new Map()));
    byKey.set(ikey, [tunnel, ...(byKey.get(ikey) ?? [])]);
  }

  remove(tunnel: IpTunnelDevice): void {
    const { remote, ikey } = tunnel.parms;
    const byKey = this.#tunnels.get(remote);
    const left = (byKey?.get(ikey) ?? []).filter((t) => t !== tunnel);
    if (left.length > 0) byKey?.set(ikey, left);
    else byKey?.delete(ikey);
    if (byKey?.size === 0) this.#tunnels.delete(remote);
  }

  /** net/ipv4/ip_tunnel.c:ip_tunnel_find: the tunnel with just these parameters. */
  find(parms: IpTunnelParms): IpTunnelDevice | undefined {
    const alike = this.#tunnels.get(parms.remote)?.get(parms.ikey);
    return alike?.find((t) => t.parms.local === parms.local && t.parms.link === parms.link);
  }

  /**
   * net/ipv4/ip_tunnel.c:ip_tunnel_lookup: whose packet this is. The key must be the expected one, and absent where none
   * is. Our address counts more than any, and the device that the tunnel is bound to more than another.
   */
  lookup(link: number, key: number, remote: Ipv4, local: Ipv4): IpTunnelDevice | undefined {
    const tunnels = this.#tunnels.get(remote)?.get(key);
    if (tunnels === undefined) return undefined;
    let candidate: IpTunnelDevice | undefined;
    for (const t of tunnels) {
      if (!t.up || t.parms.local !== local) continue;
      if (t.parms.link === link) return t;
      candidate = t;
    }
    for (const t of tunnels) {
      if (!t.up || t.parms.local !== 0) continue;
      if (t.parms.link === link) return t;
      candidate ??= t;
    }
    return candidate;
  }
}

/** GRE over IPv4 on one node: whose packet is it (net/ipv4/gre_demux.c, net/ipv4/ip_gre.c). */
export class GreProtocol implements Transport {
  /** Tunnels that carry bare packets. */
  readonly bare = new TunnelTable();
  /** Tunnels that carry Ethernet frames. */
  readonly taps = new TunnelTable();
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  receive(p: Packet, dev: NetDevice): void {
    const kernel = this.#kernel;
    const { buf, start } = p;
    if (p.end - start < LENGTH_MIN || (u8(buf, start + 1) & 0x7f) !== 0) return kernel.drop(p, MALFORMED, dev.name);
    const payload = payloadOffset(buf, start, p.end);
    if (payload < 0) return kernel.drop(p, MALFORMED, dev.name);
    const flags = flagsOf(buf, start);
    const summed = (flags & FLAG_CHECKSUM) !== 0;
    if (summed && fold16(p.sumOf(start)) !== 0xffff) return kernel.drop(p, BAD_CHECKSUM, dev.name);
    const type = payloadType(buf, start);
    const key = flags & FLAG_KEY ? keyOf(buf, start) : -1;
    const tunnel = this.#table(type).lookup(dev.ifindex, key, ipSrc(buf, p.net), ipDst(buf, p.net));
    if (tunnel === undefined) {
      kernel.icmp.error(p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
      return kernel.drop(p, NO_TUNNEL, dev.name);
    }
    if (type !== TYPE_IPV4 && type !== TYPE_TEB) return kernel.drop(p, UNKNOWN_TYPE, tunnel.name);
    tunnel.accept(p, payload, summed, flags & FLAG_SEQUENCE ? sequenceOf(buf, start) : undefined);
  }

  /** net/ipv4/ip_gre.c:gre_err and ipgre_err. The path's MTU and better gateways are the IP layer's to learn. */
  error(p: Packet, _outer: number, icmpType: number, icmpCode: number): void {
    const { buf, start } = p;
    if (payloadOffset(buf, start, p.end) < 0) return;
    const expired = icmpType === ICMP_TIME_EXCEEDED && icmpCode === ICMP_EXC_TTL;
    const told = icmpCode === ICMP_FRAG_NEEDED || icmpCode === ICMP_SR_FAILED;
    if (!expired && (icmpType !== ICMP_DEST_UNREACH || told)) return;
    const key = flagsOf(buf, start) & FLAG_KEY ? keyOf(buf, start) : -1;
    const table = this.#table(payloadType(buf, start));
    table.lookup(p.iif, key, ipDst(buf, p.net), ipSrc(buf, p.net))?.remoteFailed(expired);
  }

  #table(type: number): TunnelTable {
    return type === TYPE_TEB ? this.taps : this.bare;
  }
}

/** The GRE of a kernel, which listens for its packets from the first tunnel on. */
export const greOf = perKernel((kernel) => {
  const gre = new GreProtocol(kernel);
  kernel.ipv4.register(IP_PROTOCOL, gre);
  return gre;
});

/** Registers a tunnel that `make` builds from complete parameters (net/ipv4/ip_tunnel.c:ip_tunnel_newlink). */
export function addIpTunnel<D extends IpTunnelDevice>(
  kernel: Kernel,
  kind: string,
  name: string,
  options: IpTunnelOptions,
  table: TunnelTable,
  make: (name: string, ifindex: number, parms: IpTunnelParms) => D,
): Outcome<D> {
  const parms = ipTunnelParms(kernel, kind, options, IP_TUNNEL_DEFAULTS);
  if (!parms.ok) return parms;
  if (table.find(parms.value) !== undefined) return refused("EEXIST");
  const added = kernel.register(name, (final, ifindex) => make(final, ifindex, parms.value));
  if (!added.ok) return added;
  const tunnel = added.value;
  tunnel.mtu = clampMtu(options.mtu ?? boundMtu(tunnel), tunnel.mtuRange[1]);
  table.add(tunnel);
  return added;
}

/** `ip link set NAME type gre …`: what is not named stays (net/ipv4/ip_gre.c:ipgre_changelink). */
export function changeIpTunnel(tunnel: IpTunnelDevice, options: IpTunnelOptions, table: TunnelTable): Outcome {
  const { kernel, parms: before } = tunnel;
  const parms = ipTunnelParms(kernel, tunnel.kind, options, before);
  if (!parms.ok) return parms;
  const after = parms.value;
  const alike = table.find(after);
  if (alike !== undefined && alike !== tunnel) return refused("EEXIST");
  const overheadBefore = tunnel.overhead;
  table.remove(tunnel);
  tunnel.parms = after;
  table.add(tunnel);
  const rebound = after.link !== before.link || after.fwmark !== before.fwmark;
  const mtu = options.mtu ?? (rebound ? boundMtu(tunnel) : tunnel.mtu + overheadBefore - tunnel.overhead);
  if (mtu !== tunnel.mtu) return kernel.setMtu(tunnel, clampMtu(mtu, tunnel.mtuRange[1]));
  return done;
}

/** net/ipv4/ip_tunnel.c:ip_tunnel_bind_dev: what fits into a packet on the device that leads to the other end. */
function boundMtu(tunnel: IpTunnelDevice): number {
  const { local, remote, link, tos, fwmark } = tunnel.parms;
  return lowerMtu(tunnel.kernel, remote, local, link, tos, fwmark) - tunnel.overhead;
}

/** What the payload is; web cache redirection carries IPv4 (net/ipv4/gre_demux.c:gre_parse_header). */
function payloadType(b: Uint8Array, o: number): number {
  const type = protocolType(b, o);
  return type === TYPE_WCCP && flagsOf(b, o) === 0 ? TYPE_IPV4 : type;
}
