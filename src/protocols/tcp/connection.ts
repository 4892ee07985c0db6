import type { Ipv4 } from "../../core/addr.ts";
import type { Errno } from "../../core/errno.ts";
import type { Packet } from "../../core/packet.ts";
import type { BytePattern } from "../../core/tcp-socket.ts";
import { MS, type Nanos } from "../../core/time.ts";
import { deliver } from "./accept-data.ts";
import { abort, close, finish, shutdown } from "./close.ts";
import type { CongestionControl } from "./congestion/control.ts";
import { restartAfterIdle } from "./cwnd.ts";
import type { TcpHost, TcpSigner, TcpUser } from "./host.ts";
import { icmpError, mtuReduced } from "./icmp.ts";
import { receiveSegment } from "./input.ts";
import { LocalQueue } from "./local-queue.ts";
import { MtuProbe } from "./mtu-probe.ts";
import { openActive, openFromCookie, openPassive } from "./open.ts";
import { push } from "./output.ts";
import { ReceiveState } from "./receive-state.ts";
import { RecoveryState } from "./recovery-state.ts";
import { RttEstimator } from "./rtt.ts";
import { SackCache } from "./sack.ts";
import type { Segment } from "./segment.ts";
import { INITIAL_CWND, SendState } from "./send-state.ts";
import { span } from "./sequence.ts";
import type { TcpSettings } from "./settings.ts";
import { CLOSE_WAIT, CLOSED, ESTABLISHED, isSynchronized, type TcpState, TIME_WAIT } from "./state.ts";
import { tick } from "./tick.ts";
import { Timers } from "./timers.ts";

/** What a connection counts, for `ss -i` and statistics. */
export class TcpCounters {
  segmentsOut = 0;
  segmentsIn = 0;
  dataSegmentsOut = 0;
  dataSegmentsIn = 0;
  bytesSent = 0;
  bytesRetransmitted = 0;
  bytesAcked = 0;
  retransmits = 0;
  lossProbes = 0;
  outOfOrder = 0;
}

/**
 * One TCP connection, from its first SYN to its end (RFC 9293), as Linux has it. It does no input or output of its own:
 * segments and calls come in with the time, segments go out through its host and news to its user, and `deadline` says when to call `tick`.
 * The rules stand in the files around this one; this is their common state.
 */
export class TcpConnection {
  readonly host: TcpHost;
  readonly user: TcpUser;
  readonly settings: TcpSettings;
  localAddress: Ipv4 = 0;
  localPort = 0;
  remoteAddress: Ipv4 = 0;
  remotePort = 0;

  state: TcpState = CLOSED;
  /** The instant of the call that is being served. */
  now: Nanos = 0;
  readonly snd = new SendState();
  readonly rcv = new ReceiveState();
  readonly rtt = new RttEstimator();
  readonly recovery = new RecoveryState();
  readonly timers = new Timers();
  readonly local = new LocalQueue();
  readonly probe = new MtuProbe();
  readonly sackCache = new SackCache();
  readonly counters = new TcpCounters();
  congestion: CongestionControl;
  signer: TcpSigner | null = null;

  // What was agreed.
  timestampsOk = false;
  sackOk = false;
  scalingOk = false;
  ecnOk = false;
  ecnAsked = false;
  /** MSS that this side told. */
  toldMss = 0;
  /** Added to milliseconds for the timestamp clock; the value of that clock in the first SYN; the last value that came back. */
  stampOffset = 0;
  firstStamp = 0;
  echoed = 0;
  /** The last segment of data went out with PSH. */
  pushed = false;

  // What the program chose.
  noDelay = false;
  keepAlive = false;
  keepIdle: Nanos = 0;
  keepInterval: Nanos = 0;
  keepCount = 0;
  synRetries = 0;
  rtoMin: Nanos = 0;
  rtoMax: Nanos = 0;

  /** Of the route: initial window (0: the usual), and whether everything is acknowledged at once. */
  routeCwnd = 0;
  alwaysQuick = false;

