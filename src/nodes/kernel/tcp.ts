import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { i32, u16 } from "../../core/bytes.ts";
import { fold16, pseudoHeader } from "../../core/checksum.ts";
import { dropReason } from "../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../core/packet.ts";
import { type Nanos, S } from "../../core/time.ts";
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, ICMP_REDIRECT, ICMP_TIME_EXCEEDED } from "../../protocols/icmp/wire.ts";
import { dst, dstI32, ecn as ecnOf, IPPROTO_TCP, src, srcI32 } from "../../protocols/ipv4/wire.ts";
import type { TcpConnection } from "../../protocols/tcp/connection.ts";
import { quotesOurs } from "../../protocols/tcp/icmp.ts";
import { readSegment } from "../../protocols/tcp/input.ts";
import { hash, portWord, type TcpSecret } from "../../protocols/tcp/isn.ts";
import { ackLength, RESET_LENGTH, writeAck, writeReset } from "../../protocols/tcp/reply.ts";
import type { Segment } from "../../protocols/tcp/segment.ts";
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  SYN_RECEIVED,
  SYN_SENT,
  stateName,
  type TcpState,
} from "../../protocols/tcp/state.ts";
import { TW_ACK, TW_END, TW_SYN } from "../../protocols/tcp/time-wait.ts";
import { dataOffset, HEADER, TCP_RST } from "../../protocols/tcp/wire.ts";
import { DST_ERROR, DST_LOCAL, type Dst } from "./ipv4/dst.ts";
import type { Transport } from "./ipv4/ipv4.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";
import { icmpErrno } from "./socket.ts";
import type { TcpListener } from "./tcp-listen.ts";
import { type PortUser, TcpPorts } from "./tcp-ports.ts";
import { TcpSock } from "./tcp-sock.ts";
import { TcpStats } from "./tcp-stats.ts";
import { TcpTable, type TcpTuple } from "./tcp-table.ts";
import { TcpWaits, type WaitingConnection } from "./tcp-waits.ts";

const MALFORMED = dropReason("tcp: malformed");
const BAD_CHECKSUM = dropReason("tcp: bad checksum");
const NO_CONNECTION = dropReason("tcp: no connection");
const NOT_FOR_ONE = dropReason("ip: link-layer broadcast with unicast destination");
const RESET = dropReason("tcp: reset");

