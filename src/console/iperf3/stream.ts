import { noise, ZEROS } from "../../core/octets.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import type { TcpInfo, TcpSocket } from "../../core/tcp-socket.ts";
import { MS, type Nanos, NEVER, US } from "../../core/time.ts";
import { type Parameters, readDatagram, writeDatagram } from "../../protocols/iperf3/wire.ts";

/** Time that sending a datagram takes its sender: without it, an unlimited one would send without end at one instant. */
const DATAGRAM_NS: Nanos = US;
/** How often a sender looks whether it is below its rate again (DEFAULT_PACING_TIMER). */
const PACING_NS: Nanos = MS;

/** What happened in one interval of one stream. Times in seconds from the test's start; octets; -1: unknown. */
export interface IntervalReport {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly jitter: number;
  readonly omitted: boolean;
  readonly retransmits: number;
  readonly cwnd: number;
  readonly sndWnd: number;
  readonly rttUs: number;
  readonly rttvarUs: number;
  readonly pmtu: number;
}

/** One stream of a test, on the side that sends or the one that receives. */
export abstract class Stream {
  readonly id: number;
  /** The number that stands for the socket in reports. */
  readonly fd: number;
  readonly sender: boolean;
  readonly local: readonly [address: number, port: number];
  readonly remote: readonly [address: number, port: number];
  readonly intervals: IntervalReport[] = [];
  protected readonly os: Os;
  protected readonly p: Parameters;
  /** Octets since the test began (what was omitted not counted), and of the interval. */
  bytes = 0;
  blocks = 0;
  #intervalBytes = 0;
  #intervalPackets = 0;
  /** UDP: datagrams that were sent, or the highest number that came; those missing, too late, and the jitter in seconds. */
  packets = 0;
  errors = 0;
  outOfOrder = 0;
  jitter = 0;
  #errorsBefore = 0;
  #packetsBefore = 0;
  #retransmitsBefore = 0;
  retransmits = 0;
  protected running = false;
  #beganAt: Nanos = 0;
  readonly #pacing: OsAlarm;
  /** Called after every block: whether the test has had enough. */
  onBlock: (() => void) | undefined;
  /** Called when octets came. */
  onReceived: (() => void) | undefined;

  constructor(
    os: Os,
    p: Parameters,
    id: number,
    fd: number,
    sender: boolean,
    local: readonly [number, number],
    remote: readonly [number, number],
  ) {
    this.os = os;
    this.p = p;
    this.id = id;
    this.fd = fd;
    this.sender = sender;
    this.local = local;
    this.remote = remote;
    this.#pacing = os.alarm(() => this.pump());
  }

  start(): void {
    this.running = true;
    this.#beganAt = this.os.now();
    if (this.sender) this.pump();
  }
  stop(): void {
    this.running = false;
    this.#pacing.set(NEVER);
  }
  abstract close(): void;
  protected abstract pump(): void;
  protected info(): TcpInfo | undefined {
    return undefined;
  }

  /** Counts octets that were sent or came. */
  protected count(bytes: number, packets: number): void {
    this.bytes += bytes;
    this.#intervalBytes += bytes;
    this.#intervalPackets += packets;
  }

