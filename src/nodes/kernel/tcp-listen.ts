import type { Ipv4 } from "../../core/addr.ts";
import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { MS, type Nanos, S } from "../../core/time.ts";
import {
  checkCookie,
  hiddenEcn,
  hiddenSack,
  hiddenScale,
  hideOptions,
  initialSequence,
  makeCookie,
  portWord,
} from "../../protocols/tcp/isn.ts";
import type { Segment } from "../../protocols/tcp/segment.ts";
import { MSS_DEFAULT, TCP_ACK, TCP_CWR, TCP_ECE, TCP_FIN, TCP_RST, TCP_SYN } from "../../protocols/tcp/wire.ts";
import type { Kernel } from "./kernel.ts";
import type { Tcp } from "./tcp.ts";
import type { TcpSock } from "./tcp-sock.ts";

const BACKLOG_FULL = dropReason("tcp: backlog full");
const QUEUE_FULL = dropReason("tcp: accept queue full");
const BAD_FLAGS = dropReason("tcp: no acknowledgement");
const BAD_SIGNATURE = dropReason("tcp: bad signature");

/** Flags by which a SYN asks for ECN (RFC 3168 §6.1.1). */
const ASKS_ECN = TCP_ECE | TCP_CWR;
/** So long after the backlog overflowed, cookies may come back (TCP_SYNCOOKIE_VALID). */
const COOKIES_EXPECTED: Nanos = 120 * S;

