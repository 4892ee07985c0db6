import type { TcpConnection } from "./connection.ts";
import { checkReordering } from "./rack.ts";
import { DISORDER, OPEN } from "./recovery-state.ts";
import { span } from "./sequence.ts";

/** Reductions of the window that were for nothing are taken back (RFC 3522, RFC 4015, RFC 3708, RFC 5682). */

/** From here on it is watched whether what is sent again was needed. */
export function beginUndo(c: TcpConnection): void {
  const { recovery: r, snd } = c;
  r.mayUndo = true;
  r.undoMarker = snd.una;
  // Retransmissions that are out already may be reported as duplicates later.
  r.undoRetrans = snd.sent.retransOut + (r.tlpOut && r.tlpRetrans ? 1 : 0) || -1;
}

/** Eifel: the acknowledgement echoes a timestamp from before the first retransmission (`tcp_packet_delayed`). */
function wasOnlyLate(c: TcpConnection): boolean {
  const { retransStamp } = c.snd;
  return retransStamp !== 0 && c.timestampsOk && c.echoed !== 0 && span(c.echoed, retransStamp) > 0;
}

const isVain = (c: TcpConnection): boolean => c.recovery.mayUndo && (c.recovery.undoRetrans === 0 || wasOnlyLate(c));

/** The window becomes what it was before. `unmark`: what counts as lost does not any more. */
function undo(c: TcpConnection, unmark: boolean): void {
  const { recovery: r, snd } = c;
  if (unmark) snd.sent.unmarkLost();
  if (r.priorSsthresh > 0) {
    snd.cwnd = c.congestion.undo(c);
    if (r.priorSsthresh > snd.ssthresh) {
      snd.ssthresh = r.priorSsthresh;
      snd.tellReduced = false;
    }
  }
  snd.cwndStampAt = c.now;
  r.mayUndo = false;
  r.rackAdvanced = true; // what stays is judged anew
}

/** Recovery or loss has ended: everything sent before it is acknowledged. True: the state is kept (RFC 6582 §4.1). */
export function undoRecovery(c: TcpConnection): boolean {
  const { recovery: r } = c;
  if (isVain(c)) undo(c, false);
  else if (r.reoWndPersist > 0) r.reoWndPersist--;
  if (holdsOpen(c)) return true;
  open(c);
  return false;
}

/** All retransmissions were reported as duplicates. */
export function undoByDuplicates(c: TcpConnection): boolean {
  const { recovery: r } = c;
  if (!r.mayUndo || r.undoRetrans !== 0) return false;
  r.reoWndPersist = Math.min(16, r.reoWndPersist + 1);
  undo(c, false);
  return true;
}

/** After a timeout: `proven` by F-RTO, or by Eifel. */
export function undoLoss(c: TcpConnection, proven: boolean): boolean {
  if (!proven && !isVain(c)) return false;
  undo(c, true);
  c.snd.retransmits = 0;
  if (holdsOpen(c)) return true;
  if (proven || c.sackOk) open(c);
  return true;
}

/** In recovery, when a part was acknowledged that was only late. True: wait until all retransmissions are settled. */
export function undoPartial(c: TcpConnection, priorUna: number): boolean {
  const { recovery: r, snd } = c;
  if (!r.mayUndo || !wasOnlyLate(c)) return false;
  checkReordering(c, priorUna, snd.sent.sackedOut > 0 ? snd.sent.highestSacked : snd.una);
  if (snd.sent.retransOut > 0) return true;
  if (!snd.sent.anyRetransmitted) snd.retransStamp = 0;
  undo(c, true);
  keepOpen(c);
  return false;
}

/** Open or disordered, as what is out has it (`tcp_try_keep_open`). */
export function keepOpen(c: TcpConnection): void {
  const { recovery: r, snd } = c;
  const { sent } = snd;
  const phase = sent.sackedOut + sent.lostOut > 0 || sent.anyRetransmitted ? DISORDER : OPEN;
  if (r.phase === phase) return;
  r.phase = phase;
  r.highSeq = snd.nxt;
}

/** Without SACK, duplicate acknowledgements of what was sent twice must not begin another recovery (RFC 6582 §4.1). */
function holdsOpen(c: TcpConnection): boolean {
  const { recovery: r, snd } = c;
  if (c.sackOk || snd.una !== r.highSeq) return false;
  if (!snd.sent.anyRetransmitted) snd.retransStamp = 0;
  return true;
}

function open(c: TcpConnection): void {
  c.recovery.phase = OPEN;
  c.recovery.reneged = false;
}
