import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import { S, US } from "../../core/time.ts";
import { takeAck } from "./ack.ts";
import { abandon, shutdown } from "./close.ts";
import type { TcpConnection } from "./connection.ts";
import { initialCwnd } from "./cwnd.ts";
import { initReceivedMss } from "./delayed-ack.ts";
import { constantOptions, syncMss } from "./mss.ts";
import { initProbe } from "./mtu-probe.ts";
import { initBufferSpace } from "./receive-window.ts";
import { OPEN } from "./recovery-state.ts";
import { EVER_RETRANSMITTED, HAS_SYN } from "./scoreboard.ts";
import type { Segment } from "./segment.ts";
import { SSTHRESH_INFINITE } from "./send-state.ts";
import { after, span } from "./sequence.ts";
import { ESTABLISHED, SYN_RECEIVED, SYN_SENT } from "./state.ts";
import { rearmRto, TIMEOUT_MIN, TIMER_RETRANSMIT } from "./timers.ts";
import { chooseOffer, sendAck, transmitSyn } from "./transmit.ts";
import { HEADER, MSS_DEFAULT, TCP_ACK, TCP_CWR, TCP_ECE, TCP_RST, TCP_SYN, TIMESTAMPS_LENGTH } from "./wire.ts";

/** The three-way handshake, from either side, and crossed (RFC 9293 §3.5, §3.10.7.3). */

const UNACCEPTABLE = dropReason("tcp: out of window");
const RESET = dropReason("tcp: reset");

/** TCP_TIMEOUT_FALLBACK. */
const RTO_FALLBACK = 3 * S;

/** Sends a SYN with `iss` (`tcp_connect`). */
export function openActive(c: TcpConnection, iss: number): void {
  const { settings, rcv, host } = c;
  c.enter(SYN_SENT);
  c.firstStamp = c.stamp();
  const path = host.path();
  c.timestampsOk = settings.tcp_timestamps !== 0;
  c.scalingOk = settings.tcp_window_scaling !== 0;
  c.sackOk = settings.tcp_sack !== 0;
  c.ecnAsked = settings.tcp_ecn === 1 || path.ecn !== 0;
  begin(c, iss);
  chooseOffer(c);
  initReceivedMss(c);
  rcv.nxt = rcv.wup = rcv.irs = 0;
  sendSyn(c);
}

/** A listener has heard the SYN `seg`: answers it with SYN-ACK under `iss`. */
export function openPassive(c: TcpConnection, seg: Segment, iss: number): void {
  prepare(c, seg, iss);
  sendSyn(c);
}

/** A SYN cookie came back: the connection begins as if its SYN had been remembered. `seg`: the SYN, put together again. */
export function openFromCookie(c: TcpConnection, seg: Segment, iss: number): void {
  prepare(c, seg, iss);
  c.snd.sent.push(iss, (iss + 1) | 0, HAS_SYN | EVER_RETRANSMITTED, c.now); // nobody knows when it was sent
  c.snd.nxt = c.snd.writeSeq = (iss + 1) | 0;
}

/** A segment arrives in SYN-SENT. False as in `receiveSegment`. */
export function receiveInSynSent(c: TcpConnection, p: Packet, seg: Segment): boolean {
  const { snd, host } = c;
  if (seg.has(TCP_ACK)) {
    if (!after(seg.ack, snd.una) || after(seg.ack, snd.nxt) || !echoIsOurs(c, seg)) {
      if (seg.has(TCP_RST)) {
        host.drop(p, UNACCEPTABLE);
        return true;
      }
      // What an old connection left there is reset, and our SYN goes again soon.
      if (snd.retransmits === 0) c.timers.set(TIMER_RETRANSMIT, c.now + TIMEOUT_MIN);
      return false;
    }
    if (seg.has(TCP_RST)) {
      host.drop(p, RESET);
      abandon(c, "ECONNREFUSED");
      return true;
    }
    if (seg.has(TCP_SYN)) establishActive(c, p, seg);
    host.consume(p);
    return true;
  }
  if (!seg.has(TCP_RST) && seg.has(TCP_SYN)) cross(c, seg);
  host.consume(p);
  return true;
}

