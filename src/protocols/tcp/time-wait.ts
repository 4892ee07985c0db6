import { MS, type Nanos, S } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import type { BareAck } from "./reply.ts";
import type { Segment } from "./segment.ts";
import { after, span } from "./sequence.ts";
import type { TcpSettings } from "./settings.ts";
import { TCP_ACK, TCP_RST, TCP_SYN } from "./wire.ts";

/** TCP_TIMEWAIT_LEN: twice a maximum segment lifetime of half a minute (RFC 9293 §3.4.2 says two minutes; Linux one of both). */
export const TIME_WAIT_SPAN: Nanos = 60 * S;

// What a segment means to a connection that waits.
export const TW_DROP = 0;
/** It is answered with `ack`. */
export const TW_ACK = 1;
/** It is a new connection, under sequence numbers above the old ones. */
export const TW_SYN = 2;
/** A reset has ended the wait. */
export const TW_END = 3;

/** What is left of a connection in TIME-WAIT (`struct tcp_timewait_sock`). */
export class TimeWait {
  readonly localAddress: number;
  readonly localPort: number;
  readonly remoteAddress: number;
  readonly remotePort: number;
  expiresAt: Nanos;
  readonly #since: Nanos;
  readonly #sndNxt: number;
  readonly #rcvNxt: number;
  readonly #window: number;
  readonly #timestamps: boolean;
  readonly #stampOffset: number;
  #tsRecent: number;
  #lastAnswerAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(c: TcpConnection) {
    this.localAddress = c.localAddress;
    this.localPort = c.localPort;
    this.remoteAddress = c.remoteAddress;
    this.remotePort = c.remotePort;
    this.#since = c.now;
    this.expiresAt = c.now + TIME_WAIT_SPAN;
    this.#sndNxt = c.snd.nxt;
    this.#rcvNxt = c.rcv.nxt;
    this.#window = Math.min(c.rcv.wnd >> c.rcv.scale, 0xffff);
    this.#timestamps = c.timestampsOk;
    this.#stampOffset = c.stampOffset;
    this.#tsRecent = c.rcv.tsRecent;
  }

  /** `net/ipv4/tcp_minisocks.c:tcp_timewait_state_process`. */
  receive(now: Nanos, seg: Segment, settings: TcpSettings): number {
    const stamped = this.#timestamps && seg.options.timestamps;
    const old = stamped && span(seg.tsval, this.#tsRecent) > 0; // PAWS
    const rst = seg.has(TCP_RST);
    if (!old && seg.seq === this.#rcvNxt && (seg.seq === seg.end || rst)) {
      if (rst) return settings.tcp_rfc1337 === 0 ? TW_END : TW_DROP;
      this.expiresAt = now + TIME_WAIT_SPAN;
      if (stamped) this.#tsRecent = seg.tsval;
      return TW_DROP;
    }
    // RFC 9293 §3.6.1, RFC 6191: a SYN that cannot be an old one.
    if ((seg.flags & (TCP_SYN | TCP_RST | TCP_ACK)) === TCP_SYN && !old) {
      if (after(seg.seq, this.#rcvNxt) || (stamped && span(this.#tsRecent, seg.tsval) > 0)) return TW_SYN;
    }
    if (rst) return TW_DROP;
    if (old || seg.has(TCP_ACK)) this.expiresAt = now + TIME_WAIT_SPAN;
    if (now - this.#lastAnswerAt < settings.tcp_invalid_ratelimit * MS) return TW_DROP;
    this.#lastAnswerAt = now;
    return TW_ACK;
  }

  /** The acknowledgement that answers what was not acceptable. */
  ack(now: Nanos): BareAck {
    return {
      seq: this.#sndNxt,
      ack: this.#rcvNxt,
      window: this.#window,
      timestamps: this.#timestamps,
      tsval: (Math.floor(now / MS) + this.#stampOffset) | 0,
      tsecr: this.#tsRecent,
    };
  }

  /** The initial sequence number of a connection that takes its place: above all that were used. */
  get nextIss(): number {
    return (this.#sndNxt + 65_537) | 0 || 1;
  }
  /** A connection opened from here may take its place after a second, thanks to timestamps (RFC 6191, `tcp_twsk_unique`). */
  mayReuse(now: Nanos): boolean {
    return this.#timestamps && now - this.#since >= S;
  }
}