  /** Opened by a peer. */
  passive = false;
  /** The program has closed: nobody reads or listens any more. */
  orphan = false;
  /** It is to be closed as soon as it is open. */
  closing = false;
  /** Why it ended. */
  error: Errno | null = null;
  /** An ICMP error that may have been passing: the reason if nothing better comes (RFC 1122 §4.2.3.9). */
  softError: Errno | null = null;

  constructor(host: TcpHost, user: TcpUser, congestion: CongestionControl) {
    const { settings } = host;
    this.host = host;
    this.user = user;
    this.settings = settings;
    this.congestion = congestion;
    this.rtoMin = settings.tcp_rto_min_us * 1000;
    this.rtoMax = settings.tcp_rto_max_ms * MS;
    this.synRetries = settings.tcp_syn_retries;
    this.keepIdle = settings.tcp_keepalive_time * 1000 * MS;
    this.keepInterval = settings.tcp_keepalive_intvl * 1000 * MS;
    this.keepCount = settings.tcp_keepalive_probes;
  }

  // --- what comes in -----------------------------------------------------------------------------------------

  connect(now: Nanos, iss: number): void {
    this.now = now;
    openActive(this, iss);
  }
  /** Answers the SYN `seg`. */
  accept(now: Nanos, seg: Segment, iss: number): void {
    this.now = now;
    openPassive(this, seg, iss);
  }
  /** Begins where a SYN cookie left off: the next segment is the acknowledgement that brought it back. */
  acceptCookie(now: Nanos, seg: Segment, iss: number): void {
    this.now = now;
    openFromCookie(this, seg, iss);
  }

  /** A segment for this connection; see `receiveSegment`. */
  receive(now: Nanos, p: Packet, ecn: number): boolean {
    this.now = now;
    return receiveSegment(this, p, ecn);
  }

  tick(now: Nanos): void {
    this.now = now;
    tick(this);
  }
  get deadline(): Nanos {
    return this.timers.deadline;
  }

  /** Copies [o, end) of `b` into the send buffer, as far as there is room. Returns the octets taken. */
  write(now: Nanos, b: Uint8Array, o: number, end: number): number {
    return this.#enqueue(now, end - o, (n) => this.snd.queue.write(b, o, o + n));
  }
  /** As `write`, without copying: nobody changes the octets before they are acknowledged. */
  lend(now: Nanos, b: Uint8Array, o: number, end: number): number {
    return this.#enqueue(now, end - o, (n) => this.snd.queue.lend(b, o, o + n));
  }
  /** As `write`, of octets that `pattern` makes when they are sent: they wait without taking room. */
  generate(now: Nanos, pattern: BytePattern, count: number): number {
    if (!this.maySend || count <= 0) return 0;
    this.snd.queue.generate(pattern, count);
    this.snd.noSpace = this.snd.queue.bytes > this.snd.buffer;
    return this.#enqueued(now, count);
  }

  shutdown(now: Nanos): void {
    this.now = now;
    shutdown(this);
  }
  close(now: Nanos): void {
    this.now = now;
    close(this);
  }
  abort(now: Nanos): void {
    this.now = now;
    abort(this);
  }

  /** Ends without a word to anybody. */
  vanish(): void {
    this.orphan = true;
    finish(this);
  }

  /** An ICMP error about the segment with `seq`, which is out: see `quotesOurs`. */
  icmpError(now: Nanos, errno: Errno, seq: number, unreachable: boolean): void {
    this.now = now;
    icmpError(this, errno, seq, unreachable);
  }
  /** The host knows a smaller MTU of the path. */
  mtuReduced(now: Nanos): void {
    this.now = now;
    mtuReduced(this);
  }

  /** The program wants data, or none for now. */
  setReading(now: Nanos, reading: boolean): void {
    this.now = now;
    this.rcv.paused = !reading;
    if (reading) deliver(this);
  }

  /** The program wants to be told of the end of the stream, as soon as it has taken what came before. */
  wantEnd(now: Nanos): void {
    this.now = now;
    this.rcv.endWanted = true;
    deliver(this);
  }

  // --- what the rules ask ------------------------------------------------------------------------------------

