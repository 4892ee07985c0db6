import { complement16, pseudoHeader, sumView } from "../../core/checksum.ts";
import type { Packet } from "../../core/packet.ts";
import { IPPROTO_TCP } from "../ipv4/wire.ts";
import type { Segment } from "./segment.ts";
import { HEADER, TCP_ACK, TCP_RST, TIMESTAMPS_LENGTH, writeHeader, writeTimestamps } from "./wire.ts";

/** Segments that belong to no connection: resets, and acknowledgements from TIME-WAIT. */

/** Octets of `writeReset`, and of `writeAck`. */
export const RESET_LENGTH = HEADER;
export const ackLength = (timestamps: boolean): number => HEADER + (timestamps ? TIMESTAMPS_LENGTH : 0);

/**
 * Writes the reset that answers `seg` at `p.start` (RFC 9293 §3.10.7.1, `tcp_v4_send_reset`); the ports and addresses are its
 * sender's, this node's. Whether one is owed is the caller's to know: never to a reset.
 */
export function writeReset(p: Packet, seg: Segment, local: number, lport: number, remote: number, rport: number): void {
  if (seg.has(TCP_ACK)) writeHeader(p.buf, p.start, lport, rport, seg.ack, 0, HEADER, TCP_RST, 0);
  else writeHeader(p.buf, p.start, lport, rport, 0, seg.end, HEADER, TCP_RST | TCP_ACK, 0);
  sealBare(p, local, remote);
}

/** What an acknowledgement says that no connection stands behind. Sequence numbers signed; timestamps are left out unless told. */
export interface BareAck {
  readonly seq: number;
  readonly ack: number;
  /** The field. */
  readonly window: number;
  readonly timestamps: boolean;
  readonly tsval: number;
  readonly tsecr: number;
}

/** Writes an acknowledgement at `p.start`, which has room for `ackLength`. */
export function writeAck(p: Packet, a: BareAck, local: number, lport: number, remote: number, rport: number): void {
  const header = ackLength(a.timestamps);
  writeHeader(p.buf, p.start, lport, rport, a.seq, a.ack, header, TCP_ACK, a.window);
  if (a.timestamps) writeTimestamps(p.buf, p.start + HEADER, a.tsval, a.tsecr);
  sealBare(p, local, remote);
}

function sealBare(p: Packet, local: number, remote: number): void {
  p.sum = 0;
  p.sumFrom = p.end;
  const sum = sumView(p.view, p.start, p.end) + pseudoHeader(local, remote, IPPROTO_TCP, p.end - p.start);
  p.view.setUint16(p.start + 16, complement16(sum));
}
