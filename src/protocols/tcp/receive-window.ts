import { type Nanos, US } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { truesize } from "./receive-queue.ts";
import type { Segment } from "./segment.ts";
import { before, span } from "./sequence.ts";
import { WINDOW_SCALE_MAX } from "./wire.ts";

/** Which window a connection tells its peer, and how its receive buffer grows (Linux's `tcp_select_window` and around it). */

/** Segments that a window has room for at first: RFC 6928. */
const INITIAL_SEGMENTS = 10;
/** SOCK_MIN_RCVBUF. */
const BUFFER_MIN = 2304;
const MAX_WINDOW_UNSCALED = 32_767;

/** Octets of data for which a buffer of `space` has room, at the overhead that the peer's segments have (`tcp_win_from_space`). */
export const windowFromSpace = (c: TcpConnection, space: number): number => Math.floor((space * c.rcv.ratio) / 256);

/** Octets that the receive buffer still takes. */
const freeSpace = (c: TcpConnection): number => windowFromSpace(c, c.rcv.buffer - c.rcv.memory);

/** The window that the peer still has: RCV.WUP + RCV.WND - RCV.NXT. */
export const receiveWindow = (c: TcpConnection): number => Math.max(0, span(c.rcv.nxt, (c.rcv.wup + c.rcv.wnd) | 0));

/** The window and scale of a SYN or SYN-ACK (`net/ipv4/tcp_output.c:tcp_select_initial_window`). `limit`: of the route, in segments; 0: none. */
export function chooseInitialWindow(c: TcpConnection, mss: number, scaling: boolean, limit: number): void {
  const { rcv, settings } = c;
  let most = rcv.clamp > 0 ? rcv.clamp : 0xffff << WINDOW_SCALE_MAX;
  const whole = windowFromSpace(c, rcv.buffer);
  if (rcv.bufferLocked) most = Math.min(most, whole); // tcp_connect_init: no scale for what the program made small
  let space = Math.min(whole, most);
  if (space > mss) space -= space % mss;
  rcv.wnd = settings.tcp_workaround_signed_windows !== 0 ? Math.min(space, MAX_WINDOW_UNSCALED) : space;
  if (limit > 0) rcv.wnd = Math.min(rcv.wnd, limit * mss);
  rcv.scale = 0;
  if (scaling) {
    const largest = Math.min(Math.max(space, settings.tcp_rmem[2], settings.rmem_max), most);
    rcv.scale = Math.min(Math.max(31 - Math.clz32(largest) - 15, 0), WINDOW_SCALE_MAX);
  }
  rcv.clamp = Math.min(0xffff << rcv.scale, most);
}

/** The buffers of a connection that has just been agreed (`tcp_init_buffer_space`). */
export function initBufferSpace(c: TcpConnection): void {
  const { rcv, settings } = c;
  rcv.space = Math.min(rcv.earned, rcv.wnd, INITIAL_SEGMENTS * rcv.advmss);
  rcv.spaceSeq = rcv.copied;
  rcv.spaceAt = c.now;
  const most = windowFromSpace(c, rcv.buffer);
  const reserve = settings.tcp_app_win;
  if (rcv.clamp >= most) {
    rcv.clamp = most;
    if (reserve > 0 && most > 4 * rcv.advmss) rcv.clamp = Math.max(most - (most >> reserve), 4 * rcv.advmss);
  }
  if (reserve > 0 && rcv.clamp > 2 * rcv.advmss && rcv.clamp + rcv.advmss > most)
    rcv.clamp = Math.max(2 * rcv.advmss, most - rcv.advmss);
  rcv.earned = Math.min(rcv.earned, rcv.clamp);
}

/** The window field of the segment that goes out now; what is told is remembered (`tcp_select_window`). */
export function selectWindow(c: TcpConnection): number {
  const { rcv } = c;
  const current = receiveWindow(c);
  let window = bestWindow(c);
  if (window < current) window = align(current, rcv.scale); // RFC 9293 §3.8.6: a window is not taken back
  rcv.wnd = window;
  rcv.wup = rcv.nxt;
  const most =
    rcv.scale === 0 && c.settings.tcp_workaround_signed_windows !== 0 ? MAX_WINDOW_UNSCALED : 0xffff << rcv.scale;
  return Math.min(window, most) >> rcv.scale;
}

/** The window that would be told now, in octets; no silly small steps (RFC 9293 §3.8.6.2.2, `__tcp_select_window`). */
export function bestWindow(c: TcpConnection): number {
  const { rcv } = c;
  let free = freeSpace(c);
  const allowed = windowFromSpace(c, rcv.buffer);
  const full = Math.min(rcv.clamp, allowed);
  const mss = Math.min(rcv.mss, full);
  if (mss <= 0) return 0;
  if (free < full >> 1) {
    rcv.quick = 0;
    free -= free & ((1 << rcv.scale) - 1);
    if (free < allowed >> 4 || free < mss) return 0;
  }
  free = Math.min(free, rcv.earned);
  if (rcv.scale > 0) return align(free, rcv.scale);
  if (rcv.wnd <= free - mss || rcv.wnd > free) return free - (free % mss);
  if (mss === full && free > rcv.wnd + (full >> 1)) return free;
  return rcv.wnd;
}

