import { setU16, u16 } from "../../../core/bytes.ts";
import type { Packet } from "../../../core/packet.ts";
import { changeTos, ECN_CE, ECN_ECT_0, ECN_ECT_1, ECN_NOT_ECT } from "../../../protocols/ipv4/wire.ts";
import { innerTos, isIpv4, isIpv6 } from "./inner.ts";

/** Congestion marks through tunnels (RFC 6040, as include/net/inet_ecn.h has it). */

const MASK = 3;

/** The TOS of the outer header: `tos` with the inner packet's mark, except that congestion is not copied outwards. */
export function ecnEncapsulate(tos: number, inner: number): number {
  const mark = inner & MASK;
  return (tos & ~MASK) | (mark === ECN_CE ? ECN_ECT_0 : mark); // RFC 3168 §9.1.1, full functionality
}

/**
 * Brings the outer header's mark into the inner packet (RFC 6040 §4.2). False when it must be dropped: congestion was
 * marked on a packet whose sender does not understand that.
 */
export function ecnDecapsulate(p: Packet, at: number, type: number, outer: number): boolean {
  const mark = outer & MASK;
  if (mark === ECN_NOT_ECT || mark === ECN_ECT_0) return true;
  const tos = innerTos(p, at, type);
  const inner = tos & MASK;
  if (inner === ECN_NOT_ECT) return mark !== ECN_CE || !hasTos(p, at, type);
  if (inner === ECN_CE || (mark === ECN_ECT_1 && inner === ECN_ECT_1)) return true;
  setTos(p, at, type, (tos & ~MASK) | mark);
  return true;
}

const hasTos = (p: Packet, at: number, type: number): boolean => isIpv4(p, at, type) || isIpv6(p, at, type);

function setTos(p: Packet, at: number, type: number, tos: number): void {
  if (isIpv4(p, at, type)) return changeTos(p.buf, at, tos); // its checksum follows, so that cached sums stay right
  setU16(p.buf, at, (u16(p.buf, at) & 0xf00f) | (tos << 4));
  p.sumFrom = -1;
}
