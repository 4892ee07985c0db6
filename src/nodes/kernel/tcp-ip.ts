import { type DropReason, dropReason } from "../../core/drop.ts";
import { granted, type Outcome, refused } from "../../core/errno.ts";
import type { Packet } from "../../core/packet.ts";
import type { Nanos } from "../../core/time.ts";
import { IPPROTO_TCP } from "../../protocols/ipv4/wire.ts";
import type { TcpHost, TcpPath } from "../../protocols/tcp/host.ts";
import { portWord } from "../../protocols/tcp/isn.ts";
import type { TcpSettings } from "../../protocols/tcp/settings.ts";
import { SYN_RECEIVED } from "../../protocols/tcp/state.ts";
import { NO_METRICS } from "./fib/route.ts";
import { DST_ERROR, type Dst, TOS_ROUTING } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import type { Tcp } from "./tcp.ts";
import type { TcpSock } from "./tcp-sock.ts";

const NO_WAY = dropReason("ip: no route");

/** The IP layer below a socket's connection: the route to its peer, and its packets' headers (net/ipv4/ip_output.c:__ip_queue_xmit). */
export class TcpIp implements TcpHost {
  readonly settings: TcpSettings;
  readonly #kernel: Kernel;
  readonly #tcp: Tcp;
  readonly #sock: TcpSock;
  #route: Dst | null = null;
  /** The next identification of its packets (`inet_id`). */
  #id = 0;

  constructor(kernel: Kernel, tcp: Tcp, sock: TcpSock) {
    this.settings = kernel.sysctl;
    this.#kernel = kernel;
    this.#tcp = tcp;
    this.#sock = sock;
  }

  // --- the connection's side ---------------------------------------------------------------------------------------

  alloc(length: number): Packet {
    return this.#kernel.sim.pool.alloc(length);
  }

  transmit(p: Packet, ecn: number): boolean {
    const kernel = this.#kernel;
    const d = this.#current();
    if (d === null) {
      kernel.drop(p, NO_WAY, "tcp");
      return false;
    }
    const sock = this.#sock;
    const { options, connection } = sock;
    p.mark = options.mark ?? 0;
    this.#tcp.stats.outSegs++;
    const opening = connection.state === SYN_RECEIVED && connection.passive;
    const id = opening ? 0 : (this.#id = (this.#id + 1) & 0xffff);
    const ttl = options.ttl ?? d.hopLimit;
    const tos = ((options.tos ?? 0) & 0xfc) | ecn;
    const hadCarrier = d.dev.carrier;
    kernel.ipv4.send(p, d, IPPROTO_TCP, sock.localAddress, sock.remoteAddress, ttl, tos, d.df, undefined, id);
    if (!hadCarrier) connection.local.refused = false; // Linux's noop queue counts it as sent
    return true;
  }

  consume(p: Packet): void {
    this.#kernel.consume(p);
  }
  drop(p: Packet, reason: DropReason): void {
    this.#kernel.drop(p, reason, "tcp");
  }
  pathMtu(): number {
    return this.#current()?.mtu ?? 0;
  }
  path(): TcpPath {
    return this.#current()?.route?.metrics ?? NO_METRICS;
  }
  pathSuspect(): void {
    this.forgetRoute();
  }
  mayChallenge(now: Nanos): boolean {
    return this.#tcp.mayChallenge(now);
  }

  // --- the socket's side -------------------------------------------------------------------------------------------

  /** The socket has both addresses and ports: its packets' identifications begin. */
  named(): void {
    this.#id = this.#tcp.firstId(this.#sock);
  }
  /** A route to the peer, of a socket that may have no address of its own yet. */
  lookUp(): Outcome<Dst> {
    const { ipv4 } = this.#kernel;
    const { options, localAddress, localPort, remoteAddress, remotePort } = this.#sock;
    const dev = options.ifname === undefined ? undefined : this.#kernel.device(options.ifname);
    if (options.ifname !== undefined && dev === undefined) return refused("ENODEV");
    ipv4.flowPorts = portWord(localPort, remotePort);
    const tos = (options.tos ?? 0) & TOS_ROUTING;
    const d = ipv4.routes.output(remoteAddress, localAddress, dev?.ifindex ?? 0, tos, options.mark ?? 0);
    ipv4.flowPorts = 0;
    return d.type === DST_ERROR ? refused(d.errno || "ENETUNREACH") : granted(d);
  }
  /** The path takes packets of `mtu` octets only. False: that was known, or there is no path. */
  learnMtu(mtu: number): boolean {
    const route = this.#current();
    if (route === null || mtu >= route.mtu) return false;
    this.#kernel.ipv4.exceptions.learnMtu(this.#sock.remoteAddress, mtu, route);
    return true;
  }
  /** The next segment asks for the route again. */
  forgetRoute(): void {
    this.#route = null;
  }

  /** The route to the peer, looked up again if it may have changed; null when there is none. */
  #current(): Dst | null {
    const known = this.#route;
    if (known?.holds(this.#kernel.sim)) return known;
    const route = this.lookUp();
    if (!route.ok) this.#sock.connection.softError = route.errno;
    this.#route = route.ok ? route.value : null;
    return this.#route;
  }
}