/** TCP of a node: finds the connection of a segment (net/ipv4/tcp_ipv4.c). Until somebody uses it, it keeps nothing. */
export class Tcp implements Transport {
  readonly stats = new TcpStats();
  readonly #kernel: Kernel;
  readonly #connections = new TcpTable<TcpSock>();
  #listeners: Map<number, TcpSock[]> | null = null;
  #ports: TcpPorts | null = null;
  #waits: TcpWaits | null = null;
  #secret: TcpSecret | null = null;
  /** Challenge ACKs left in the second that began at `#challengeAt`. */
  #challenges = 0;
  #challengeAt: Nanos = -1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.ipv4.register(IPPROTO_TCP, this);
  }

  socket(): TcpSock {
    return new TcpSock(this.#kernel, this);
  }

  /** Every connection, every listener, and every connection that waits. */
  connections(): Generator<TcpSock> {
    return this.#connections.values();
  }
  *listeners(): Generator<TcpSock> {
    for (const sockets of this.#listeners?.values() ?? []) yield* sockets;
  }
  *waits(): Generator<WaitingConnection> {
    if (this.#waits !== null) yield* this.#waits.values();
  }

  get ports(): TcpPorts {
    return (this.#ports ??= new TcpPorts(this.#kernel, this));
  }
  get secret(): TcpSecret {
    if (this.#secret === null) {
      const draw = this.#kernel.sim.rngOnce(`tcp secret ${this.#kernel.name}`);
      this.#secret = [draw.u32() | 0, draw.u32() | 0, draw.u32() | 0, draw.u32() | 0];
    }
    return this.#secret;
  }

  /** net/ipv4/tcp_ipv4.c:tcp_v4_rcv. */
  receive(p: Packet, dev: NetDevice, d: Dst): void {
    const kernel = this.#kernel;
    const { buf, net, start } = p;
    const { stats } = this;
    stats.inSegs++;
    if (p.type !== PACKET_HOST || d.type !== DST_LOCAL) return kernel.drop(p, NOT_FOR_ONE, dev.name);
    const length = p.end - start;
    if (length < HEADER || dataOffset(buf, start) < HEADER || dataOffset(buf, start) > length) {
      stats.inErrs++;
      return kernel.drop(p, MALFORMED, dev.name);
    }
    const remote = srcI32(buf, net);
    const local = dstI32(buf, net);
    if (fold16(p.sumOf(start) + pseudoHeader(remote, local, IPPROTO_TCP, length)) !== 0xffff) {
      stats.inErrs++;
      stats.inCsumErrors++;
      return kernel.drop(p, BAD_CHECKSUM, dev.name);
    }
    const ports = i32(buf, start);
    const connection = this.#connections.find(local, remote, ports);
    if (connection !== undefined && isFor(connection, dev)) return connection.segment(p);
    this.#stranger(p, dev, local, remote, ports);
  }

  quotesOurs(p: Packet): boolean {
    if (p.end - p.start < 8) return false;
    const s = this.#quoted(p);
    if (s !== undefined && quotesOurs(s.connection, i32(p.buf, p.start + 4))) return true;
    if (s !== undefined) this.stats.outOfWindowIcmps++;
    return false;
  }

  /** An ICMP error about a segment that is out (net/ipv4/tcp_ipv4.c:tcp_v4_err). */
  error(p: Packet, _outer: number, type: number, code: number, info: number): void {
    const s = this.#quoted(p);
    if (s === undefined) return;
    if (type === ICMP_REDIRECT) return s.redirected();
    if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) return s.mtuReduced(info);
    const noWay = (type === ICMP_DEST_UNREACH && code <= 1) || type === ICMP_TIME_EXCEEDED;
    s.icmp(icmpErrno(type, code).errno, i32(p.buf, p.start + 4), noWay);
  }

  // --- connections -------------------------------------------------------------------------------------------------

  addConnection(s: TcpSock): void {
    this.#connections.add(s);
  }
  removeConnection(s: TcpSock): void {
    this.#connections.remove(s);
  }
  /** A connection's TIME-WAIT begins. */
  wait(c: TcpConnection, user: PortUser): void {
    this.#waits ??= new TcpWaits(this.#kernel, this.ports);
    this.#waits.add(c, user);
  }

  addListener(s: TcpSock): void {
    this.#listeners ??= new Map();
    const sockets = this.#listeners.get(s.localPort);
    if (sockets === undefined) this.#listeners.set(s.localPort, [s]);
    else sockets.push(s);
  }
  removeListener(s: TcpSock): void {
    const left = (this.#listeners?.get(s.localPort) ?? []).filter((other) => other !== s);
    if (left.length === 0) this.#listeners?.delete(s.localPort);
    else this.#listeners?.set(s.localPort, left);
  }

  /** Whether a connection between these may begin: none exists, and one that waits may be replaced (`__inet_check_established`). */
  isFree(local: Ipv4, localPort: number, remote: Ipv4, remotePort: number): boolean {
    const tuple = { localAddress: local, localPort, remoteAddress: remote, remotePort };
    if (this.#connections.findTuple(tuple) !== undefined) return false;
    const w = this.#findWait(tuple);
    return w === undefined || this.#mayReplace(w);
  }

  /** Ends the wait whose place a new connection takes, and returns its first sequence number; undefined when none waits. */
  replaceWait(tuple: TcpTuple): number | undefined {
    const w = this.#findWait(tuple);
    if (w === undefined) return undefined;
    this.#waits?.remove(w);
    return w.nextIss;
  }

  /** The state of a connection changed: statistics, trace. */
  changed(s: TcpSock, from: TcpState, to: TcpState): void {
    const { stats } = this;
    if (to === CLOSED && (from === SYN_SENT || from === SYN_RECEIVED)) stats.attemptFails++;
    if (to === CLOSED && (from === ESTABLISHED || from === CLOSE_WAIT)) stats.estabResets++;
    const { sim } = this.#kernel;
    if (!sim.trace.on) return;
    sim.trace.emit(sim.now, this.#kernel.name, "tcp.state", {
      local: `${formatIp(s.localAddress)}:${s.localPort}`,
      remote: `${formatIp(s.remoteAddress)}:${s.remotePort}`,
      from: stateName(from),
      to: stateName(to),
    });
  }

  /** RFC 5961 §7: a challenge ACK is within the node's limit for this second. */
  mayChallenge(now: Nanos): boolean {
    const limit = this.#kernel.sysctl.tcp_challenge_ack_limit;
    if (limit === 0x7fffffff) return true;
    const second = Math.floor(now / S);
    if (second !== this.#challengeAt) {
      this.#challengeAt = second;
      // Not always the same number, or strangers could count (`tcp_send_challenge_ack`).
      this.#challenges =
        ((limit + 1) >> 1) + this.#kernel.sim.rng(`tcp challenges ${this.#kernel.name}`).int(Math.max(1, limit));
    }
    if (this.#challenges === 0) return false;
    this.#challenges--;
    return true;
  }

  /** The first identification of a connection's IP packets. */
  firstId(s: TcpTuple): number {
    return hash(this.secret, 3, s.localAddress, s.remoteAddress, portWord(s.localPort, s.remotePort), 1) & 0xffff;
  }

  // --- segments of no connection -----------------------------------------------------------------------------------

  /** A connection wants a reset sent for `p`, whose end this is. */
  refuse(p: Packet, ecn: number): void {
    this.reset(p, readSegment(p, ecn));
    this.#kernel.drop(p, RESET, "tcp");
  }

  /** Answers the segment in `p` with a reset (`tcp_v4_send_reset`). Looks only. */
  reset(p: Packet, seg: Segment): void {
    if (seg.has(TCP_RST)) return;
    const kernel = this.#kernel;
    const r = kernel.sim.pool.alloc(RESET_LENGTH);
    const { buf, start } = p;
    writeReset(r, seg, dst(buf, p.net), u16(buf, start + 2), src(buf, p.net), u16(buf, start));
    this.stats.outRsts++;
    this.#answer(r, p);
  }

  /** A segment of no connection: for one that waits, for a listener, or for nobody. */
  #stranger(p: Packet, dev: NetDevice, local: number, remote: number, ports: number): void {
    const seg = readSegment(p, ecnOf(p.buf, p.net));
    const w = this.#waits?.find(local, remote, ports);
    let iss: number | undefined;
    if (w !== undefined) {
      const verdict = w.receive(this.#kernel.sim.now, seg, this.#kernel.sysctl);
      if (verdict !== TW_SYN) return this.#waiting(p, w, verdict);
      iss = w.nextIss;
    }
    const listener = this.#listener(local >>> 0, ports & 0xffff, dev);
    if (listener === undefined) {
      this.reset(p, seg);
      return this.#kernel.drop(p, NO_CONNECTION, dev.name);
    }
    if (w !== undefined) this.#waits?.remove(w);
    listener.receive(p, seg, local >>> 0, remote >>> 0, iss);
  }

  #waiting(p: Packet, w: WaitingConnection, verdict: number): void {
    const kernel = this.#kernel;
    if (verdict === TW_END) this.#waits?.remove(w);
    else if (verdict === TW_ACK) {
      const ack = w.ack(kernel.sim.now);
      const r = kernel.sim.pool.alloc(ackLength(ack.timestamps));
      writeAck(r, ack, w.localAddress, w.localPort, w.remoteAddress, w.remotePort);
      this.#answer(r, p);
    }
    kernel.consume(p);
  }

  /** Sends a segment back to where `p` came from (net/ipv4/ip_output.c:ip_send_unicast_reply). */
  #answer(r: Packet, p: Packet): void {
    const kernel = this.#kernel;
    const [local, remote] = [dst(p.buf, p.net), src(p.buf, p.net)];
    const d = kernel.ipv4.routes.output(remote, local, 0, 0, 0);
    this.stats.outSegs++;
    if (d.type === DST_ERROR) return kernel.drop(r, NO_CONNECTION, "tcp");
    kernel.ipv4.send(r, d, IPPROTO_TCP, local, remote, d.hopLimit, 0, d.df, undefined, 0);
  }

  /** The listener that fits best: bound to the address, bound to the device (`inet_lookup_listener`). */
  #listener(local: Ipv4, port: number, dev: NetDevice): TcpListener | undefined {
    let best: TcpSock | undefined;
    let bestScore = -1;
    for (const s of this.#listeners?.get(port) ?? []) {
      if ((s.localAddress !== 0 && s.localAddress !== local) || !isFor(s, dev)) continue;
      const score = (s.localAddress !== 0 ? 1 : 0) + (s.ifname !== undefined ? 2 : 0);
      if (score > bestScore) {
        best = s;
        bestScore = score;
      }
    }
    return best?.listener ?? undefined;
  }

  /** The connection to which the segment belongs that an error quotes at `p.start`. */
  #quoted(p: Packet): TcpSock | undefined {
    const { buf, net, start } = p;
    const ports = (u16(buf, start + 2) << 16) | u16(buf, start);
    return this.#connections.find(srcI32(buf, net), dstI32(buf, net), ports);
  }

  #findWait(t: TcpTuple): WaitingConnection | undefined {
    return this.#waits?.find(t.localAddress | 0, t.remoteAddress | 0, (t.remotePort << 16) | t.localPort);
  }

  /** net/ipv4/tcp_ipv4.c:tcp_twsk_unique. */
  #mayReplace(w: WaitingConnection): boolean {
    const { tcp_tw_reuse: reuse } = this.#kernel.sysctl;
    const loopback = w.remoteAddress >>> 24 === 127 || w.localAddress >>> 24 === 127;
    return (reuse === 1 || (reuse === 2 && loopback)) && w.mayReuse(this.#kernel.sim.now);
  }
}

const isFor = (s: TcpSock, dev: NetDevice): boolean => s.ifname === undefined || s.ifname === dev.name;
