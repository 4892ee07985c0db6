import type { Nanos } from "../../core/time.ts";

// Where a sender stands in the treatment of losses (Linux's tcp_ca_state).
/** Nothing suspicious. */
export const OPEN = 0;
/** Duplicate acknowledgements, or SACKs: no conclusion yet. */
export const DISORDER = 1;
/** The window is being reduced because congestion was signalled. */
export const CWR = 2;
/** Fast recovery. */
export const RECOVERY = 3;
/** After a timeout. */
export const LOSS = 4;

/** What a sender remembers while it finds out what was lost. */
export class RecoveryState {
  phase = OPEN;
  /** SND.NXT when the phase began: it ends when that is acknowledged. */
  highSeq = 0;

  // Proportional rate reduction (RFC 6937).
  priorCwnd = 0;
  priorSsthresh = 0;
  prrDelivered = 0;
  prrOut = 0;

  // Undoing a reduction that was for nothing (RFC 3522, RFC 3708).
  /** SND.UNA when it began. */
  undoMarker = 0;
  mayUndo = false;
  /** Retransmissions that were not reported as duplicates; -1: others were on their way already. */
  undoRetrans = -1;
  /** F-RTO is being tried (RFC 5682). */
  frto = false;
  reneged = false;

  /** Segments by which the network is taken to reorder, and how often it was seen to. */
  reordering = 3;
  reorderSeen = 0;
  /** Duplicates reported, and segments sent again, ever. */
  dsackDuplicates = 0;
  totalRetrans = 0;
  lostSegments = 0;

  // Tail loss probe (RFC 8985 §7).
  tlpHighSeq = 0;
  tlpOut = false;
  tlpRetrans = false;

  // RACK (RFC 8985 §5.3).
  rackSentAt: Nanos = 0;
  rackEndSeq = 0;
  rackRtt: Nanos = 0;
  rackAdvanced = false;
  reoWndSteps = 1;
  reoWndPersist = 0;
  dsackSeen = false;
  /** When the reordering window was adapted last. */
  adaptedAt: Nanos = 0;

  /** Segments that the peer has, ever: acknowledged or selectively so. */
  delivered = 0;
  deliveredCe = 0;
}

/** Linux holds such a window back for 16 recoveries. */
export const REO_PERSIST = 16;
