import { ANY, type Ipv4 } from "../../core/addr.ts";
import { dropReason } from "../../core/drop.ts";
import { done, type Errno, type Outcome, refused } from "../../core/errno.ts";
import type { Packet } from "../../core/packet.ts";
import { Alarm } from "../../core/sim.ts";
import type { BytePattern, TcpInfo, TcpOptions, TcpSocket } from "../../core/tcp-socket.ts";
import { type Nanos, NEVER } from "../../core/time.ts";
import { ecn as ecnOf, ttl as ttlOf } from "../../protocols/ipv4/wire.ts";
import { TcpConnection } from "../../protocols/tcp/connection.ts";
import type { TcpUser } from "../../protocols/tcp/host.ts";
import { initialSequence, portWord, stampOffset } from "../../protocols/tcp/isn.ts";
import type { Segment } from "../../protocols/tcp/segment.ts";
import type { TcpSettings } from "../../protocols/tcp/settings.ts";
import {
  CLOSED,
  isSynchronized,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
  stateName,
  type TcpState,
  TIME_WAIT,
} from "../../protocols/tcp/state.ts";
import { DST_BROADCAST, DST_MULTICAST } from "./ipv4/dst.ts";
import type { Kernel } from "./kernel.ts";
import type { Tcp } from "./tcp.ts";
import { congestionControl } from "./tcp-congestion.ts";
import { tcpInfo } from "./tcp-info.ts";
import { TcpIp } from "./tcp-ip.ts";
import { TcpListener } from "./tcp-listen.ts";
import { applyOptions } from "./tcp-options.ts";
import type { PortUser } from "./tcp-ports.ts";

const FROM_AFAR = dropReason("tcp: ttl below minimum");
const LOOPBACK: Ipv4 = 0x7f000001;

/** A TCP socket of a node: what the program asks of it, and what its connection tells the program (net/ipv4/tcp.c). */
export class TcpSock implements TcpSocket, TcpUser, PortUser {
  readonly options: TcpOptions = {};
  readonly settings: TcpSettings;
  localAddress: Ipv4 = ANY;
  localPort = 0;
  remoteAddress: Ipv4 = ANY;
  remotePort = 0;
  chosen = false;
  error: Errno | null = null;
  readonly connection: TcpConnection;
  readonly #kernel: Kernel;
  readonly #tcp: Tcp;
  readonly #ip: TcpIp;
  readonly #alarm: Alarm;
  #listener: TcpListener | null = null;
  /** Where an accepted connection comes from, until it is taken. */
  #parent: TcpListener | null = null;
  #closed = false;
  #onConnect: ((failed: Errno | null) => void) | null = null;
  #onData: ((b: Uint8Array, o: number, end: number) => void) | null = null;
  #onEnd: (() => void) | null = null;
  #onWritable: (() => void) | null = null;
  #onError: ((errno: Errno) => void) | null = null;

