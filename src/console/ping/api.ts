import type { Ipv4 } from "../../core/addr.ts";
import type { Errno } from "../../core/errno.ts";
import type { PathMtuDiscovery } from "../../core/os.ts";
import type { Nanos } from "../../core/time.ts";
import type { PingMessage } from "./message.ts";
import type { RttStatistics } from "./statistics.ts";

/** What a ping sends, and when it ends. Only the destination must be told. */
export interface PingOptions {
  readonly to: Ipv4;
  /** Ends after so many answers; without it the ping runs until it is stopped. */
  readonly count?: number;
  /** Between two requests: 1 s unless told; 0 sends the next as soon as one is answered, or after 10 ms. */
  readonly intervalNs?: Nanos;
  /** Octets of data behind the ICMP header: 56 unless told. */
  readonly sizeBytes?: number;
  readonly ttl?: number;
  /** How long the last answers are waited for when there was none yet: 10 s unless told. */
  readonly timeoutNs?: Nanos;
  /** Ends then whatever was answered; until then more than `count` requests may go out. */
  readonly deadlineNs?: Nanos;
  readonly ifname?: string;
  readonly source?: Ipv4;
  /** Binds to the source address that the route chose. */
  readonly stickySource?: boolean;
  readonly tos?: number;
  readonly mark?: number;
  readonly pathMtuDiscovery?: PathMtuDiscovery;
  /** Repeated over the data, instead of counting octets. */
  readonly pattern?: Uint8Array;
  /** Requests sent at once at the beginning: 1 unless told. */
  readonly preload?: number;
  /** The ICMP identifier; drawn unless told. */
  readonly id?: number;
  /** Follows the round-trip time with the interval. */
  readonly adaptive?: boolean;
  readonly broadcast?: boolean;
  readonly recordRoute?: boolean;
}

/** What came of a ping. */
export interface PingResult {
  readonly to: Ipv4;
  readonly source: Ipv4;
  readonly transmitted: number;
  readonly received: number;
  readonly duplicates: number;
  /** ICMP errors about the requests, and requests that the own kernel found too long. */
  readonly errors: number;
  readonly lossPercent: number;
  /** Round-trip time of each answer as it came, duplicates left out; the first `RTTS_MAX` of them. */
  readonly rttsNs: readonly Nanos[];
  readonly rtt: RttStatistics;
  /** Most requests that were under way at once. */
  readonly pipe: number;
  /** From the start to the last request. */
  readonly sendingNs: Nanos;
  /** Interval at the end: what `-A` made of it. */
  readonly intervalNs: Nanos;
  /** iputils' exit status: 0 answered, 1 not (or not all by the deadline), 2 could not begin. */
  readonly status: 0 | 1 | 2;
  /** Why it could not begin, in iputils' words: `connect: Network is unreachable`. */
  readonly refused?: string;
}

/** An answer, with the datagram that holds it; the bytes are gone when the call returns. */
export interface PingReply {
  readonly seq: number;
  readonly from: Ipv4;
  readonly ttl: number;
  readonly rttNs: Nanos;
  readonly duplicate: boolean;
  /** Another address than the one that was asked. */
  readonly wrongSource: boolean;
  readonly b: Uint8Array;
  /** Offset of the IP header, of the ICMP message, and its end. */
  readonly header: number;
  readonly o: number;
  readonly end: number;
  /** The octets that were sent, ICMP header included. */
  readonly sent: Uint8Array;
}

/** Sees a ping while it runs: what its text is made of. */
export interface PingWatch {
  warning?(text: string): void;
  started?(source: Ipv4): void;
  sent?(): void;
  /** The request before this one has no answer yet. */
  outstanding?(seq: number): void;
  reply?(reply: PingReply): void;
  /** An ICMP error or hint about request `message.seq`. */
  icmp?(message: PingMessage, from: Ipv4): void;
  /** The own kernel refused a request; `mtuBytes` with EMSGSIZE. */
  refused?(errno: Errno, mtuBytes: number): void;
}

/** A ping under way. */
export interface Ping {
  /** Ends it as Ctrl-C does. */
  stop(): void;
}
