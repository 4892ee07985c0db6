import { type Nanos, S } from "../../core/time.ts";
import type { TcpConnection } from "./connection.ts";
import { currentSsthresh } from "./cwnd.ts";
import { currentMss, mssForMtu, mtuForMss, syncMss } from "./mss.ts";
import { OPEN } from "./recovery-state.ts";
import { HAS_PSH } from "./scoreboard.ts";
import { after, span } from "./sequence.ts";
import { rearmRto } from "./timers.ts";
import { SENT, transmit } from "./transmit.ts";

/** Path MTU discovery by probes of its own, for paths that swallow ICMP (RFC 4821, `net.ipv4.tcp_mtu_probing`). */

/** Segments that must be allowed before a probe is risked. */
const CWND_MIN = 11;

/** The search for the largest packet that passes. MTUs in octets. */
export class MtuProbe {
  enabled = false;
  /** Packets of `low` pass; of more than `high` do not. */
  low = 0;
  high = 0;
  /** The packet that is on its way as a probe: its size, 0 for none, and its sequence numbers. */
  size = 0;
  seq = 0;
  end = 0;
  lastAt: Nanos = 0;
}

/** `tcp_mtup_init`: `pathMtu` is what the route says. */
export function initProbe(c: TcpConnection, pathMtu: number): void {
  const { probe, settings } = c;
  probe.enabled = settings.tcp_mtu_probing > 1;
  probe.high = Math.min(c.snd.mssClamp + 40, pathMtu);
  probe.low = settings.tcp_base_mss + 40;
  probe.size = 0;
  if (probe.enabled) probe.lastAt = c.now;
}

/** Timeouts in a row: a packet of this size may be swallowed somewhere. Smaller ones are tried (RFC 4821 §7.7, `tcp_mtu_probing`). */
export function suspectBlackHole(c: TcpConnection): void {
  const { probe, settings } = c;
  if (settings.tcp_mtu_probing === 0) return;
  if (!probe.enabled) {
    probe.enabled = true;
    probe.lastAt = c.now;
  } else {
    let mss = Math.min(mssForMtu(c, probe.low) >> 1, settings.tcp_base_mss);
    mss = Math.max(mss, settings.tcp_mtu_probe_floor, settings.tcp_min_snd_mss);
    probe.low = mtuForMss(c, mss);
  }
  const before = c.snd.mss;
  syncMss(c, c.snd.pathMtu);
  if (c.snd.mss < before && !c.snd.sent.isEmpty) c.snd.sent.resegment(currentMss(c));
}

/** Sends a larger segment when it is time for one. 1: sent; 0: wait for the window to empty first; -1: not now (`tcp_mtu_probe`). */
export function probeMtu(c: TcpConnection, mss: number): number {
  const { snd, probe, recovery } = c;
  if (probe.size > 0 || recovery.phase !== OPEN || snd.cwnd < CWND_MIN || c.rcv.sacks.total > 0) return -1;
  const size = mssForMtu(c, (probe.high + probe.low) >> 1);
  if (size > mssForMtu(c, probe.high) || probe.high - probe.low < c.settings.tcp_probe_threshold) {
    searchAgain(c);
    return -1;
  }
  const needed = size + (recovery.reordering + 1) * mss;
  if (span(snd.nxt, snd.writeSeq) - (snd.finQueued ? 1 : 0) < needed || snd.wnd < needed) return -1;
  if (after((snd.nxt + needed) | 0, (snd.una + snd.wnd) | 0)) return 0;
  if (snd.sent.inFlight + 2 > snd.cwnd) return snd.sent.inFlight === 0 ? -1 : 0;
  const wasEmpty = snd.sent.isEmpty;
  const [seq, end] = [snd.nxt, (snd.nxt + size) | 0];
  if (transmit(c, seq, size, 0) !== SENT) return -1;
  snd.cwnd--;
  snd.sent.push(seq, end, c.pushed ? HAS_PSH : 0, c.now);
  snd.nxt = end;
  probe.size = mtuForMss(c, size);
  probe.seq = seq;
  probe.end = end;
  if (wasEmpty) rearmRto(c);
  return 1;
}

/** The probe has arrived: its size becomes the segments' (RFC 4821 §7.6.1). */
export function probeArrived(c: TcpConnection): void {
  const { snd, probe } = c;
  c.recovery.priorSsthresh = currentSsthresh(c);
  snd.cwnd = Math.max(1, Math.floor((snd.cwnd * mtuForMss(c, snd.mss)) / probe.size));
  snd.cwndCount = 0;
  snd.cwndStampAt = c.now;
  snd.ssthresh = currentSsthresh(c);
  probe.low = probe.size;
  probe.size = 0;
  syncMss(c, snd.pathMtu);
}

/** It has not: that says nothing about congestion (RFC 4821 §7.6.2). */
export function probeLost(c: TcpConnection): void {
  c.probe.high = c.probe.size - 1;
  c.probe.size = 0;
  c.snd.cwnd++;
}

/** The path may have changed since the search ended (`tcp_mtu_check_reprobe`). */
function searchAgain(c: TcpConnection): void {
  const { probe, settings, snd } = c;
  if (c.now - probe.lastAt < settings.tcp_probe_interval * S) return;
  probe.size = 0;
  probe.high = Math.min(snd.mssClamp + 40, snd.pathMtu);
  probe.low = mtuForMss(c, snd.mss);
  probe.lastAt = c.now;
}
