import type { Nanos } from "../../core/time.ts";
import { Scoreboard } from "./scoreboard.ts";
import { SendQueue } from "./send-queue.ts";
import { MSS_DEFAULT } from "./wire.ts";

/** The slow-start threshold before anything is known of the path. */
export const SSTHRESH_INFINITE = 0x7fffffff;
/** Segments that may be sent before the first acknowledgement (RFC 6928). */
export const INITIAL_CWND = 10;

/** The sending half of a connection: SND.* of RFC 9293 §3.3.1, what is sent and to be sent, and how much may be. */
export class SendState {
  /** ISS, SND.UNA, SND.NXT, and the sequence number behind everything that the program wrote. */
  iss = 0;
  una = 0;
  nxt = 0;
  writeSeq = 0;
  /** SND.WND in octets, SND.WL1, and the largest window seen. */
  wnd = 0;
  wl1 = 0;
  maxWnd = 0;
  /** Shift of the windows that the peer tells. */
  scale = 0;
  /** End of the last segment shorter than the MSS (Minshall's rule), and of what was last pushed. */
  smallEnd = 0;
  pushedSeq = 0;
  /** The program has shut its half: a FIN stands at `writeSeq - 1`. */
  finQueued = false;

  readonly queue = new SendQueue();
  readonly sent = new Scoreboard();
  /** Octets that may wait here, and whether the program chose that. */
  buffer = 0;
  bufferLocked = false;
  /** A write was not taken whole: the program waits for room. */
  noSpace = false;

  /** Octets of data in a full segment with the usual options, the peer's limit, the program's (0: none), and the path's MTU that it is made of. */
  mss = MSS_DEFAULT;
  mssClamp = MSS_DEFAULT;
  userMss = 0;
  pathMtu = 0;
  /** Octets of a header with the options that every segment has. */
  header = 20;

  // The congestion window counts segments.
  cwnd = INITIAL_CWND;
  cwndCount = 0;
  cwndClamp = 0x7fffffff;
  ssthresh = SSTHRESH_INFINITE;
  /** Most segments out since the window was used fully, and when that was (RFC 7661, `tcp_cwnd_validate`). */
  cwndUsed = 0;
  cwndStampAt: Nanos = 0;
  cwndLimited = false;
  maxPacketsOut = 0;
  cwndUsageSeq = 0;

  /** When data went out last. */
  lastSentAt: Nanos = 0;
  /** Acknowledgements and probes. */
  lastAckAt: Nanos = 0;
  probesOut = 0;
  backoff = 0;
  /** Timeouts in a row. */
  retransmits = 0;
  /** Value of the timestamp clock at the first retransmission of an episode; 0: none. */
  retransStamp = 0;

  // ECN (RFC 3168 §6.1.2).
  tellReduced = false;
}
