import type { TcpConnection } from "./connection.ts";
import { optionBytes } from "./options.ts";
import { HEADER, MSS_DEFAULT, TIMESTAMPS_LENGTH } from "./wire.ts";

/** The size of segments, as path, peer and options have it (RFC 9293 §3.7.1, RFC 1191). */

const IP_HEADER = 20;
/** A segment for a window so small that halving it would leave nothing (`tcp_bound_to_half_wnd`). */
const SEGMENT_MIN = 68;

/** Octets of data for which a packet of `mtu` has room, the constant options taken off (`tcp_mtu_to_mss`). */
export function mssForMtu(c: TcpConnection, mtu: number): number {
  const { snd } = c;
  const plain = Math.max(Math.min(mtu - IP_HEADER - HEADER, snd.mssClamp), c.settings.tcp_min_snd_mss);
  return Math.max(plain - (snd.header - HEADER), 1);
}
export const mtuForMss = (c: TcpConnection, mss: number): number => mss + c.snd.header + IP_HEADER;

/** The path's MTU is `mtu` (`net/ipv4/tcp_output.c:tcp_sync_mss`). */
export function syncMss(c: TcpConnection, mtu: number): void {
  const { snd, probe } = c;
  if (probe.high > mtu) probe.high = mtu;
  let mss = boundToHalfWindow(c, mssForMtu(c, mtu));
  snd.pathMtu = mtu;
  if (probe.enabled) mss = Math.min(mss, mssForMtu(c, probe.low));
  snd.mss = mss;
}

/** Data that fits a segment now: less than `snd.mss` while SACK blocks go with it (`tcp_current_mss`). */
export const currentMss = (c: TcpConnection): number => c.snd.mss - (optionBytes(c) - (c.snd.header - HEADER));

/** Octets of the options that every segment of the connection has. */
export const constantOptions = (c: TcpConnection): number =>
  (c.timestampsOk ? TIMESTAMPS_LENGTH : 0) + (c.signer?.bytes ?? 0);

/** A peer with a window of few segments gets two of them at least. */
function boundToHalfWindow(c: TcpConnection, mss: number): number {
  const { maxWnd, header } = c.snd;
  const most = maxWnd > MSS_DEFAULT ? maxWnd >> 1 : maxWnd;
  return most > 0 && mss > most ? Math.max(most, SEGMENT_MIN - header) : mss;
}