  /** Whether more than the wanted rate was sent so far (`iperf_check_throttle`); the next look is arranged for. */
  protected throttled(): boolean {
    const { bandwidth } = this.p;
    const span = this.os.now() - this.#beganAt;
    if (bandwidth === 0 || (this.bytes + this.#omittedBytes) * 8e9 < bandwidth * Math.max(span, 1)) return false;
    if (span === 0 && this.bytes === 0) return false;
    this.#pacing.set((Math.floor(span / PACING_NS) + 1) * PACING_NS + this.#beganAt);
    return true;
  }
  protected wait(span: Nanos): void {
    this.#pacing.set(this.os.now() + span);
  }

  /** Ends an interval. */
  gather(start: number, end: number, omitted: boolean): void {
    const info = this.sender ? this.info() : undefined;
    const total = info?.retransTotal ?? 0;
    this.intervals.push({
      start,
      end,
      bytes: this.#intervalBytes,
      packets: this.sender ? this.#intervalPackets : this.packets - this.#packetsBefore,
      errors: this.errors - this.#errorsBefore,
      jitter: this.jitter,
      omitted,
      retransmits: info === undefined ? -1 : total - this.#retransmitsBefore,
      cwnd: info === undefined ? 0 : info.cwnd * info.mss,
      sndWnd: info?.sndWnd ?? 0,
      rttUs: Math.round((info?.rttMs ?? 0) * 1000),
      rttvarUs: Math.round((info?.rttvarMs ?? 0) * 1000),
      pmtu: info?.pmtu ?? 0,
    });
    if (!omitted && info !== undefined) this.retransmits += total - this.#retransmitsBefore;
    this.#retransmitsBefore = total;
    this.#intervalBytes = this.#intervalPackets = 0;
    this.#errorsBefore = this.errors;
    this.#packetsBefore = this.packets;
  }

  #omittedBytes = 0;
  #omittedPackets = 0;
  #omittedErrors = 0;
  /** What came so far does not count (`iperf_reset_stats`). */
  reset(): void {
    this.#omittedBytes += this.bytes;
    this.#omittedPackets = this.packets;
    this.#omittedErrors = this.errors;
    this.bytes = this.blocks = 0;
    this.retransmits = this.outOfOrder = 0;
  }
  /** Datagrams, and of them lost ones, without those omitted. */
  get countedPackets(): number {
    return this.packets - this.#omittedPackets;
  }
  get countedErrors(): number {
    return this.errors - this.#omittedErrors;
  }
}

/** A stream over TCP: blocks of octets, written as fast as the socket takes them or the rate allows. */
export class TcpStream extends Stream {
  readonly socket: TcpSocket;
  readonly #block: Uint8Array;
  /** How much of the block that is being written the socket has. */
  #written = 0;

  constructor(os: Os, p: Parameters, id: number, fd: number, sender: boolean, socket: TcpSocket, block: Uint8Array) {
    super(os, p, id, fd, sender, [socket.localAddress, socket.localPort], [socket.remoteAddress, socket.remotePort]);
    this.socket = socket;
    this.#block = block;
    socket.onError(() => this.stop());
    if (sender) socket.onWritable(() => this.pump());
    socket.onData((_b, o, end) => {
      if (!this.running || this.sender) return;
      this.count(end - o, 0);
      this.onReceived?.();
    });
  }

  protected override info(): TcpInfo {
    return this.socket.info();
  }
  protected override pump(): void {
    const { length } = this.#block;
    while (this.running) {
      if (this.#written === 0 && this.throttled()) return;
      const taken = this.socket.lend(this.#block, this.#written, length);
      if (taken === 0) return;
      this.count(taken, 0);
      this.#written += taken;
      if (this.#written < length) continue;
      this.#written = 0;
      this.blocks++;
      this.onBlock?.();
    }
  }
  override close(): void {
    this.stop();
    this.socket.close();
  }
}

/** A stream over UDP: numbered datagrams with the time at which they were sent. */
export class UdpStream extends Stream {
  readonly #send: (datagram: Uint8Array) => boolean;
  readonly #datagram: Uint8Array;
  readonly #close: () => void;
  #lastTransit: number | undefined;

  /** `send` tells whether the datagram left. */
  constructor(
    os: Os,
    p: Parameters,
    id: number,
    fd: number,
    sender: boolean,
    local: readonly [number, number],
    remote: readonly [number, number],
    send: (datagram: Uint8Array) => boolean,
    close: () => void,
  ) {
    super(os, p, id, fd, sender, local, remote);
    this.#send = send;
    this.#close = close;
    this.#datagram = blockOf(os, p.len);
  }

  protected override pump(): void {
    if (!this.running || this.throttled()) return;
    writeDatagram(this.#datagram, this.os.now(), this.packets + 1, this.p.udpCounters64);
    if (this.#send(this.#datagram)) {
      this.packets++;
      this.blocks++;
      this.count(this.#datagram.length, 1);
      this.onBlock?.();
    }
    this.wait(DATAGRAM_NS);
  }

  /** A datagram of the stream came (`iperf_udp.c:iperf_udp_recv`). */
  receive(b: Uint8Array, o: number, end: number): void {
    const d = readDatagram(b, o, end, this.p.udpCounters64);
    if (!d.ok || !this.running || this.sender) return;
    const { sentAt, count } = d.value;
    this.count(end - o, 1);
    if (count >= this.packets + 1) {
      if (count > this.packets + 1) this.errors += count - 1 - this.packets;
      this.packets = count;
    } else {
      this.outOfOrder++;
      if (this.errors > 0) this.errors--;
    }
    const transit = this.os.now() / 1e9 - sentAt; // RFC 1889 §6.3.1
    const change = Math.abs(transit - (this.#lastTransit ?? transit));
    this.#lastTransit = transit;
    this.jitter += (change - this.jitter) / 16;
  }
  override close(): void {
    this.stop();
    this.#close();
  }
}

/** What streams send: octets without a pattern, the same ones in every block. */
export function blockOf(os: Os, length: number): Uint8Array {
  const b = new Uint8Array(length);
  const pattern = length > 0 ? noise(os.rng("iperf3").u32()) : ZEROS;
  pattern.fill(b, 0, length, 0);
  return b;
}
