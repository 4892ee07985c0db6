import { complement16, fold16, pseudoHeader, sumView } from "../../core/checksum.ts";
import type { Packet } from "../../core/packet.ts";
import { NEVER } from "../../core/time.ts";
import { ECN_ECT_0, ECN_NOT_ECT, IPPROTO_TCP } from "../ipv4/wire.ts";
import type { TcpConnection } from "./connection.ts";
import { enterCwr } from "./cwnd.ts";
import { constantOptions, syncMss } from "./mss.ts";
import { optionBytes, writeOptions } from "./options.ts";
import { chooseInitialWindow, selectWindow } from "./receive-window.ts";
import { after, before, span } from "./sequence.ts";
import { SYN_RECEIVED } from "./state.ts";
import {
  HEADER,
  synOptionsLength,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TIMESTAMPS_LENGTH,
  writeHeader,
  writeSynOptions,
} from "./wire.ts";

/** Builds segments and hands them to the host. */

// What became of a segment.
export const SENT = 0;
/** A queue of this node was full: it did not go out. */
export const REFUSED = 1;
/** There is no way to the peer. */
export const NO_WAY = 2;

/** Linux's TCP_ATO_MIN. */
export const ATO_MIN = 40_000_000;

/**
 * Sends `bytes` octets of data from `seq` on, with the flags. A segment that was not sent before may carry CWR, and is marked
 * as capable of ECN (RFC 3168 §6.1.2, §6.1.5).
 */
export function transmit(c: TcpConnection, seq: number, bytes: number, flags: number): number {
  const { snd, rcv, host } = c;
  const options = optionBytes(c, snd.mss + snd.header - HEADER - bytes);
  const p = host.alloc(HEADER + options + bytes);
  const o = p.start;
  const data = o + HEADER + options;
  let f = flags | TCP_ACK;
  if (bytes > 0) {
    const pushed = snd.queue.copy(c.positionOf(seq), bytes, p, data);
    if (!before(seq, snd.nxt)) f |= pushFlag(c, (seq + bytes) | 0, pushed);
    c.pushed = (f & TCP_PSH) !== 0;
    p.cacheSum(data);
  } else {
    p.sum = 0;
    p.sumFrom = data;
  }
  let ecn = ECN_NOT_ECT;
  if (c.ecnOk) {
    if (rcv.echoCongestion) f |= TCP_ECE;
    if (bytes > 0 && !before(seq, snd.nxt)) {
      ecn = ECN_ECT_0;
      if (snd.tellReduced) f |= TCP_CWR;
      snd.tellReduced = false;
    }
  }
  writeHeader(p.buf, o, c.localPort, c.remotePort, seq, rcv.nxt, HEADER + options, f, selectWindow(c));
  writeOptions(c, p, o + HEADER, options);
  seal(c, p);
  acknowledged(c);
  return dispatch(c, p, bytes, ecn);
}

/** Sends an acknowledgement and nothing else. */
export function sendAck(c: TcpConnection): void {
  transmit(c, acceptableSeq(c), 0, 0);
}

/** A segment with an old sequence number: whoever hears it must answer (RFC 9293 §3.8.4, `tcp_xmit_probe_skb`). */
export function sendProbe(c: TcpConnection): void {
  transmit(c, (c.snd.una - 1) | 0, 0, 0);
}

/** RST with an acknowledgement (`tcp_send_active_reset`). */
export function sendReset(c: TcpConnection): void {
  transmit(c, acceptableSeq(c), 0, TCP_RST);
}

/** The sequence number of a segment without data: within the peer's window even if that has shrunk (`tcp_acceptable_seq`). */
export function acceptableSeq(c: TcpConnection): number {
  const edge = (c.snd.una + c.snd.wnd) | 0;
  return before(edge, c.snd.nxt) && span(edge, c.snd.nxt) >= 1 << c.rcv.scale ? edge : c.snd.nxt;
}

