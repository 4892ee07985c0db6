import type { TcpInfo } from "../../core/tcp-socket.ts";
import { MS, type Nanos, NEVER } from "../../core/time.ts";
import type { TcpConnection } from "../../protocols/tcp/connection.ts";
import { SSTHRESH_INFINITE } from "../../protocols/tcp/send-state.ts";
import { span } from "../../protocols/tcp/sequence.ts";
import { SYN_SENT } from "../../protocols/tcp/state.ts";
import { TIMER_NONE, TIMER_PROBE } from "../../protocols/tcp/timers.ts";

/** What is told of a connection (`net/ipv4/tcp.c:tcp_get_info`). */
export function tcpInfo(c: TcpConnection, state: string, now: Nanos): TcpInfo {
  const { snd, rcv, rtt, recovery, counters } = c;
  const { sent } = snd;
  const unsent = Math.max(0, span(snd.nxt, snd.writeSeq));
  return {
    state,
    congestion: c.congestion.name,
    timestamps: c.timestampsOk,
    sack: c.sackOk,
    ecn: c.ecnOk,
    ecnSeen: rcv.ecnSeen,
    sndWscale: c.scalingOk ? snd.scale : -1,
    rcvWscale: c.scalingOk ? rcv.scale : -1,
    rtoMs: rtt.rto / MS,
    rttMs: Math.floor(rtt.srtt8 / 8) / 1000,
    rttvarMs: Math.floor(rtt.mdev4 / 4) / 1000,
    minRttMs: Number.isFinite(rtt.minUs) ? rtt.minUs / 1000 : -1,
    atoMs: rcv.ato / MS,
    mss: snd.mss,
    pmtu: snd.pathMtu,
    rcvMss: rcv.mss,
    advmss: rcv.advmss,
    cwnd: snd.cwnd,
    ssthresh: snd.ssthresh >= SSTHRESH_INFINITE ? -1 : snd.ssthresh,
    backoff: snd.backoff,
    bytesSent: counters.bytesSent,
    bytesRetrans: counters.bytesRetransmitted,
    bytesAcked: counters.bytesAcked,
    bytesReceived: rcv.received,
    segsOut: counters.segmentsOut,
    segsIn: counters.segmentsIn,
    dataSegsOut: counters.dataSegmentsOut,
    dataSegsIn: counters.dataSegmentsIn,
    sendBps: rtt.srtt === 0 ? 0 : Math.floor((snd.cwnd * snd.mss * 8e9) / rtt.srtt),
    pacingBps: Math.floor(c.pacingRate() * 8),
    lastSndMs: (now - snd.lastSentAt) / MS,
    lastRcvMs: (now - rcv.lastDataAt) / MS,
    lastAckMs: (now - snd.lastAckAt) / MS,
    unacked: sent.packetsOut,
    retrans: sent.retransOut,
    retransTotal: recovery.totalRetrans,
    lost: sent.lostOut,
    sacked: sent.sackedOut,
    dsackDups: recovery.dsackDuplicates,
    reordering: recovery.reordering,
    reordSeen: recovery.reorderSeen,
    rcvRttMs: Math.floor(rcv.rtt8 / 8) / 1000,
    rcvSpace: rcv.space,
    rcvSsthresh: rcv.earned,
    rcvOoopack: counters.outOfOrder,
    notSent: unsent,
    sndWnd: snd.wnd,
    rcvWnd: rcv.wnd,
    recvQueue: rcv.ready.bytes,
    sendQueue: c.state === SYN_SENT ? 0 : Math.max(0, span(snd.una, snd.writeSeq)),
    sndbuf: snd.buffer,
    rcvbuf: rcv.buffer,
    ...timer(c, now),
  };
}

/** As `ss -o` has it (inet_diag: `tcp_timer` of /proc/net/tcp). */
function timer(c: TcpConnection, now: Nanos): Pick<TcpInfo, "timer" | "timerMs" | "timerRetrans"> {
  const { timers, snd } = c;
  const left = (at: Nanos): number => Math.max(0, (at - now) / MS);
  if (timers.kind === TIMER_PROBE) return { timer: "persist", timerMs: left(timers.at), timerRetrans: snd.probesOut };
  if (timers.kind !== TIMER_NONE) return { timer: "on", timerMs: left(timers.at), timerRetrans: snd.retransmits };
  if (timers.keepAt !== NEVER) return { timer: "keepalive", timerMs: left(timers.keepAt), timerRetrans: snd.probesOut };
  return { timer: "", timerMs: 0, timerRetrans: 0 };
}
