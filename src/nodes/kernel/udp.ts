import { ANY, type Ipv4 } from "../../core/addr.ts";
import { fold16, pseudoHeader } from "../../core/checksum.ts";
import { dropReason } from "../../core/drop.ts";
import { done, type Errno, granted, type Outcome, refused } from "../../core/errno.ts";
import type { SendOptions, UdpSocket } from "../../core/os.ts";
import { PACKET_HOST, type Packet } from "../../core/packet.ts";
import { Payload } from "../../core/payload.ts";
import { dst, IPPROTO_UDP, src } from "../../protocols/ipv4/wire.ts";
import { checksum, dport, HEADER, LENGTH_MAX, length, sealSum, sport, writeHeader } from "../../protocols/udp/wire.ts";
import { DST_LOCAL, type Dst } from "./ipv4/dst.ts";
import type { Transport } from "./ipv4/ipv4.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";
import { DatagramSocketBase, describe, icmpErrno, socketError } from "./socket.ts";

const MALFORMED = dropReason("udp: malformed");
const BAD_CHECKSUM = dropReason("udp: bad checksum");
const NO_SOCKET = dropReason("udp: no socket on this port");

/** Sockets of one node, at most. */
const SOCKETS_MAX = 65_536;
const PAYLOAD_MAX = LENGTH_MAX - 20 - HEADER;

/** Takes a tunnel's datagram (`p.start` at the UDP header), and ownership of it; false leaves it to the sockets. */
export type TunnelReceiver = (p: Packet, dev: NetDevice) => boolean;

