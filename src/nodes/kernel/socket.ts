import { ANY, type Ipv4 } from "../../core/addr.ts";
import { done, type Errno, granted, type Outcome, refused } from "../../core/errno.ts";
import type { DatagramHandler, DatagramInfo, SendOptions, SocketError } from "../../core/os.ts";
import type { Packet } from "../../core/packet.ts";
import { dst, IP_DF, src, tos, ttl } from "../../protocols/ipv4/wire.ts";
import { DST_BROADCAST, DST_ERROR, Dst } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";

/** What UDP and raw sockets share: options, groups, routes of what they send, errors of what came of it. */
export class DatagramSocketBase {
  readonly options: SendOptions = {};
  /** What the socket is bound to; 0 for any address. */
  localAddress: Ipv4 = ANY;
  protected readonly kernel: Kernel;
  protected handler: DatagramHandler | null = null;
  protected errorHandler: ((error: SocketError) => void) | null = null;
  protected readonly groups: { readonly group: Ipv4; readonly ifname: string }[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  onReceive(handler: DatagramHandler): void {
    this.handler = handler;
  }
  onError(handler: (error: SocketError) => void): void {
    this.errorHandler = handler;
  }

  joinGroup(group: Ipv4, ifname: string): Outcome {
    const dev = this.kernel.device(ifname);
    if (dev === undefined) return refused("ENODEV");
    if (this.groups.some((g) => g.group === group && g.ifname === ifname)) return refused("EADDRINUSE");
    this.groups.push({ group, ifname });
    dev.inet.groups ??= new Map();
    dev.inet.groups.set(group, (dev.inet.groups.get(group) ?? 0) + 1);
    this.kernel.ipv4.routes.invalidate();
    return done;
  }

  leaveGroup(group: Ipv4, ifname: string): Outcome {
    const at = this.groups.findIndex((g) => g.group === group && g.ifname === ifname);
    if (at < 0) return refused("EADDRNOTAVAIL");
    this.groups.splice(at, 1);
    const members = this.kernel.device(ifname)?.inet.groups;
    const left = (members?.get(group) ?? 1) - 1;
    if (left > 0) members?.set(group, left);
    else members?.delete(group);
    this.kernel.ipv4.routes.invalidate();
    return done;
  }

  protected leaveAllGroups(): void {
    for (const { group, ifname } of [...this.groups]) this.leaveGroup(group, ifname);
  }

  /** The route of a datagram, or why there is none. `bound`: the socket's own source, 0 when any. */
  protected route(to: Ipv4, bound: Ipv4, extra?: SendOptions): Outcome<Dst> {
    const { kernel } = this;
    const ifname = extra?.ifname ?? this.options.ifname;
    const dev = ifname === undefined ? undefined : kernel.device(ifname);
    if (ifname !== undefined && dev === undefined) return refused("ENODEV");
    const tosBits = (extra?.tos ?? this.options.tos ?? 0) & 0x1c;
    const source = extra?.source ?? this.options.source ?? bound;
    const options = extra?.options ?? this.options.options;
    const first = options === undefined ? to : kernel.ipv4.options.firstHop(options, to);
    if (first === undefined) return refused("EINVAL");
    const d = kernel.ipv4.routes.output(
      first,
      source,
      dev?.ifindex ?? 0,
      tosBits,
      extra?.mark ?? this.options.mark ?? 0,
    );
    if (d.type === DST_ERROR) return refused(d.errno === "" ? "ENETUNREACH" : d.errno);
    if (d.type === DST_BROADCAST && to >>> 28 !== 0xe && !(extra?.broadcast ?? this.options.broadcast))
      return refused("EACCES");
    const mode = extra?.pathMtuDiscovery ?? this.options.pathMtuDiscovery;
    return granted(mode === "probe" && d.mtu !== d.dev.mtu ? ignoringPathMtu(d) : d);
  }

  /** The fragmentation flag of a datagram of `bytes`, header included, or EMSGSIZE. */
  protected flags(d: Dst, bytes: number, extra?: SendOptions): Outcome<number> {
    switch (extra?.pathMtuDiscovery ?? this.options.pathMtuDiscovery ?? "want") {
      case "do":
        return bytes > d.mtu ? refused("EMSGSIZE") : granted(IP_DF);
      case "probe":
        return bytes > d.mtu ? refused("EMSGSIZE") : granted(IP_DF);
      case "dont":
        return granted(0);
      case "want":
        return granted(bytes > d.mtu ? 0 : d.df);
    }
  }

  /** The TTL of a datagram to `to` that leaves by `d`. */
  protected ttl(d: Dst, to: Ipv4, extra?: SendOptions): number {
    if (to >>> 28 === 0xe) return extra?.multicastTtl ?? extra?.ttl ?? this.options.multicastTtl ?? 1;
    return extra?.ttl ?? this.options.ttl ?? d.hopLimit;
  }

  /** The source of a datagram that leaves by `d`. */
  protected source(d: Dst, extra?: SendOptions): Ipv4 {
    return extra?.source ?? this.options.source ?? (this.localAddress === ANY ? d.source : this.localAddress);
  }

  /** Hands a packet to the IP layer; `p` starts at the transport header, whose checksum is right. */
  protected emit(p: Packet, d: Dst, protocol: number, to: Ipv4, flags: number, extra?: SendOptions): void {
    const { options } = this;
    p.mark = extra?.mark ?? options.mark ?? 0;
    const tosByte = extra?.tos ?? options.tos ?? 0;
    const ipOptions = extra?.options ?? options.options;
    this.kernel.ipv4.send(p, d, protocol, this.source(d, extra), to, this.ttl(d, to, extra), tosByte, flags, ipOptions);
  }

  /** A local error: the datagram does not fit the path (net/ipv4/ip_sockglue.c:ip_local_error). */
  protected tooLong(d: Dst, destination: Ipv4, destinationPort: number, sourcePort: number): void {
    this.errorHandler?.({
      errno: "EMSGSIZE",
      icmpType: 0,
      icmpCode: 0,
      offender: ANY,
      mtuBytes: d.mtu,
      destination,
      destinationPort,
      sourcePort,
      ttl: 0,
    });
  }
}

/** The route with the device's MTU instead of the path's (net/ipv4/ip_output.c:ip_sk_use_pmtu). */
function ignoringPathMtu(d: Dst): Dst {
  return Object.assign(new Dst(d.dev), d, { mtu: d.dev.mtu, mtuLocked: false });
}

/** The one record in which sockets are told how a datagram came. */
export const datagramInfo: DatagramInfo = {
  source: 0,
  sourcePort: 0,
  destination: 0,
  destinationPort: 0,
  ttl: 0,
  tos: 0,
  ifindex: 0,
  header: 0,
};

/** Fills `datagramInfo` from a packet's IP header. */
export function describe(p: Packet): DatagramInfo {
  const { buf, net } = p;
  const info = datagramInfo;
  info.source = src(buf, net);
  info.destination = dst(buf, net);
  info.ttl = ttl(buf, net);
  info.tos = tos(buf, net);
  info.ifindex = p.iif;
  info.header = net;
  info.sourcePort = 0;
  info.destinationPort = 0;
  return info;
}

/** Errors by code of "destination unreachable" (net/ipv4/icmp.c:icmp_err_convert). */
const UNREACHABLE: readonly Errno[] = [
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENOPROTOOPT",
  "ECONNREFUSED",
  "EMSGSIZE",
  "EOPNOTSUPP",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
];

/** What an ICMP error means to a socket, and whether it ends a connected one's patience (`fatal`). */
export function icmpErrno(type: number, code: number): { readonly errno: Errno; readonly fatal: boolean } {
  switch (type) {
    case 3:
      return {
        errno: UNREACHABLE[code] ?? "EHOSTUNREACH",
        fatal: code === 2 || code === 3 || code === 9 || code === 10 || code === 13,
      };
    case 12:
      return { errno: "EPROTO", fatal: true };
    default:
      return { errno: "EHOSTUNREACH", fatal: false };
  }
}

/** The error as a socket is told it. `p` and `outer` are as in `Transport.error`. */
export function socketError(
  p: Packet,
  outer: number,
  type: number,
  code: number,
  info: number,
  sourcePort: number,
  destinationPort: number,
): SocketError {
  return {
    errno: icmpErrno(type, code).errno,
    icmpType: type,
    icmpCode: code,
    offender: src(p.buf, outer),
    mtuBytes: type === 3 && code === 4 ? info : 0,
    destination: dst(p.buf, p.net),
    destinationPort,
    sourcePort,
    ttl: ttl(p.buf, outer),
  };
}
