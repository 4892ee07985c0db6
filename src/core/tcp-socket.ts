import type { Ipv4 } from "./addr.ts";
import type { Errno, Outcome } from "./errno.ts";

/** Octets for a stream that are made when they are sent: the same ones for the same position, however often they are asked for. */
export interface BytePattern {
  /** Fills [o, end) of `b` with the octets from position `at` of the stream on. */
  fill(b: Uint8Array, o: number, end: number, at: number): void;
}

/** What a TCP socket may be told, before it connects or listens; accepted sockets inherit it. Left out: as the sysctls have it. */
export interface TcpOptions {
  /** TCP_NODELAY: small segments do not wait for acknowledgements. Obeyed at any time. */
  noDelay?: boolean;
  /** SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL (seconds) and TCP_KEEPCNT. */
  keepAlive?: boolean;
  keepIdleS?: number;
  keepIntervalS?: number;
  keepCount?: number;
  /** SO_SNDBUF and SO_RCVBUF in octets, as the kernel keeps them: twice what a program asks for. They are not tuned then. */
  sndbuf?: number;
  rcvbuf?: number;
  /** TCP_CONGESTION: `cubic` or `reno`. */
  congestion?: string;
  /** TCP_SYNCNT: SYNs sent again before connecting fails. */
  maxSynRetries?: number;
  /** TCP_RTO_MAX_MS: ceiling of the retransmission timeout; it must exceed the round trip. */
  rtoMaxMs?: number;
  /** TCP_MAXSEG. */
  maxSegment?: number;
  /** SO_BINDTODEVICE. */
  ifname?: string;
  mark?: number;
  ttl?: number;
  /** IP_MINTTL: segments with a smaller one are dropped. */
  minTtl?: number;
  tos?: number;
  /** SO_REUSEADDR: a port may be bound whose last connections still wait. */
  reuseAddress?: boolean;
  /** Signs and checks every segment of connections with a peer (TCP_MD5SIG, RFC 2385); null: that peer does not sign. */
  md5?: (peer: Ipv4) => Uint8Array | null;
}

/** One end of a TCP connection, or a listener, as a program sees it. Nothing blocks: calls return, and handlers are called. */
export interface TcpSocket {
  readonly options: TcpOptions;
  readonly localAddress: Ipv4;
  readonly localPort: number;
  readonly remoteAddress: Ipv4;
  readonly remotePort: number;
  /** As RFC 9293 names it: `ESTABLISHED`, `LISTEN`, `TIME-WAIT`, … */
  readonly state: string;
  /** Why the connection failed; null while it has not. */
  readonly error: Errno | null;

  /** Port 0 draws an ephemeral one. */
  bind(address: Ipv4, port: number): Outcome;
  /** Begins to connect. `onConnect` is told null when that has succeeded, else why not. */
  connect(address: Ipv4, port: number, onConnect: (failed: Errno | null) => void): Outcome;
  /** Takes connections. `backlog`: how many may be half open, or wait while accepting is held. Each is told to `onAccept`. */
  listen(backlog: number, onAccept: (connection: TcpSocket) => void): Outcome;
  /** Leaves new connections in the backlog (`hold`), or takes those that wait there. */
  holdAccept(hold: boolean): void;

  /**
   * Copies octets [o, end) of `b` into the send buffer as far as there is room. Returns how many: fewer than asked for means that
   * `onWritable` will be called. 0 when the connection takes no data (not connected, shut down, failed).
   */
  write(b: Uint8Array, o?: number, end?: number): number;
  /** As `write`, without copying: `b` must not change until the peer has acknowledged it. For large transfers from one buffer. */
  lend(b: Uint8Array, o?: number, end?: number): number;
  /** Sends `count` octets that `pattern` makes; they take no memory. Returns `count`, or 0 as `write`. */
  generate(pattern: BytePattern, count: number): number;
  /** Octets written that the peer has not acknowledged. */
  readonly unacked: number;
  onWritable(handler: () => void): void;

  /** Received octets lie in `b` from `o` to `end`, and are gone when the call returns. What came before there was a handler is told at once. */
  onData(handler: (b: Uint8Array, o: number, end: number) => void): void;
  /** Stops `onData`: what comes waits, until the receive buffer is full and the peer must wait too. */
  pause(): void;
  resume(): void;
  /** The peer has shut its half: everything it sent was told. */
  onEnd(handler: () => void): void;
  /** An established connection has failed: reset, timed out, or given up for an ICMP error. */
  onError(handler: (errno: Errno) => void): void;

  /** Shuts the sending half: what was written is sent, then FIN. */
  shutdown(): Outcome;
  /** Gives the socket up; what was written is still sent. Data that was not read makes it a reset (RFC 2525 §2.17). */
  close(): void;
  /** Gives it up with a reset. */
  abort(): void;
  info(): TcpInfo;
}

/** What `ss -tin` shows of a connection (`struct tcp_info`). Times in milliseconds; -1: unknown. */
export interface TcpInfo {
  readonly state: string;
  readonly congestion: string;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly ecn: boolean;
  readonly ecnSeen: boolean;
  /** Shifts of the windows that the peer tells and that this side tells; -1: windows are not scaled. */
  readonly sndWscale: number;
  readonly rcvWscale: number;
  readonly rtoMs: number;
  readonly rttMs: number;
  readonly rttvarMs: number;
  readonly minRttMs: number;
  readonly atoMs: number;
  readonly mss: number;
  readonly pmtu: number;
  readonly rcvMss: number;
  readonly advmss: number;
  readonly cwnd: number;
  /** -1 until there was a loss. */
  readonly ssthresh: number;
  readonly backoff: number;
  readonly bytesSent: number;
  readonly bytesRetrans: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly segsOut: number;
  readonly segsIn: number;
  readonly dataSegsOut: number;
  readonly dataSegsIn: number;
  /** Bits in a second. */
  readonly sendBps: number;
  readonly pacingBps: number;
  readonly lastSndMs: number;
  readonly lastRcvMs: number;
  readonly lastAckMs: number;
  readonly unacked: number;
  readonly retrans: number;
  readonly retransTotal: number;
  readonly lost: number;
  readonly sacked: number;
  readonly dsackDups: number;
  readonly reordering: number;
  readonly reordSeen: number;
  readonly rcvRttMs: number;
  readonly rcvSpace: number;
  readonly rcvSsthresh: number;
  readonly rcvOoopack: number;
  readonly notSent: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  /** Octets that wait for the program, and that the peer has not acknowledged: `Recv-Q` and `Send-Q`. */
  readonly recvQueue: number;
  readonly sendQueue: number;
  readonly sndbuf: number;
  readonly rcvbuf: number;
  /** What the timer stands for and when it rings: `on`, `keepalive`, `timewait`, `persist`, as `ss -o` names them; empty: none. */
  readonly timer: string;
  readonly timerMs: number;
  readonly timerRetrans: number;
}
