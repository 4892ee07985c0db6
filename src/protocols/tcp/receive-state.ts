import type { Nanos } from "../../core/time.ts";
import { ReadyQueue, ReassemblyQueue } from "./receive-queue.ts";
import { SackBlocks } from "./sack-blocks.ts";
import { MSS_DEFAULT } from "./wire.ts";

// What is to be acknowledged, and how soon (ICSK_ACK_*).
/** Something arrived that was not acknowledged. */
export const ACK_SCHEDULED = 1;
/** The timer runs. */
export const ACK_TIMER = 2;
/** A segment shorter than usual came: its sender has no more for now. */
export const ACK_PUSHED = 4;
/** Another one. */
export const ACK_PUSHED_TWICE = 8;
/** At once. */
export const ACK_NOW = 16;

/** The receiving half of a connection: RCV.* of RFC 9293 §3.3.1, queues, window, and what is to be acknowledged. */
export class ReceiveState {
  /** IRS, RCV.NXT. */
  irs = 0;
  nxt = 0;
  /** RCV.NXT when the window was last told, and that window in octets (RCV.WUP, RCV.WND). */
  wup = 0;
  wnd = 0;
  /** Octets handed to the program so far, and received in order. */
  copied = 0;
  received = 0;
  /** The peer's FIN has come, and the program was told. */
  finished = false;
  endTold = false;
  /** Somebody wants to be told. */
  endWanted = false;
  /** The program reads no more (`close`): what still comes is answered with a reset. */
  shut = false;
  /** The program wants no data for now. */
  paused = true;

  readonly ready = new ReadyQueue();
  readonly reassembly = new ReassemblyQueue();
  readonly sacks = new SackBlocks();
  /** Memory of both queues, as Linux counts it, and what it may be. */
  memory = 0;
  buffer = 0;
  /** 256ths of the buffer that are data, the rest is overhead. */
  ratio = 128;
  /** The program chose the buffer: it is not tuned. */
  bufferLocked = false;

  /** Shift of the windows that this side tells. */
  scale = 0;
  /** The largest window to be told, and the one that the peer's behaviour has earned (`rcv_ssthresh`). */
  clamp = 0;
  earned = 0;
  /** What this side told as its MSS, less the octets of constant options. */
  advmss = 0;
  /** The size of segments that the peer sends. */
  mss = MSS_DEFAULT;
  lastLength = 0;

  // Timestamps (RFC 7323).
  /** TS.Recent and when it was taken. */
  tsRecent = 0;
  tsRecentAt: Nanos = 0;
  hasTsRecent = false;

  // Delayed acknowledgements.
  pending = 0;
  ato: Nanos = 0;
  lastDataAt: Nanos = 0;
  /** Segments that are still acknowledged at once. */
  quick = 0;
  /** The program answers what it gets: acknowledgements ride on its data. */
  interactive = false;
  /** When a segment out of the window was answered last. */
  lastAnswerAt: Nanos = Number.NEGATIVE_INFINITY;

  // ECN (RFC 3168 §6.1.3): congestion was seen, the peer is told until it says that it has slowed down.
  echoCongestion = false;
  ecnSeen = false;

  // Tuning of the buffer (`net/ipv4/tcp_input.c:tcp_rcv_space_adjust`).
  /** The round trip as the receiver sees it, eight times, in microseconds; 0 unknown. */
  rtt8 = 0;
  rttSeq = 0;
  rttAt: Nanos = 0;
  lastTsecr = 0;
  space = 0;
  spaceSeq = 0;
  spaceAt: Nanos = 0;
}
