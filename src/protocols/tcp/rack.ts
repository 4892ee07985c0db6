import { type Nanos, US } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { RECOVERY, REO_PERSIST } from "./recovery-state.ts";
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, sentLater } from "./scoreboard.ts";
import { before, span } from "./sequence.ts";
import { TIMEOUT_MIN, TIMER_REORDER } from "./timers.ts";

/** Loss found by time: what was sent long enough before something that has arrived is lost (RACK, RFC 8985 §6). */

// Bits of net.ipv4.tcp_recovery.
const RACK_ON = 1;
const STATIC_WINDOW = 2;
const NO_DUPTHRESH = 4;
const STEPS_MAX = 255;

export const rackOn = (c: TcpConnection): boolean => (c.settings.tcp_recovery & RACK_ON) !== 0;

/** Entry `i` has arrived (RFC 8985 §6.2 step 2). */
export function rackAdvance(c: TcpConnection, i: number): void {
  const { recovery: r, snd } = c;
  const slot = i & snd.sent.mask;
  const sentAt = snd.sent.sentAt[slot] as number;
  const end = snd.sent.end[slot] as number;
  const rtt = c.now - sentAt;
  // Sooner than a round trip: it was an earlier copy that arrived.
  if (((snd.sent.flags[slot] as number) & EVER_RETRANSMITTED) !== 0 && rtt < c.rtt.minUs * US) return;
  r.rackAdvanced = true;
  r.rackRtt = rtt;
  if (!sentLater(sentAt, r.rackSentAt, end, r.rackEndSeq)) return;
  r.rackSentAt = sentAt;
  r.rackEndSeq = end;
}

/** Marks what is lost by now; what is not sure yet is looked at again later. True when a timer was set for that. */
export function rackMarkLost(c: TcpConnection): boolean {
  const { recovery: r } = c;
  if (!r.rackAdvanced) return false;
  r.rackAdvanced = false;
  const wait = detect(c);
  if (wait > 0) c.timers.set(TIMER_REORDER, c.now + Math.min(wait + TIMEOUT_MIN, c.rtt.rto, c.rtoMax));
  return wait > 0;
}

/** RFC 8985 §6.2 step 5. Returns how long the last of those that may only be late has to arrive; 0: none. */
export function detect(c: TcpConnection): Nanos {
  const { snd, recovery: r } = c;
  const { sent } = snd;
  const window = reorderWindow(c);
  let wait = 0;
  for (let i = sent.oldest; i >= 0; ) {
    const next = sent.sentAfter(i);
    const slot = i & sent.mask;
    const flags = sent.flags[slot] as number;
    if ((flags & (LOST | RETRANSMITTED)) !== LOST) {
      const sentAt = sent.sentAt[slot] as number;
      if (!sentLater(r.rackSentAt, sentAt, r.rackEndSeq, sent.end[slot] as number)) break;
      if (sentAt === r.rackSentAt && (flags & EVER_RETRANSMITTED) !== 0) break; // at one instant nobody knows which was first
      const left = r.rackRtt + window - (c.now - sentAt);
      if (left <= 0) lose(c, i);
      else wait = Math.max(wait, left);
    }
    i = next;
  }
  return wait;
}

/** Whether entry `i` would be lost by time, were there no reordering: after a timeout only such count as lost. */
export function rackOverdue(c: TcpConnection, i: number): boolean {
  return c.recovery.rackRtt - (c.now - (c.snd.sent.sentAt[i & c.snd.sent.mask] as number)) <= 0;
}

/** An entry is lost, or its last copy is. */
export function lose(c: TcpConnection, i: number): void {
  if (c.snd.sent.markLost(i)) c.recovery.lostSegments++;
  c.snd.sent.unlink(i);
}

/** RFC 8985 §6.2 step 4: the window grows when duplicates show that it was too small. `sentAt`: of what arrived last. */
export function adaptReorderWindow(c: TcpConnection, sentAt: Nanos): void {
  const { recovery: r } = c;
  if ((c.settings.tcp_recovery & STATIC_WINDOW) !== 0 || sentAt < 0) return;
  if (sentAt < r.adaptedAt) r.dsackSeen = false; // not a round trip since
  if (r.dsackSeen) {
    r.reoWndSteps = Math.min(STEPS_MAX, r.reoWndSteps + 1);
    r.dsackSeen = false;
    r.adaptedAt = c.now;
    r.reoWndPersist = REO_PERSIST;
  } else if (r.reoWndPersist === 0) r.reoWndSteps = 1;
}

/** Something below what had arrived was not lost after all: the network reorders (`tcp_check_sack_reordering`). */
export function checkReordering(c: TcpConnection, low: number, highest: number): void {
  const { recovery: r, snd } = c;
  if (!before(low, highest)) return;
  const metric = Math.floor((span(low, highest) + snd.mss - 1) / snd.mss);
  if (span(low, highest) > r.reordering * snd.mss) r.reordering = Math.min(metric, c.settings.tcp_max_reordering);
  r.reorderSeen++;
}

/** How late a segment may be without being lost (RFC 8985 §6.2 step 4, `tcp_rack_reo_wnd`). */
function reorderWindow(c: TcpConnection): Nanos {
  const { recovery: r, snd, rtt } = c;
  if (r.reorderSeen === 0) {
    if (r.phase >= RECOVERY) return 0;
    if (snd.sent.sackedOut >= r.reordering && (c.settings.tcp_recovery & NO_DUPTHRESH) === 0) return 0;
  }
  return Math.min(Math.floor(rtt.minUs / 4) * r.reoWndSteps * US, rtt.srtt);
}
