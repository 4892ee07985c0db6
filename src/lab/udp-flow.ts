import type { OsAlarm, UdpSocket } from "../core/os.ts";
import { type Nanos, NEVER, S } from "../core/time.ts";
import { LabError } from "./errors.ts";
import type { Net } from "./net.ts";
import type { LabNode } from "./node.ts";
import { type Rate, rate } from "./quantities.ts";

/** Ethernet, IP and UDP headers of a datagram: what it measures at layer 2 beyond its payload, in bytes. */
export const UDP_OVERHEAD_BYTES = 14 + 20 + 8;
/** A datagram begins with when it was sent. */
const STAMP_BYTES = 8;

/** UDP datagrams of one size from one node to another's port. */
export interface UdpFlowOptions {
  /** The receiver: a node's name or an address. */
  readonly to: string;
  readonly port: number;
  /** Of payload: 8 at least. */
  readonly payloadBytes: number;
  /**
   * At layer 2: what the send buffer does not take when its time has come is given up. None: as a program that never
   * pauses, whose `send` blocks while the send buffer is full.
   */
  readonly rate?: Rate;
  readonly startsAt?: Nanos;
  readonly endsAt?: Nanos;
  readonly tos?: number;
  /** The sender's address; none: the route's. */
  readonly source?: string;
}

/** Sends datagrams while simulated time moves, from `startsAt` (now) until `endsAt` (for ever). */
export class UdpFlow {
  /** Datagrams that the node took. */
  sent = 0;
  /** Datagrams that it refused otherwise than for want of room. */
  failed = 0;
  readonly #socket: UdpSocket;
  readonly #alarm: OsAlarm;
  readonly #payload: Uint8Array;
  readonly #stamp: DataView;
  readonly #net: Net;
  readonly #startsAt: Nanos;
  readonly #endsAt: Nanos;
  /** 0: without pause. */
  readonly #gap: number;
  #ticks = 0;

  constructor(net: Net, node: LabNode, options: UdpFlowOptions) {
    const { to, port, payloadBytes } = options;
    const rateBps = options.rate === undefined ? 0 : rate(options.rate);
    if (payloadBytes < STAMP_BYTES)
      throw new LabError(`payload of ${payloadBytes} bytes: expected ${STAMP_BYTES} or more`);
    this.#net = net;
    this.#payload = new Uint8Array(payloadBytes);
    this.#stamp = new DataView(this.#payload.buffer);
    this.#startsAt = options.startsAt ?? net.now;
    this.#endsAt = options.endsAt ?? NEVER;
    this.#gap = rateBps === 0 ? 0 : ((payloadBytes + UDP_OVERHEAD_BYTES) * 8 * S) / rateBps;
    const { os } = node.kernel;
    this.#socket = os.udpSocket();
    if (options.tos !== undefined) this.#socket.options.tos = options.tos;
    if (options.source !== undefined) {
      const bound = this.#socket.bind(net.address(options.source), 0);
      if (!bound.ok) throw new LabError(`${node.name}: UDP from ${options.source}: ${bound.errno}`);
    }
    const connected = this.#socket.connect(net.address(to), port);
    if (!connected.ok) throw new LabError(`${node.name}: UDP to ${to}: ${connected.errno}`);
    this.#alarm = os.alarm(() => this.#tick());
    this.#alarm.set(this.#startsAt);
    if (this.#gap === 0) this.#socket.onWritable(() => this.#flood());
  }

  /** Sends nothing more. */
  stop(): void {
    this.#alarm.set(NEVER);
    this.#socket.close();
  }

  #tick(): void {
    if (this.#gap === 0) return this.#flood();
    if (this.#net.now >= this.#endsAt) return;
    this.#send();
    this.#alarm.set(this.#startsAt + Math.floor(++this.#ticks * this.#gap));
  }

  #flood(): void {
    while (this.#net.now < this.#endsAt && this.#send());
  }

  #send(): boolean {
    this.#stamp.setFloat64(0, this.#net.now);
    const outcome = this.#socket.send(this.#payload);
    if (outcome.ok) this.sent++;
    else if (outcome.errno !== "EAGAIN") this.failed++;
    return outcome.ok;
  }
}

/** What a receiver got during one window of time. */
export interface UdpMeasure {
  readonly packets: number;
  /** At layer 2: Ethernet header included, preamble and check sequence not. */
  readonly mbit: number;
  /** Median time from `send` to the receiver in seconds; 0 when nothing came. */
  readonly delayS: number;
}

/** Receives a flow's datagrams, and keeps when each was sent and came. */
export class UdpMeter {
  readonly #came: Nanos[] = [];
  readonly #took: Nanos[] = [];
  readonly #bytes: number[] = [];

  constructor(net: Net, node: LabNode, port: number) {
    const socket = node.kernel.os.udpSocket();
    const bound = socket.bind(0, port);
    if (!bound.ok) throw new LabError(`${node.name}: UDP port ${port}: ${bound.errno}`);
    socket.onReceive((b, o, end) => {
      this.#came.push(net.now);
      this.#took.push(net.now - new DataView(b.buffer, b.byteOffset + o, STAMP_BYTES).getFloat64(0));
      this.#bytes.push(end - o + UDP_OVERHEAD_BYTES);
    });
  }

  /** What came in [from, to). */
  between(from: Nanos, to: Nanos): UdpMeasure {
    const inside = this.#came.flatMap((at, i) => (at >= from && at < to ? [i] : []));
    const delays = inside.map((i) => this.#took[i] as Nanos).sort((a, b) => a - b);
    const bytes = inside.reduce((sum, i) => sum + (this.#bytes[i] as number), 0);
    return {
      packets: inside.length,
      mbit: (bytes * 8 * S) / (to - from) / 1e6,
      delayS: (delays[delays.length >> 1] ?? 0) / S,
    };
  }
}