/** UDP (RFC 768) and its sockets (net/ipv4/udp.c). */
export class Udp implements Transport {
  readonly #kernel: Kernel;
  readonly #ports = new Map<number, UdpSock[]>();
  #tunnels: Map<number, TunnelReceiver> | null = null;
  #sockets = 0;
  /** The socket found last, when it was the only one on its port and took anything: most nodes have just one. */
  #lone: UdpSock | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.ipv4.register(IPPROTO_UDP, this);
  }

  /** Every bound socket, by port. */
  *sockets(): Generator<UdpSock> {
    for (const bound of this.#ports.values()) yield* bound;
  }

  socket(): UdpSock {
    return new UdpSock(this.#kernel, this);
  }

  /** Opens a port for a tunnel device (`setup_udp_tunnel_sock`). */
  registerTunnel(port: number, receiver: TunnelReceiver): Outcome {
    if (this.#tunnels?.has(port) || this.#ports.has(port)) return refused("EADDRINUSE");
    this.#tunnels ??= new Map();
    this.#tunnels.set(port, receiver);
    return done;
  }
  unregisterTunnel(port: number): void {
    this.#tunnels?.delete(port);
  }

  /** net/ipv4/udp.c:__udp4_lib_rcv. */
  receive(p: Packet, dev: NetDevice, d: Dst): void {
    const kernel = this.#kernel;
    const o = p.start;
    if (p.end - o < HEADER) return kernel.drop(p, MALFORMED, dev.name);
    const bytes = length(p.buf, o);
    if (bytes < HEADER || bytes > p.end - o) return kernel.drop(p, MALFORMED, dev.name);
    p.trim(bytes);
    const source = src(p.buf, p.net);
    const destination = dst(p.buf, p.net);
    if (
      checksum(p.buf, o) !== 0 &&
      fold16(p.sumOf(o) + pseudoHeader(source, destination, IPPROTO_UDP, bytes)) !== 0xffff
    ) {
      return kernel.drop(p, BAD_CHECKSUM, dev.name);
    }
    const port = dport(p.buf, o);
    if (this.#tunnels?.get(port)?.(p, dev)) return;
    if (d.type !== DST_LOCAL) return this.#deliverToAll(p, source, destination, port, dev);
    const socket = this.#find(source, sport(p.buf, o), destination, port, dev);
    if (socket === undefined) {
      if (p.type === PACKET_HOST) return kernel.icmp.portUnreachable(p, dev);
      return kernel.drop(p, NO_SOCKET, dev.name);
    }
    socket.deliver(p);
    kernel.consume(p);
  }

  error(p: Packet, outer: number, type: number, code: number, info: number): void {
    if (p.end - p.start < HEADER) return;
    const local = src(p.buf, p.net);
    const remote = dst(p.buf, p.net);
    const socket = this.#find(remote, dport(p.buf, p.start), local, sport(p.buf, p.start), undefined);
    socket?.fail(p, outer, type, code, info);
  }

  /** Puts a socket on a port; 0 draws a free one from `ip_local_port_range`. */
  bind(socket: UdpSock, address: Ipv4, port: number): Outcome<number> {
    if (this.#sockets >= SOCKETS_MAX) return refused("ENOBUFS");
    const chosen = port === 0 ? this.#ephemeral(socket, address) : port;
    if (chosen === undefined || !this.#isFree(socket, address, chosen)) return refused("EADDRINUSE");
    const bound = this.#ports.get(chosen);
    if (bound === undefined) this.#ports.set(chosen, [socket]);
    else bound.push(socket);
    this.#lone = null;
    this.#sockets++;
    return { ok: true, value: chosen };
  }

  unbind(socket: UdpSock): void {
    const left = (this.#ports.get(socket.localPort) ?? []).filter((s) => s !== socket);
    if (left.length === 0) this.#ports.delete(socket.localPort);
    else this.#ports.set(socket.localPort, left);
    this.#lone = null;
    this.#sockets--;
  }

  /** net/ipv4/udp.c:udp_lib_lport_inuse: others have the port at another address, or on another device. */
  #isFree(socket: UdpSock, address: Ipv4, port: number): boolean {
    if (this.#tunnels?.has(port)) return false;
    const { ifname } = socket.options;
    return (this.#ports.get(port) ?? []).every(
      (s) =>
        (address !== ANY && s.localAddress !== ANY && s.localAddress !== address) ||
        (ifname !== undefined && s.options.ifname !== undefined && s.options.ifname !== ifname),
    );
  }

  #ephemeral(socket: UdpSock, address: Ipv4): number | undefined {
    const { sim, name, sysctl } = this.#kernel;
    const low = sysctl.ip_local_port_range_low;
    const count = sysctl.ip_local_port_range_high - low + 1;
    const first = sim.rng(`udp ports ${name}`).int(count);
    for (let i = 0; i < count; i++) {
      const port = low + ((first + i) % count);
      if (this.#isFree(socket, address, port)) return port;
    }
    return undefined;
  }

  /** The socket that fits best: bound to the address, connected to the peer, bound to the device (compute_score). */
  #find(
    source: Ipv4,
    sourcePort: number,
    destination: Ipv4,
    port: number,
    dev: NetDevice | undefined,
  ): UdpSock | undefined {
    const lone = this.#lone;
    if (lone !== null && lone.localPort === port && lone.open) return lone;
    const bound = this.#ports.get(port);
    if (bound === undefined) return undefined;
    if (bound.length === 1 && (bound[0] as UdpSock).open) this.#lone = bound[0] as UdpSock;
    let best: UdpSock | undefined;
    let bestScore = -1;
    for (const s of bound) {
      const score = s.score(source, sourcePort, destination, dev);
      if (score > bestScore) {
        best = s;
        bestScore = score;
      }
    }
    return best;
  }

  #deliverToAll(p: Packet, source: Ipv4, destination: Ipv4, port: number, dev: NetDevice): void {
    let heard = false;
    for (const s of this.#ports.get(port) ?? []) {
      if (s.score(source, sport(p.buf, p.start), destination, dev) < 0) continue;
      s.deliver(p);
      heard = true;
    }
    if (heard) this.#kernel.consume(p);
    else this.#kernel.drop(p, NO_SOCKET, dev.name);
  }
}

export class UdpSock extends DatagramSocketBase implements UdpSocket {
  localPort = 0;
  remoteAddress: Ipv4 = ANY;
  remotePort = 0;
  readonly #udp: Udp;
  /** The route of a connected socket's datagrams (`sk_dst_cache`). */
  #route: Dst | null = null;
  #pending: Errno | null = null;

  constructor(kernel: Kernel, udp: Udp) {
    super(kernel);
    this.#udp = udp;
  }

  bind(address: Ipv4, port: number): Outcome {
    if (this.closed) return refused("EBADF");
    const source = this.mayHave(address);
    if (!source.ok) return source;
    if (this.localPort !== 0) return refused("EINVAL");
    const bound = this.#udp.bind(this, address, port);
    if (!bound.ok) return bound;
    this.localAddress = address;
    this.sendsFrom = source.value;
    this.localPort = bound.value;
    return done;
  }

  /** net/ipv4/datagram.c:__ip4_datagram_connect. */
  connect(address: Ipv4, port: number): Outcome {
    if (this.closed) return refused("EBADF");
    const bound = this.#autobind();
    if (!bound.ok) return bound;
    this.#route = null;
    const route = this.route(address);
    if (!route.ok) return route;
    const d = route.value;
    if (this.sendsFrom === ANY) this.sendsFrom = d.source;
    if (this.localAddress === ANY) this.localAddress = d.source;
    this.remoteAddress = address === ANY ? d.nextHop : address;
    this.remotePort = port;
    return done;
  }

  /** net/ipv4/af_inet.c:inet_autobind. */
  #autobind(): Outcome {
    if (this.localPort !== 0) return done;
    const bound = this.bind(ANY, 0);
    return bound.ok ? done : refused("EAGAIN");
  }

  /** Takes any datagram for its port: bound to no address, connected to no peer, bound to no device. */
  get open(): boolean {
    return this.localAddress === ANY && this.remotePort === 0 && this.options.ifname === undefined;
  }

  send(payload: Uint8Array | Payload): Outcome {
    if (this.remotePort === 0) return refused("EDESTADDRREQ");
    return this.sendTo(payload, this.remoteAddress, this.remotePort);
  }

  /** net/ipv4/udp.c:udp_sendmsg. */
  sendTo(payload: Uint8Array | Payload, to: Ipv4, port: number, extra?: SendOptions): Outcome {
    if (this.closed) return refused("EBADF");
    if (port < 1 || port > 65_535) return refused("EINVAL");
    if (payload.length > PAYLOAD_MAX) return refused("EMSGSIZE");
    if (this.localPort === 0) {
      const bound = this.#autobind();
      if (!bound.ok) return bound;
    }
    const plain = extra === undefined && to === this.remoteAddress && this.#plain;
    const kept = plain ? this.#route : null;
    const route = kept?.holds(this.kernel.sim) ? granted(kept) : this.route(to, extra);
    if (!route.ok) return route;
    const d = route.value;
    if (plain) this.#route = d;
    const options = extra?.options ?? this.options.options;
    const bytes = HEADER + payload.length;
    const flags = this.flags(d, bytes + 20 + (options?.length ?? 0), extra);
    if (!flags.ok) {
      this.tooLong(d, to, port, this.localPort);
      return flags;
    }
    if (this.#pending !== null) return this.#takePending();
    if (!this.hasRoom) return refused("EAGAIN");
    const target = to === ANY ? d.nextHop : to;
    const p = this.kernel.sim.pool.alloc(bytes);
    const data = p.start + HEADER;
    if (payload instanceof Payload) {
      p.buf.set(payload.bytes, data);
      p.sum = payload.sum;
      p.sumFrom = data;
    } else {
      p.buf.set(payload, data);
      p.cacheSum(data);
    }
    writeHeader(p.buf, p.start, this.localPort, port, bytes);
    sealSum(p.buf, p.start, p.end, this.source(d, extra), target, p.sum);
    this.emit(p, d, IPPROTO_UDP, target, flags.value, extra);
    return done;
  }

  close(): void {
    if (this.closed) return;
    this.end();
    if (this.localPort !== 0) this.#udp.unbind(this);
  }

  /** How well a datagram fits this socket; -1 when it is not for it (net/ipv4/udp.c:compute_score). */
  score(source: Ipv4, sourcePort: number, destination: Ipv4, dev: NetDevice | undefined): number {
    let score = 0;
    if (this.localAddress !== ANY) {
      if (this.localAddress !== destination) return -1;
      score += 4;
    }
    if (this.remotePort !== 0) {
      if (this.remoteAddress !== source || this.remotePort !== sourcePort) return -1;
      score += 8;
    }
    if (this.options.ifname !== undefined && dev !== undefined) {
      if (this.options.ifname !== dev.name) return -1;
      score += 4;
    }
    return score;
  }

  /** Shows the datagram to the program; `p.start` is at the UDP header. */
  deliver(p: Packet): void {
    if (this.handler === null) return;
    const info = describe(p);
    info.sourcePort = sport(p.buf, p.start);
    info.destinationPort = dport(p.buf, p.start);
    this.handler(p.buf, p.start + HEADER, p.end, info);
  }

  /** net/ipv4/udp.c:__udp4_lib_err. */
  fail(p: Packet, outer: number, type: number, code: number, info: number): void {
    const error = socketError(p, outer, type, code, info, this.localPort, dport(p.buf, p.start));
    if (this.errorHandler !== null) this.errorHandler(error);
    else if (this.remotePort !== 0 && this.#heeds(type, code)) this.#pending = error.errno;
  }

  /** Whether an ICMP error ends a connected socket's patience. That something is too long does, where it is asked for. */
  #heeds(type: number, code: number): boolean {
    if (type === 3 && code === 4) return this.options.pathMtuDiscovery !== "dont";
    return icmpErrno(type, code).fatal;
  }

  /** No option is set that changes the route. */
  get #plain(): boolean {
    const { ifname, source, mark, tos, options, pathMtuDiscovery } = this.options;
    return (
      ifname === undefined &&
      source === undefined &&
      mark === undefined &&
      tos === undefined &&
      options === undefined &&
      pathMtuDiscovery !== "probe"
    );
  }

  #takePending(): Outcome {
    const errno = this.#pending as Errno;
    this.#pending = null;
    return refused(errno);
  }
}