/** What a listening socket has of connections that nobody has taken yet (net/ipv4/tcp_input.c:tcp_conn_request). */
export class TcpListener {
  readonly sock: TcpSock;
  backlog: number;
  held = false;
  readonly #kernel: Kernel;
  readonly #tcp: Tcp;
  readonly #onAccept: (connection: TcpSocket) => void;
  /** Half open: SYN-ACKs that are not acknowledged. */
  readonly #halfOpen = new Set<TcpSock>();
  /** Established, and not taken. */
  readonly #waiting: TcpSock[] = [];
  /** When a cookie was sent last. */
  #cookieAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(kernel: Kernel, tcp: Tcp, sock: TcpSock, backlog: number, onAccept: (c: TcpSocket) => void) {
    this.#kernel = kernel;
    this.#tcp = tcp;
    this.sock = sock;
    this.backlog = backlog;
    this.#onAccept = onAccept;
  }

  /** Connections half open, and waiting: what `ss` shows as a listener's `Recv-Q` is the latter. */
  get halfOpen(): number {
    return this.#halfOpen.size;
  }
  get waiting(): number {
    return this.#waiting.length;
  }
  get isFull(): boolean {
    return this.#waiting.length > this.backlog; // sk_acceptq_is_full
  }

  /** A segment for the listener. `iss`: of a connection that takes the place of one that waited; undefined: drawn. Takes ownership. */
  receive(p: Packet, seg: Segment, local: Ipv4, remote: Ipv4, iss?: number): void {
    const kernel = this.#kernel;
    if (seg.has(TCP_RST)) return kernel.drop(p, BAD_FLAGS, "tcp");
    if (seg.has(TCP_ACK)) {
      if (!seg.has(TCP_SYN) && this.#cookieReturns(p, seg, local, remote)) return;
      this.#tcp.reset(p, seg); // RFC 9293 §3.10.7.2 second
      return kernel.drop(p, BAD_FLAGS, "tcp");
    }
    if (!seg.has(TCP_SYN) || seg.has(TCP_FIN)) return kernel.drop(p, BAD_FLAGS, "tcp");
    this.#open(p, seg, local, remote, iss);
  }

  /** Half-open connection `s` is established: it is taken, or waits. */
  established(s: TcpSock): void {
    this.#halfOpen.delete(s);
    this.#waiting.push(s);
    if (!this.held) this.takeWaiting();
  }
  /** It is over before that. */
  failed(s: TcpSock): void {
    this.#halfOpen.delete(s);
    const at = this.#waiting.indexOf(s);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** Hands the program what waits. */
  takeWaiting(): void {
    while (this.#waiting.length > 0 && !this.held) {
      const s = this.#waiting.shift() as TcpSock;
      s.taken();
      this.#onAccept(s);
    }
  }

  /** The listener is closed, and all of this with it (`inet_csk_listen_stop`). */
  close(): void {
    for (const s of [...this.#halfOpen]) s.vanish();
    for (const s of this.#waiting.splice(0)) s.abort();
  }

  #open(p: Packet, seg: Segment, local: Ipv4, remote: Ipv4, iss: number | undefined): void {
    const kernel = this.#kernel;
    const { sysctl } = kernel;
    const full = this.#halfOpen.size >= this.backlog;
    const cookie = (sysctl.tcp_syncookies === 2 || full) && iss === undefined;
    if (cookie && sysctl.tcp_syncookies === 0) return kernel.drop(p, BACKLOG_FULL, "tcp");
    if (this.isFull) return kernel.drop(p, QUEUE_FULL, "tcp");
    const room = sysctl.tcp_max_syn_backlog - this.#halfOpen.size;
    if (!cookie && iss === undefined && sysctl.tcp_syncookies === 0 && room < sysctl.tcp_max_syn_backlog >> 2)
      return kernel.drop(p, BACKLOG_FULL, "tcp");
    const s = this.#child(p, local, remote);
    if (s === null) return kernel.drop(p, BAD_SIGNATURE, "tcp");
    if (cookie) this.#sendCookie(s, seg);
    else {
      this.#remember(s);
      const ports = portWord(s.localPort, s.remotePort);
      s.answer(seg, iss ?? initialSequence(this.#tcp.secret, kernel.sim.now, local, remote, ports));
    }
    kernel.consume(p);
  }

  /** A socket for a connection with the sender of `p`; null when the SYN is not signed as it should be. */
  #child(p: Packet, local: Ipv4, remote: Ipv4): TcpSock | null {
    const s = this.#tcp.socket();
    s.inherit(this.sock, this, local, remote, p);
    const { signer } = s.connection;
    return signer === null || signer.verify(p.buf, p.start, p.end, remote, local) ? s : null;
  }

  #remember(s: TcpSock): void {
    this.#halfOpen.add(s);
    this.#tcp.addConnection(s);
    this.#tcp.ports.add(s);
  }

  /** Answers a SYN without remembering it (`cookie_v4_init_sequence`). */
  #sendCookie(s: TcpSock, seg: Segment): void {
    const { now } = this.#kernel.sim;
    this.#cookieAt = now;
    const { options } = seg;
    if (!options.timestamps) {
      options.windowScale = -1; // nowhere to hide them
      options.sackPermitted = false;
      seg.flags &= ~ASKS_ECN;
    }
    const ports = portWord(s.localPort, s.remotePort);
    const mss = options.mss || MSS_DEFAULT;
    const iss = makeCookie(this.#tcp.secret, now, s.localAddress, s.remoteAddress, ports, seg.seq, mss);
    const ecn = (seg.flags & ASKS_ECN) === ASKS_ECN;
    const ms = Math.floor(now / MS) | 0;
    const hidden = hideOptions(ms, options.windowScale, options.sackPermitted, ecn);
    s.connection.stampOffset = (s.connection.stampOffset + hidden - ms) | 0;
    s.answer(seg, iss);
    s.vanish();
  }

  /** An acknowledgement that no connection knows may bring a cookie back (`cookie_v4_check`). */
  #cookieReturns(p: Packet, seg: Segment, local: Ipv4, remote: Ipv4): boolean {
    const kernel = this.#kernel;
    const { now } = kernel.sim;
    if (kernel.sysctl.tcp_syncookies === 0 || now - this.#cookieAt > COOKIES_EXPECTED) return false;
    const iss = (seg.ack - 1) | 0;
    const irs = (seg.seq - 1) | 0;
    const s = this.#child(p, local, remote);
    if (s === null) return false;
    const ports = portWord(s.localPort, s.remotePort);
    const mss = checkCookie(this.#tcp.secret, now, local, remote, ports, irs, iss);
    if (mss === 0) return false;
    if (this.isFull) {
      kernel.drop(p, QUEUE_FULL, "tcp"); // it may come again (tcp_v4_syn_recv_sock)
      return true;
    }
    this.#remember(s);
    rebuildSyn(seg, irs, mss, (seg.tsecr - s.connection.stampOffset) | 0);
    s.connection.acceptCookie(now, seg, iss);
    s.segment(p);
    return true;
  }
}

/** Makes of the segment that brought a cookie back the SYN that the cookie answered. `stamp`: the timestamp of the SYN-ACK. */
function rebuildSyn(seg: Segment, irs: number, mss: number, stamp: number): void {
  const { options } = seg;
  const stamped = options.timestamps;
  seg.seq = irs;
  seg.end = (irs + 1) | 0;
  seg.flags = TCP_SYN | (stamped && hiddenEcn(stamp) ? ASKS_ECN : 0);
  seg.ecn = 0;
  options.mss = mss;
  options.windowScale = stamped ? hiddenScale(stamp) : -1;
  options.sackPermitted = stamped && hiddenSack(stamp);
}