/** The last acknowledgement of a passive open, or of a crossed one, was taken. */
export function establishPassive(c: TcpConnection, seg: Segment): void {
  const { snd, rcv } = c;
  snd.una = seg.ack;
  snd.wnd = snd.maxWnd = seg.window << snd.scale;
  snd.wl1 = seg.seq;
  if (c.timestampsOk) rcv.advmss -= TIMESTAMPS_LENGTH;
  rcv.lastDataAt = snd.lastSentAt = c.now;
  established(c);
  c.user.connected();
  if (c.closing) shutdown(c);
}

/** SYN and acknowledgement of ours (RFC 9293 §3.10.7.3 fourth). */
function establishActive(c: TcpConnection, p: Packet, seg: Segment): void {
  const { snd, rcv } = c;
  rcv.irs = seg.seq;
  rcv.nxt = rcv.wup = (seg.seq + 1) | 0;
  agree(c, seg);
  c.ecnOk = c.ecnAsked && (seg.flags & (TCP_ECE | TCP_CWR)) === TCP_ECE;
  snd.wl1 = seg.seq;
  takeAck(c, p.buf, seg, false);
  snd.wnd = snd.maxWnd = seg.window;
  if (c.timestampsOk) rcv.advmss -= TIMESTAMPS_LENGTH;
  initProbe(c, snd.pathMtu);
  syncMss(c, snd.pathMtu);
  initReceivedMss(c);
  rcv.lastDataAt = snd.lastSentAt = c.now;
  established(c);
  sendAck(c);
  c.user.connected();
}

/** SYNs have crossed: both sides answer (RFC 9293 §3.5 figure 8). */
function cross(c: TcpConnection, seg: Segment): void {
  const { snd, rcv } = c;
  c.enter(SYN_RECEIVED);
  rcv.irs = seg.seq;
  rcv.nxt = rcv.wup = (seg.seq + 1) | 0;
  agree(c, seg);
  c.ecnOk = c.ecnAsked && (seg.flags & (TCP_ECE | TCP_CWR)) === (TCP_ECE | TCP_CWR);
  snd.wnd = snd.maxWnd = seg.window;
  snd.wl1 = seg.seq;
  initProbe(c, snd.pathMtu);
  syncMss(c, snd.pathMtu);
  initReceivedMss(c);
  transmitSyn(c);
}

/** What a passive open takes from the SYN (`tcp_conn_request`, `tcp_openreq_init`). */
function prepare(c: TcpConnection, seg: Segment, iss: number): void {
  const { settings, snd, rcv, host } = c;
  const { options } = seg;
  c.enter(SYN_RECEIVED);
  c.passive = true;
  c.timestampsOk = settings.tcp_timestamps !== 0 && options.timestamps;
  c.scalingOk = settings.tcp_window_scaling !== 0 && options.windowScale >= 0;
  c.sackOk = settings.tcp_sack !== 0 && options.sackPermitted;
  snd.scale = c.scalingOk ? options.windowScale : 0;
  // RFC 3168 §6.1.1: a SYN that itself may be marked is none that asks.
  const asks = (seg.flags & (TCP_ECE | TCP_CWR)) === (TCP_ECE | TCP_CWR) && seg.ecn === 0;
  c.ecnOk = asks && (settings.tcp_ecn !== 0 || host.path().ecn !== 0);
  rcv.irs = seg.seq;
  rcv.nxt = rcv.wup = (seg.seq + 1) | 0;
  rememberTimestamp(c, seg);
  begin(c, iss);
  clampMss(c, options.mss);
  snd.wnd = snd.maxWnd = seg.window;
  snd.wl1 = seg.seq;
  chooseOffer(c);
  initProbe(c, snd.pathMtu);
  initReceivedMss(c);
}