/** A segment of data has come that deserves a larger window (`tcp_grow_window`). `bytes`: its data. */
export function growWindow(c: TcpConnection, bytes: number): void {
  const { rcv } = c;
  const room = Math.min(rcv.clamp, freeSpace(c)) - rcv.earned;
  if (room <= 0) return;
  const size = truesize(bytes);
  let step = windowFromSpace(c, size) <= bytes ? 2 * rcv.advmss : growthOfSmall(c, bytes, size);
  if (step === 0) return;
  step = Math.max(step, 2 * bytes);
  rcv.earned += Math.min(room, step);
  rcv.quick |= 1;
}

/** A segment whose overhead is large: only while the window is small enough for such (`__tcp_grow_window`). */
function growthOfSmall(c: TcpConnection, bytes: number, size: number): number {
  const { rcv, settings } = c;
  let truesizeLeft = windowFromSpace(c, size) >> 1;
  let window = windowFromSpace(c, settings.tcp_rmem[2]) >> 1;
  while (rcv.earned <= window) {
    if (truesizeLeft <= bytes) return 2 * rcv.mss;
    truesizeLeft >>= 1;
    window >>= 1;
  }
  return 0;
}

/** The program has taken data: how much in a round trip tells how large the buffer should be (`tcp_rcv_space_adjust`). */
export function adjustSpace(c: TcpConnection): void {
  const { rcv, settings } = c;
  const us = Math.floor((c.now - rcv.spaceAt) / US);
  if (rcv.rtt8 === 0 || 8 * us < rcv.rtt8) return;
  const copied = rcv.copied - rcv.spaceSeq;
  if (copied > rcv.space) {
    if (settings.tcp_moderate_rcvbuf !== 0 && !rcv.bufferLocked) enlarge(c, copied);
    rcv.space = copied;
  }
  rcv.spaceSeq = rcv.copied;
  rcv.spaceAt = c.now;
}

/** Twice what one round trip brought, and more where that grows: the window told now is for the next round trip. */
function enlarge(c: TcpConnection, copied: number): void {
  const { rcv, settings } = c;
  let window = 2 * copied + 16 * rcv.advmss;
  window += 2 * Math.floor((window * (copied - rcv.space)) / rcv.space);
  const buffer = Math.min(Math.floor((window * 256) / rcv.ratio), settings.tcp_rmem[2]);
  if (buffer <= rcv.buffer) return;
  rcv.buffer = buffer;
  rcv.clamp = windowFromSpace(c, buffer);
}

/** How much of a buffer is data when segments have `bytes` of it: the window follows (`tcp_measure_rcv_mss`). */
export function learnOverhead(c: TcpConnection, bytes: number): void {
  const { rcv } = c;
  const ratio = Math.max(1, Math.min(255, Math.floor((bytes * 256) / truesize(bytes))));
  if (ratio === rcv.ratio) return;
  rcv.ratio = ratio;
  const clamp = Math.max(windowFromSpace(c, rcv.buffer), BUFFER_MIN / 2);
  rcv.earned = clamp < rcv.clamp ? Math.min(rcv.earned, clamp) : Math.max(rcv.earned, Math.min(rcv.wnd, clamp));
  rcv.clamp = clamp;
  rcv.space = Math.min(rcv.space, clamp);
}

/** The receiver's own measure of a round trip: how long a window's worth takes (`tcp_rcv_rtt_measure`). */
export function measureByWindow(c: TcpConnection): void {
  const { rcv } = c;
  if (rcv.rttAt !== 0) {
    if (before(rcv.nxt, rcv.rttSeq)) return;
    sampleReceiveRtt(c, c.now - rcv.rttAt, true);
  }
  rcv.rttSeq = (rcv.nxt + rcv.wnd) | 0;
  rcv.rttAt = c.now;
}

/** The same by the echo of a timestamp on a full segment (`tcp_rcv_rtt_measure_ts`). */
export function measureByTimestamp(c: TcpConnection, seg: Segment): void {
  const { rcv } = c;
  if (seg.tsecr === rcv.lastTsecr || seg.bytes < rcv.mss) return;
  rcv.lastTsecr = seg.tsecr;
  const ms = span(seg.tsecr, c.stamp());
  if (ms >= 0 && ms < 1_000_000) sampleReceiveRtt(c, Math.max(ms, 1) * 1_000_000, false);
}

/** `windowBased` measures are too long rather than too short: the least one counts. */
function sampleReceiveRtt(c: TcpConnection, rtt: Nanos, windowBased: boolean): void {
  const { rcv } = c;
  const us = Math.max(1, Math.floor(rtt / US));
  const known = rcv.rtt8;
  if (known === 0) rcv.rtt8 = 8 * us;
  else if (!windowBased) rcv.rtt8 = known + us - Math.floor(known / 8);
  else rcv.rtt8 = Math.min(known, 8 * us);
}

/** The buffer has overflown: it may be enlarged, else the window earned is lost (`tcp_clamp_window`). */
export function clampWindow(c: TcpConnection): void {
  const { rcv, settings } = c;
  rcv.quick = 0;
  if (rcv.buffer < settings.tcp_rmem[2] && !rcv.bufferLocked) rcv.buffer = Math.min(rcv.memory, settings.tcp_rmem[2]);
  if (rcv.memory > rcv.buffer) rcv.earned = Math.min(rcv.clamp, 2 * rcv.advmss);
}

const align = (value: number, scale: number): number => (value + (1 << scale) - 1) & -(1 << scale);
