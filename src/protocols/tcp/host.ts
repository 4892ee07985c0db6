import type { DropReason } from "../../core/drop.ts";
import type { Errno } from "../../core/errno.ts";
import type { Packet } from "../../core/packet.ts";
import type { Nanos } from "../../core/time.ts";
import type { TcpSettings } from "./settings.ts";
import type { TcpState } from "./state.ts";

/** What a connection needs of the node it is on: the layer below it. */
export interface TcpHost {
  readonly settings: TcpSettings;

  /** A packet with room for `length` octets of segment, header included, from `p.start` on. */
  alloc(length: number): Packet;
  /**
   * Sends a segment under the ECN codepoint `ecn`. Takes ownership. False: it was refused here, by a full queue, and is not
   * on its way. What has no route counts as sent, and lost.
   */
  transmit(p: Packet, ecn: number): boolean;
  /** A received packet was used up. */
  consume(p: Packet): void;
  /** A received packet was no good. */
  drop(p: Packet, reason: DropReason): void;
  /** The MTU of the path; 0 when there is none. Asked before anything is sent. */
  pathMtu(): number;
  /** What the route says of connections. */
  path(): TcpPath;
  /** What is known of the path to be bad: another one may be tried (`dst_negative_advice`). */
  pathSuspect(): void;
  /** The host of RFC 5961 §7: whether one more challenge ACK may go out in this second. */
  mayChallenge(now: Nanos): boolean;
}

/** Who uses a connection, drives it, and is told how it fares: the layer above. */
export interface TcpUser {
  /** The state changed; `connection.state` is the new one. */
  stateChanged(from: TcpState): void;
  /** A listener's connection got the last acknowledgement of its opening. False: there is no room for it, it stays half open. */
  mayEstablish(): boolean;
  connected(): void;
  /** Octets of the stream, in order: [o, end) of `b`, gone when the call returns. */
  data(b: Uint8Array, o: number, end: number): void;
  /** The peer sends no more. */
  ended(): void;
  /** There is room again in the send buffer, after a write that was not taken whole. */
  writable(): void;
  /** The connection is over, and this is why. */
  failed(errno: Errno): void;
  /** `connection.deadline` has changed outside a call of the user's. */
  rearm(): void;
}

/** Metrics of a route as far as they concern a connection; 0: not set. Names are iproute2's. */
export interface TcpPath {
  readonly advmss: number;
  /** The largest window to tell, in octets. */
  readonly window: number;
  /** Segments. */
  readonly initcwnd: number;
  readonly initrwnd: number;
  readonly ssthresh: number;
  readonly reordering: number;
  readonly rtoMinMs: number;
  /** Everything is acknowledged at once. */
  readonly quickack: number;
  /** ECN is used on this path whatever the setting. */
  readonly ecn: number;
}

/** Writes an option of a signature into every segment, and checks those that come (RFC 2385). */
export interface TcpSigner {
  /** Octets of the option with its padding: a multiple of 4. */
  readonly bytes: number;
  /** Fills `bytes` octets at `at` for the segment [o, end) of `b`, whose checksum field is 0. */
  sign(b: Uint8Array, o: number, end: number, at: number, source: number, destination: number): void;
  /** Whether the segment [o, end) is signed right. */
  verify(b: Uint8Array, o: number, end: number, source: number, destination: number): boolean;
}
