import type { TcpInfo } from "../../core/tcp-socket.ts";
import { formatG } from "../iperf3/units.ts";
import type { SocketRow } from "./sockets.ts";

const g = (value: number): string => formatG(value, 6);
const whole = (ms: number): number => Math.floor(ms);

/** What `-i` tells of a connection (`misc/ss.c:tcp_stats_print`). */
export function infoText(i: TcpInfo): string {
  const words: string[] = [];
  const say = (name: string, value: number | string, when = true): void => {
    if (when) words.push(`${name}:${value}`);
  };
  if (i.timestamps) words.push("ts");
  if (i.sack) words.push("sack");
  if (i.ecn) words.push("ecn");
  if (i.ecnSeen) words.push("ecnseen");
  words.push(i.congestion);
  say("wscale", `${i.sndWscale},${i.rcvWscale}`, i.sndWscale >= 0);
  say("rto", Math.ceil(i.rtoMs), i.rtoMs > 0); // the kernel counts it in ticks
  say("backoff", i.backoff, i.backoff > 0);
  say("rtt", `${g(i.rttMs)}/${g(i.rttvarMs)}`, i.rttMs > 0);
  say("ato", g(i.atoMs), i.atoMs > 0);
  say("mss", i.mss, i.mss > 0);
  say("pmtu", i.pmtu, i.pmtu > 0);
  say("rcvmss", i.rcvMss, i.rcvMss > 0);
  say("advmss", i.advmss, i.advmss > 0);
  say("cwnd", i.cwnd, i.cwnd > 0);
  say("ssthresh", i.ssthresh, i.ssthresh >= 0);
  say("bytes_sent", i.bytesSent, i.bytesSent > 0);
  say("bytes_retrans", i.bytesRetrans, i.bytesRetrans > 0);
  say("bytes_acked", i.bytesAcked, i.bytesAcked > 0);
  say("bytes_received", i.bytesReceived, i.bytesReceived > 0);
  say("segs_out", i.segsOut, i.segsOut > 0);
  say("segs_in", i.segsIn, i.segsIn > 0);
  say("data_segs_out", i.dataSegsOut, i.dataSegsOut > 0);
  say("data_segs_in", i.dataSegsIn, i.dataSegsIn > 0);
  if (i.sendBps > 0) words.push(`send ${Math.floor(i.sendBps)}bps`);
  say("lastsnd", whole(i.lastSndMs), whole(i.lastSndMs) > 0);
  say("lastrcv", whole(i.lastRcvMs), whole(i.lastRcvMs) > 0);
  say("lastack", whole(i.lastAckMs), whole(i.lastAckMs) > 0);
  if (i.pacingBps > 0) words.push(`pacing_rate ${Math.floor(i.pacingBps)}bps`);
  say("unacked", i.unacked, i.unacked > 0);
  say("retrans", `${i.retrans}/${i.retransTotal}`, i.retrans > 0 || i.retransTotal > 0);
  say("lost", i.lost, i.lost > 0);
  say("sacked", i.sacked, i.sacked > 0);
  say("dsack_dups", i.dsackDups, i.dsackDups > 0);
  say("reordering", i.reordering, i.reordering !== 3);
  say("reord_seen", i.reordSeen, i.reordSeen > 0);
  say("rcv_rtt", g(i.rcvRttMs), i.rcvRttMs > 0);
  say("rcv_space", i.rcvSpace, i.rcvSpace > 0);
  say("rcv_ssthresh", i.rcvSsthresh, i.rcvSsthresh > 0);
  say("notsent", i.notSent, i.notSent > 0);
  say("minrtt", g(i.minRttMs), i.minRttMs > 0);
  say("rcv_ooopack", i.rcvOoopack, i.rcvOoopack > 0);
  say("snd_wnd", i.sndWnd, i.sndWnd > 0);
  return ` ${words.join(" ")}`;
}

/** What `-o` tells of a socket's timer (`misc/ss.c:tcp_timer_print`). */
export const timerText = (row: SocketRow): string =>
  row.timer === "" ? "" : ` timer:(${row.timer},${span(row.timerMs)},${row.timerRetrans})`;

/** `1min59sec`, `58sec`, `3.200sec`, `200ms` (`misc/ss.c:print_ms_timer`). */
function span(ms: number): string {
  const total = Math.floor(ms);
  const minutes = Math.floor(total / 60_000);
  const seconds = Math.floor((total % 60_000) / 1000);
  const rest = total % 1000;
  let text = minutes > 0 ? `${minutes}min` : "";
  const exact = minutes === 0 && seconds <= 9;
  if (seconds > 0) text += exact ? `${seconds}.` : `${seconds}sec`;
  if (exact) text += seconds > 0 ? `${String(rest).padStart(3, "0")}ms` : `${String(rest).padStart(3, "0")}ms`;
  return text;
}