/** Sends the SYN, or SYN-ACK, that stands at the head of what is out (`tcp_connect_init`, `tcp_synack_options`). */
export function transmitSyn(c: TcpConnection): number {
  const { snd, rcv, host } = c;
  const answering = c.state === SYN_RECEIVED;
  const scale = c.scalingOk ? rcv.scale : -1;
  const signature = c.signer?.bytes ?? 0;
  const length = synOptionsLength(scale, c.sackOk, c.timestampsOk) + signature;
  const p = host.alloc(HEADER + length);
  const o = p.start;
  p.sum = 0;
  p.sumFrom = p.end;
  let flags = answering ? TCP_SYN | TCP_ACK : TCP_SYN;
  if (answering && c.ecnOk) flags |= TCP_ECE;
  else if (!answering && c.ecnAsked) flags |= TCP_ECE | TCP_CWR; // RFC 3168 §6.1.1
  const field = Math.min(rcv.wnd, 0xffff); // RFC 7323 §2.2: not scaled
  writeHeader(p.buf, o, c.localPort, c.remotePort, snd.iss, answering ? rcv.nxt : 0, HEADER + length, flags, field);
  const at = o + HEADER + signature;
  const echo = answering && rcv.hasTsRecent ? rcv.tsRecent : 0;
  writeSynOptions(p.buf, at, c.toldMss, scale, c.sackOk, c.timestampsOk, c.stamp(), echo);
  seal(c, p);
  if (answering) {
    rcv.wup = rcv.nxt;
    acknowledged(c);
  }
  return dispatch(c, p, 0, ECN_NOT_ECT);
}

/** What a SYN offers: MSS and window, by the route and the settings (`tcp_connect_init`, `tcp_openreq_init_rwin`). */
export function chooseOffer(c: TcpConnection): void {
  const { snd, rcv, settings, host } = c;
  const path = host.path();
  const mtu = host.pathMtu() || IP_MTU_LEAST;
  snd.header = HEADER + constantOptions(c);
  const most = path.advmss || Math.min(Math.max(mtu - HEADERS, ADVMSS_LEAST), ADVMSS_MOST);
  rcv.advmss = snd.userMss > 0 ? Math.min(snd.userMss, most) : most;
  c.toldMss = rcv.advmss;
  rcv.clamp = path.window;
  const stamped = c.timestampsOk && c.state === SYN_RECEIVED;
  chooseInitialWindow(c, rcv.advmss - (stamped ? TIMESTAMPS_LENGTH : 0), c.scalingOk, path.initrwnd);
  rcv.earned = rcv.wnd;
  snd.buffer ||= settings.tcp_wmem[1];
  syncMss(c, mtu);
}

/** Headers without options; `net.ipv4.route.min_adv_mss`; what the largest packet holds. */
const HEADERS = 40;
const ADVMSS_LEAST = 256;
const ADVMSS_MOST = 65_495;
const IP_MTU_LEAST = 576;

/** PSH at the end of what was written at once, and on every half of the peer's window (`tcp_mark_push`, `forced_push`). */
function pushFlag(c: TcpConnection, end: number, pushed: boolean): number {
  const { snd } = c;
  if (!pushed && !after(end, (snd.pushedSeq + (snd.maxWnd >> 1)) | 0)) return 0;
  snd.pushedSeq = end;
  return TCP_PSH;
}

/** Signature and checksum. The sum of the data is known. */
function seal(c: TcpConnection, p: Packet): void {
  const { view, start, end } = p;
  if (c.signer !== null) c.signer.sign(p.buf, start, end, start + HEADER, c.localAddress, c.remoteAddress);
  const sum = sumView(view, start, p.sumFrom) + pseudoHeader(c.localAddress, c.remoteAddress, IPPROTO_TCP, end - start);
  view.setUint16(start + 16, complement16(fold16(sum) + p.sum));
}

/** The peer has been told of everything that came (`tcp_event_ack_sent`). */
function acknowledged(c: TcpConnection): void {
  const { rcv } = c;
  if (rcv.quick > 0) {
    rcv.quick--;
    if (rcv.quick === 0) rcv.ato = ATO_MIN;
  }
  rcv.pending = 0;
  c.timers.ackAt = NEVER;
}

function dispatch(c: TcpConnection, p: Packet, bytes: number, ecn: number): number {
  const { snd, rcv, counters } = c;
  counters.segmentsOut++;
  if (bytes > 0) {
    counters.dataSegmentsOut++;
    counters.bytesSent += bytes;
    if (snd.sent.inFlight === 0) c.congestion.sendingResumes(c);
    if (c.now - rcv.lastDataAt < rcv.ato) rcv.interactive = true;
    snd.lastSentAt = c.now;
    c.local.take(p, bytes);
  }
  if (!c.host.transmit(p, ecn)) return NO_WAY;
  if (bytes === 0 || !c.local.refused) return SENT;
  enterCwr(c);
  return REFUSED;
}
