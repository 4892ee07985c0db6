import { ANY, type Ipv4, isMulticast } from "../../core/addr.ts";
import { done, type Errno, granted, type Outcome, refused } from "../../core/errno.ts";
import type { DatagramHandler, DatagramInfo, SendOptions, SocketError } from "../../core/os.ts";
import { PACKET_UNHEARD, type Packet } from "../../core/packet.ts";
import { extensionsAt } from "../../protocols/icmp/wire.ts";
import { dst, headerLength, IP_DF, src, tos, ttl } from "../../protocols/ipv4/wire.ts";
import type { InDevice } from "./in-device.ts";
import { DST_BROADCAST, DST_ERROR, Dst } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";
import { SendBuffer, truesizeOf } from "./send-buffer.ts";

/** Groups that one socket may join. Linux's igmp_max_memberships is 20: routing daemons raise it. */
const GROUPS_MAX = 4096;

/** What UDP and raw sockets share: options, groups, routes of what they send, errors of what came of it. */
export class DatagramSocketBase {
  readonly options: SendOptions = {};
  /** What it hears (`inet_rcv_saddr`): what it is bound to, or the own end of its connection; 0 for any address. */
  localAddress: Ipv4 = ANY;
  /** What it sends from (`inet_saddr`): the same, but 0 when that is a group or a broadcast address. */
  protected sendsFrom: Ipv4 = ANY;
  protected closed = false;
  protected readonly kernel: Kernel;
  protected handler: DatagramHandler | null = null;
  protected errorHandler: ((error: SocketError) => void) | null = null;
  #sendBuffer: SendBuffer | null = null;
  #groups: readonly { readonly group: Ipv4; readonly inet: InDevice }[] | null = null;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  onReceive(handler: DatagramHandler): void {
    this.handler = handler;
  }
  onError(handler: (error: SocketError) => void): void {
    this.errorHandler = handler;
  }
  onWritable(handler: () => void): void {
    this.sendBuffer.onWritable = handler;
  }

  /** What was sent and has not left this node. Made when it is first asked for. */
  get sendBuffer(): SendBuffer {
    return (this.#sendBuffer ??= new SendBuffer(this.kernel));
  }
  /** Whether the send buffer takes another packet; always, on nodes where none of them waits. */
  protected get hasRoom(): boolean {
    return !this.kernel.queueing || this.sendBuffer.hasRoom;
  }

  /** net/ipv4/igmp.c:ip_mc_join_group. What comes for a group is heard by every socket on its port, joined or not (IP_MULTICAST_ALL). */
  joinGroup(group: Ipv4, ifname: string): Outcome {
    if (this.closed) return refused("EBADF");
    if (!isMulticast(group)) return refused("EINVAL");
    const inet = this.kernel.device(ifname)?.inet;
    if (inet === undefined) return refused("ENODEV");
    const groups = this.#groups ?? [];
    if (groups.some((g) => g.group === group && g.inet === inet)) return refused("EADDRINUSE");
    if (groups.length >= GROUPS_MAX) return refused("ENOBUFS");
    this.#groups = [...groups, { group, inet }];
    inet.groups ??= new Map();
    inet.groups.set(group, (inet.groups.get(group) ?? 0) + 1);
    this.kernel.ipv4.routes.invalidate();
    return done;
  }

  leaveGroup(group: Ipv4, ifname: string): Outcome {
    if (this.closed) return refused("EBADF");
    const inet = this.kernel.device(ifname)?.inet;
    const groups = this.#groups ?? [];
    const left = groups.filter((g) => g.group !== group || g.inet !== inet);
    if (left.length === groups.length) return refused("EADDRNOTAVAIL");
    this.#groups = left;
    if (inet !== undefined) this.#leave(group, inet);
    return done;
  }

  /** Hears nothing more, and is in no group. */
  protected end(): void {
    this.closed = true;
    this.handler = null;
    this.errorHandler = null;
    for (const { group, inet } of this.#groups ?? []) this.#leave(group, inet);
    this.#groups = null;
  }

  #leave(group: Ipv4, { groups }: InDevice): void {
    const members = (groups?.get(group) ?? 1) - 1;
    if (members > 0) groups?.set(group, members);
    else groups?.delete(group);
    this.kernel.ipv4.routes.invalidate();
  }

  /** Whether it may have that address, and what it then sends from (net/ipv4/af_inet.c:__inet_bind). */
  protected mayHave(address: Ipv4): Outcome<Ipv4> {
    const { fib, sysctl } = this.kernel;
    const type = fib.addressType(address);
    if (address === ANY || type === "multicast" || type === "broadcast") return granted(ANY);
    return type === "local" || sysctl.ip_nonlocal_bind !== 0 ? granted(address) : refused("EADDRNOTAVAIL");
  }

  /** The route of a datagram, or why there is none. */
  protected route(to: Ipv4, extra?: SendOptions): Outcome<Dst> {
    const { kernel } = this;
    const ifname = extra?.ifname ?? this.options.ifname;
    const dev = ifname === undefined ? undefined : kernel.device(ifname);
    if (ifname !== undefined && dev === undefined) return refused("ENODEV");
    const tosBits = (extra?.tos ?? this.options.tos ?? 0) & 0x1c;
    const source = extra?.source ?? this.options.source ?? this.sendsFrom;
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
    if (extra?.dontRoute && dev !== undefined && (d.viaGateway || d.dev !== dev))
      return granted(straight(d, dev, first));
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
    return extra?.source ?? this.options.source ?? (this.sendsFrom || d.source);
  }

  /** Hands a packet to the IP layer; `p` starts at the transport header, whose checksum is right. */
  protected emit(p: Packet, d: Dst, protocol: number, to: Ipv4, flags: number, extra?: SendOptions): void {
    const { options } = this;
    p.mark = extra?.mark ?? options.mark ?? 0;
    const tosByte = extra?.tos ?? options.tos ?? 0;
    const ipOptions = extra?.options ?? options.options;
    if (!(extra?.multicastLoop ?? options.multicastLoop ?? true) && isMulticast(to)) p.type = PACKET_UNHEARD;
    if (this.kernel.queueing) this.#own(p, p.end - p.start + 20 + (ipOptions?.length ?? 0), d.mtu);
    this.kernel.ipv4.send(p, d, protocol, this.source(d, extra), to, this.ttl(d, to, extra), tosByte, flags, ipOptions);
  }

  /** Counts a datagram of `ipBytes` into the send buffer until it has left. */
  #own(p: Packet, ipBytes: number, mtu: number): void {
    const buffer = this.sendBuffer;
    p.owner = buffer;
    p.charge = truesizeOf(ipBytes, mtu);
    buffer.charge(p.charge);
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

/** The route to a neighbour on a device instead. */
const straight = (d: Dst, dev: NetDevice, to: Ipv4): Dst =>
  Object.assign(new Dst(dev), d, { dev, neigh: null, nextHop: to, viaGateway: false, mtu: dev.mtu, mtuLocked: false });

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
  "ENONET",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
  "EHOSTUNREACH",
];

/** Codes that end a connected socket's patience. */
const FATAL: ReadonlySet<number> = new Set([2, 3, 6, 7, 8, 9, 10, 13, 14, 15]);

/** What an ICMP error means to a socket, and whether it ends a connected one's patience (`fatal`). */
export function icmpErrno(type: number, code: number): { readonly errno: Errno; readonly fatal: boolean } {
  switch (type) {
    case 3:
      return {
        errno: UNREACHABLE[code] ?? "EHOSTUNREACH",
        fatal: FATAL.has(code),
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
    ...extensionOf(p, outer + headerLength(p.buf, outer)),
  };
}

function extensionOf(p: Packet, message: number): { extension?: Uint8Array } {
  const at = extensionsAt(p.buf, message, p.end);
  return at < 0 ? {} : { extension: p.buf.slice(at, p.end) };
}