  constructor(kernel: Kernel, tcp: Tcp) {
    this.#kernel = kernel;
    this.#tcp = tcp;
    this.settings = kernel.sysctl;
    this.#ip = new TcpIp(kernel, tcp, this);
    this.#alarm = new Alarm(kernel.sim, kernel.name, () => this.#ring());
    this.connection = new TcpConnection(this.#ip, this, congestionControl(kernel.sysctl.tcp_congestion_control));
  }

  // --- the program's side --------------------------------------------------------------------------------------

  get state(): string {
    return stateName(this.#listener === null ? this.connection.state : LISTEN);
  }
  get listening(): boolean {
    return this.#listener !== null;
  }
  get listener(): TcpListener | null {
    return this.#listener;
  }
  get ifname(): string | undefined {
    return this.options.ifname;
  }
  get reuse(): boolean {
    return this.options.reuseAddress ?? false;
  }
  get unacked(): number {
    return this.connection.snd.queue.bytes;
  }

  /** net/ipv4/af_inet.c:__inet_bind. */
  bind(address: Ipv4, port: number): Outcome {
    if (this.#closed) return refused("EBADF");
    if (this.localPort !== 0 || this.#isUsed) return refused("EINVAL");
    const { fib, sysctl } = this.#kernel;
    if (address !== ANY && fib.addressType(address) !== "local" && sysctl.ip_nonlocal_bind === 0)
      return refused("EADDRNOTAVAIL");
    const { ports } = this.#tcp;
    const chosen = port === 0 ? ports.forBinding(address, this.ifname, this.reuse) : port;
    if (chosen === undefined || !ports.mayBind(address, chosen, this.ifname, this.reuse)) return refused("EADDRINUSE");
    this.localAddress = address;
    this.#takePort(chosen, true);
    return done;
  }

  /** net/ipv4/tcp_ipv4.c:tcp_v4_connect. */
  connect(address: Ipv4, port: number, onConnect: (failed: Errno | null) => void): Outcome {
    if (this.#closed) return refused("EBADF");
    if (this.#listener !== null || this.connection.isAlive) return refused("EISCONN");
    if (this.connection.state === SYN_SENT || this.connection.state === SYN_RECEIVED) return refused("EALREADY");
    if (this.#isUsed || port < 1 || port > 65_535) return refused("EINVAL");
    this.remoteAddress = address === ANY ? this.localAddress || LOOPBACK : address;
    const route = this.#ip.lookUp();
    if (!route.ok) return route;
    const d = route.value;
    if (d.type === DST_BROADCAST || d.type === DST_MULTICAST) return refused("ENETUNREACH");
    const local = this.localAddress || d.source;
    const tuple = { localAddress: local, remoteAddress: this.remoteAddress, remotePort: port };
    if (this.localPort === 0) {
      const drawn = this.#tcp.ports.forConnecting(local, this.remoteAddress, port);
      if (drawn === undefined) return refused("EADDRNOTAVAIL");
      this.localAddress = local;
      this.#takePort(drawn, false);
    } else if (!this.#tcp.isFree(local, this.localPort, this.remoteAddress, port)) return refused("EADDRNOTAVAIL");
    this.localAddress = local;
    this.remotePort = port;
    const setUp = this.#setUp();
    if (!setUp.ok) return setUp;
    this.#onConnect = onConnect;
    const iss = this.#tcp.replaceWait({ ...tuple, localPort: this.localPort }) ?? this.#drawSequence();
    this.#tcp.addConnection(this);
    this.#tcp.stats.activeOpens++;
    this.connection.connect(this.#now, iss);
    this.rearm();
    return done;
  }

  listen(backlog: number, onAccept: (connection: TcpSocket) => void): Outcome {
    if (this.#closed) return refused("EBADF");
    if (this.#isUsed) return refused("EINVAL");
    const limit = Math.min(Math.max(backlog, 0), this.settings.somaxconn);
    if (this.#listener !== null) {
      this.#listener.backlog = limit;
      return done;
    }
    if (this.localPort === 0) {
      const bound = this.bind(this.localAddress, 0);
      if (!bound.ok) return bound;
    }
    // Two that share a port by SO_REUSEADDR may not both listen (inet_csk_listen_start).
    if (!this.#tcp.ports.mayBind(this.localAddress, this.localPort, this.ifname, this.reuse, this))
      return refused("EADDRINUSE");
    this.#listener = new TcpListener(this.#kernel, this.#tcp, this, limit, onAccept);
    this.#tcp.addListener(this);
    return done;
  }
  holdAccept(hold: boolean): void {
    if (this.#listener === null) return;
    this.#listener.held = hold;
    this.#listener.takeWaiting();
  }

  write(b: Uint8Array, o = 0, end = b.length): number {
    return this.#rearmed(this.connection.write(this.#now, b, o, end));
  }
  lend(b: Uint8Array, o = 0, end = b.length): number {
    return this.#rearmed(this.connection.lend(this.#now, b, o, end));
  }
  generate(pattern: BytePattern, count: number): number {
    return this.#rearmed(this.connection.generate(this.#now, pattern, count));
  }

  onWritable(handler: () => void): void {
    this.#onWritable = handler;
  }
  onData(handler: (b: Uint8Array, o: number, end: number) => void): void {
    this.#onData = handler;
    this.resume();
  }
  onEnd(handler: () => void): void {
    this.#onEnd = handler;
    this.connection.wantEnd(this.#now);
  }
  onError(handler: (errno: Errno) => void): void {
    this.#onError = handler;
  }
  pause(): void {
    this.connection.setReading(this.#now, false);
  }
  resume(): void {
    this.connection.setReading(this.#now, true);
    this.rearm();
  }

  shutdown(): Outcome {
    const { connection } = this;
    if (!isSynchronized(connection.state) && connection.state !== SYN_RECEIVED) return refused("ENOTCONN");
    connection.noDelay = this.options.noDelay ?? false;
    connection.shutdown(this.#now);
    this.rearm();
    return done;
  }

  close(): void {
    this.#give(() => this.connection.close(this.#now));
  }
  abort(): void {
    this.#give(() => this.connection.abort(this.#now));
  }

  info(): TcpInfo {
    return tcpInfo(this.connection, this.state, this.#now);
  }

  // --- from the demultiplexer, and from listeners ------------------------------------------------------------------

  /** A segment of this connection, `p.start` at its header. Takes ownership. */
  segment(p: Packet): void {
    const { connection, options } = this;
    // net/ipv4/tcp_ipv4.c:tcp_v4_rcv, LINUX_MIB_TCPMINTTLDROP.
    if (options.minTtl !== undefined && ttlOf(p.buf, p.net) < options.minTtl)
      return this.#kernel.drop(p, FROM_AFAR, "tcp");
    connection.noDelay = options.noDelay ?? false;
    const ecn = ecnOf(p.buf, p.net);
    if (!connection.receive(this.#now, p, ecn)) this.#tcp.refuse(p, ecn);
    if (connection.state !== CLOSED && connection.state !== TIME_WAIT) this.#alarm.set(connection.deadline);
  }

  /** Becomes a connection of `parent`'s with `remote`, which has sent `p`. */
  inherit(parent: TcpSock, listener: TcpListener, local: Ipv4, remote: Ipv4, p: Packet): void {
    Object.assign(this.options, parent.options);
    this.#parent = listener;
    this.localAddress = local;
    this.localPort = parent.localPort;
    this.chosen = parent.chosen;
    this.remoteAddress = remote;
    this.remotePort = p.view.getUint16(p.start);
    this.#setUp();
  }
  /** Answers the SYN that made it. */
  answer(seg: Segment, iss: number): void {
    this.connection.accept(this.#now, seg, iss);
    this.rearm();
  }
  /** The program has it now. */
  taken(): void {
    this.#parent = null;
  }
  /** It ends without a word: nobody has heard of it. */
  vanish(): void {
    this.#closed = true;
    this.connection.vanish();
  }

  /** An ICMP error about a segment of this connection (net/ipv4/tcp_ipv4.c:tcp_v4_err). */
  icmp(errno: Errno, seq: number, revert: boolean): void {
    this.connection.icmpError(this.#now, errno, seq, revert);
    this.rearm();
  }
  /** The path takes packets of `mtu` octets only. */
  mtuReduced(mtu: number): void {
    if (!this.#ip.learnMtu(mtu)) return;
    this.connection.mtuReduced(this.#now);
    this.rearm();
  }
  /** A better gateway was named: the next segment asks for the route again. */
  redirected(): void {
    this.#ip.forgetRoute();
  }

  // --- the connection's side ---------------------------------------------------------------------------------------

  rearm(): void {
    const { state, deadline } = this.connection;
    this.#alarm.set(state === CLOSED || state === TIME_WAIT ? NEVER : deadline);
  }

  stateChanged(from: TcpState): void {
    const { connection } = this;
    const { state } = connection;
    this.#tcp.changed(this, from, state);
    if (state === TIME_WAIT) {
      this.#tcp.removeConnection(this);
      this.#tcp.wait(connection, this);
      this.#leavePort();
    } else if (state === CLOSED) {
      this.#tcp.removeConnection(this);
      this.#parent?.failed(this);
      this.#parent = null;
      if (this.#closed || !this.chosen) this.#leavePort();
    } else return;
    this.#alarm.set(NEVER);
  }
  mayEstablish(): boolean {
    if (this.#parent === null || !this.#parent.isFull) return true;
    if (this.settings.tcp_abort_on_overflow !== 0) this.abort();
    return false;
  }
  connected(): void {
    if (this.#parent !== null) {
      this.#tcp.stats.passiveOpens++;
      return this.#parent.established(this);
    }
    const told = this.#onConnect;
    this.#onConnect = null;
    told?.(null);
  }
  data(b: Uint8Array, o: number, end: number): void {
    this.#onData?.(b, o, end);
  }
  ended(): void {
    this.#onEnd?.();
  }
  writable(): void {
    this.#onWritable?.();
  }
  failed(errno: Errno): void {
    this.error = errno;
    const connecting = this.#onConnect;
    this.#onConnect = null;
    if (connecting !== null) connecting(errno);
    else this.#onError?.(errno);
  }

  // --- helpers -----------------------------------------------------------------------------------------------------

  get #now(): Nanos {
    return this.#kernel.sim.now;
  }
  /** It was connected, or is. */
  get #isUsed(): boolean {
    return this.connection.state !== CLOSED || this.connection.snd.iss !== 0 || this.error !== null;
  }

  #ring(): void {
    this.connection.noDelay = this.options.noDelay ?? false;
    this.connection.tick(this.#now);
    this.rearm();
  }

  #rearmed(taken: number): number {
    this.rearm();
    return taken;
  }

  /** The program gives the socket up; the connection may live on. */
  #give(end: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onConnect = this.#onData = this.#onEnd = this.#onWritable = this.#onError = null;
    if (this.#listener !== null) {
      this.#tcp.removeListener(this);
      this.#listener.close();
      this.#leavePort();
      return;
    }
    end();
    if (this.connection.state === CLOSED || this.connection.state === TIME_WAIT) this.#leavePort();
    this.rearm();
  }

  #takePort(port: number, chosen: boolean): void {
    this.localPort = port;
    this.chosen = chosen;
    this.#tcp.ports.add(this);
  }
  #leavePort(): void {
    this.#tcp.ports.remove(this);
  }

  /** Gives the connection its names, and what the program has chosen. */
  #setUp(): Outcome {
    const { connection: c } = this;
    c.localAddress = this.localAddress;
    c.localPort = this.localPort;
    c.remoteAddress = this.remoteAddress;
    c.remotePort = this.remotePort;
    c.stampOffset = stampOffset(this.#tcp.secret, this.localAddress, this.remoteAddress);
    this.#ip.named();
    return applyOptions(c, this.options, this.settings);
  }

  #drawSequence(): number {
    const ports = portWord(this.localPort, this.remotePort);
    return initialSequence(this.#tcp.secret, this.#now, this.localAddress, this.remoteAddress, ports);
  }
}