/** Sequence numbers and buffers of a connection that begins. */
function begin(c: TcpConnection, iss: number): void {
  const { snd, rcv, settings, host, recovery } = c;
  const path = host.path();
  snd.iss = snd.una = snd.nxt = snd.writeSeq = snd.smallEnd = snd.pushedSeq = iss;
  snd.cwndUsageSeq = recovery.highSeq = iss;
  rcv.buffer ||= settings.tcp_rmem[1];
  c.routeCwnd = path.initcwnd;
  c.alwaysQuick = path.quickack !== 0;
  if (path.rtoMinMs > 0) c.rtoMin = path.rtoMinMs * 1_000_000;
  recovery.reordering = path.reordering || settings.tcp_reordering;
  snd.cwnd = initialCwnd(c);
  if (path.ssthresh > 0) snd.ssthresh = path.ssthresh;
  snd.cwndStampAt = c.now;
}

/** Sends the SYN or SYN-ACK, and waits for its acknowledgement. */
function sendSyn(c: TcpConnection): void {
  const { snd } = c;
  snd.sent.push(snd.iss, (snd.iss + 1) | 0, HAS_SYN, c.now);
  snd.nxt = snd.writeSeq = (snd.iss + 1) | 0;
  transmitSyn(c);
  rearmRto(c);
}

/** What the peer's SYN grants of what ours has offered. */
function agree(c: TcpConnection, seg: Segment): void {
  const { snd, rcv } = c;
  const { options } = seg;
  c.timestampsOk &&= options.timestamps;
  c.echoed = c.timestampsOk ? seg.tsecr : 0;
  c.sackOk &&= options.sackPermitted;
  c.scalingOk &&= options.windowScale >= 0;
  snd.scale = c.scalingOk ? options.windowScale : 0;
  if (!c.scalingOk) {
    rcv.scale = 0;
    rcv.clamp = Math.min(rcv.clamp, 0xffff);
  }
  snd.header = HEADER + constantOptions(c);
  clampMss(c, options.mss);
  rememberTimestamp(c, seg);
}

/** RFC 9293 §3.7.1: the peer's limit, or 536. */
function clampMss(c: TcpConnection, told: number): void {
  const mss = told || MSS_DEFAULT;
  c.snd.mssClamp = c.snd.userMss > 0 ? Math.min(mss, c.snd.userMss) : mss;
}

function rememberTimestamp(c: TcpConnection, seg: Segment): void {
  if (!c.timestampsOk) return;
  c.rcv.tsRecent = seg.tsval;
  c.rcv.tsRecentAt = c.now;
  c.rcv.hasTsRecent = true;
}

/** RFC 7323 §3.2: the SYN-ACK must echo a timestamp of one of our SYNs (`tcp_rcv_synsent_state_process`). */
const echoIsOurs = (c: TcpConnection, seg: Segment): boolean =>
  !c.timestampsOk ||
  !seg.options.timestamps ||
  seg.tsecr === 0 ||
  (span(c.firstStamp, seg.tsecr) >= 0 && span(seg.tsecr, c.stamp()) >= 0);

/** `tcp_init_transfer`, `tcp_init_metrics`. */
function established(c: TcpConnection): void {
  const { snd, recovery, rtt } = c;
  initBufferSpace(c);
  c.expandBuffer();
  const spuriousSyn = c.timestampsOk && c.echoed === c.firstStamp;
  // RFC 5681 §3.1: one segment after a SYN that was lost twice.
  snd.cwnd = recovery.totalRetrans > 1 && recovery.mayUndo && !spuriousSyn ? 1 : initialCwnd(c);
  snd.ssthresh = c.host.path().ssthresh || SSTHRESH_INFINITE;
  snd.cwndStampAt = c.now;
  snd.probesOut = snd.retransmits = 0;
  recovery.phase = OPEN;
  recovery.mayUndo = false;
  if (rtt.srtt8 === 0) {
    rtt.rttvar = RTO_FALLBACK / US; // RFC 6298 §5.7
    rtt.rto = RTO_FALLBACK;
  }
  c.enter(ESTABLISHED);
  if (c.keepAlive) c.timers.keepAt = c.now + c.keepIdle;
}