  /** The timestamp clock: milliseconds, signed (RFC 7323 §5.4). */
  stamp(): number {
    return (Math.floor(this.now / MS) + this.stampOffset) | 0;
  }

  /** Where in the stream of what the program wrote a sequence number stands. */
  positionOf(seq: number): number {
    return this.snd.queue.start + span(this.snd.una, seq); // no data goes out before the SYN is acknowledged
  }

  /** SND.UNA has moved: what lies before it is not needed any more. */
  dataAcknowledged(): void {
    const { snd } = this;
    const unacked = span(snd.una, snd.writeSeq) - (snd.finQueued && snd.una !== snd.writeSeq ? 1 : 0);
    snd.queue.release(snd.queue.end - unacked);
  }

  /** Tells the program of room for writing, once a third of the buffer is free (`sk_stream_write_space`). */
  checkSpace(): void {
    const { snd } = this;
    if (!snd.noSpace) return;
    if (snd.sent.inFlight < snd.cwnd) this.expandBuffer();
    if (3 * snd.queue.bytes > 2 * snd.buffer || !this.maySend) return;
    snd.noSpace = false;
    this.user.writable();
  }

  /** Whether an answer to a segment out of the window may go: one in `tcp_invalid_ratelimit` (`tcp_oow_rate_limited`). */
  mayAnswer(): boolean {
    const { rcv, settings, now } = this;
    if (now - rcv.lastAnswerAt < settings.tcp_invalid_ratelimit * MS) return false;
    rcv.lastAnswerAt = now;
    return true;
  }

  /** Octets in a second that the window lets out; what local queues may hold follows it (`tcp_update_pacing_rate`). */
  pacingRate(): number {
    const { snd, rtt, settings } = this;
    const { srtt } = rtt;
    if (srtt === 0) return 0;
    const percent = snd.cwnd < snd.ssthresh >> 1 ? settings.tcp_pacing_ss_ratio : settings.tcp_pacing_ca_ratio;
    return (snd.mss * Math.max(snd.cwnd, snd.sent.packetsOut) * percent * 10_000_000) / srtt;
  }

  /** There is a connection, and it is not over. */
  get isAlive(): boolean {
    return isSynchronized(this.state) && this.state !== TIME_WAIT;
  }
  /** The program may write. */
  get maySend(): boolean {
    return (this.state === ESTABLISHED || this.state === CLOSE_WAIT) && !this.snd.finQueued;
  }

  /** The send buffer follows the congestion window (`tcp_sndbuf_expand`). */
  expandBuffer(): void {
    const { snd, settings, recovery } = this;
    if (snd.bufferLocked) return;
    const packet = Math.max(snd.mssClamp, snd.mss) + PACKET_OVERHEAD;
    const memory = (1 << (32 - Math.clz32(packet - 1))) + DESCRIPTOR;
    const segments = Math.max(INITIAL_CWND, snd.cwnd, recovery.reordering + 1);
    snd.buffer = Math.max(snd.buffer, Math.min(2 * segments * memory, settings.tcp_wmem[2]));
  }

  enter(state: TcpState): void {
    const from = this.state;
    this.state = state;
    if (state === TIME_WAIT) this.timers.clearAll();
    this.user.stateChanged(from);
  }

  #enqueue(now: Nanos, bytes: number, put: (bytes: number) => void): number {
    const { snd } = this;
    if (!this.maySend) return 0;
    const room = Math.max(0, snd.buffer - snd.queue.bytes);
    const taken = Math.min(bytes, room);
    if (taken < bytes) snd.noSpace = true;
    if (taken === 0) return 0;
    put(taken);
    return this.#enqueued(now, taken);
  }

  #enqueued(now: Nanos, bytes: number): number {
    this.now = now;
    restartAfterIdle(this);
    this.snd.writeSeq = (this.snd.writeSeq + bytes) | 0;
    push(this);
    return bytes;
  }
}

/** Headers and bookkeeping of a packet in the send buffer, and its descriptor. */
const PACKET_OVERHEAD = 640;
const DESCRIPTOR = 256;
