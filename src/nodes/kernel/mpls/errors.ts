import type { Packet } from "../../../core/packet.ts";
import { ICMP_DEST_UNREACH, ICMP_EXC_TTL, ICMP_FRAG_NEEDED, ICMP_TIME_EXCEEDED } from "../../../protocols/icmp/wire.ts";
import {
  CLASS_MPLS,
  encode,
  encodedLength,
  extensions,
  MPLS_INCOMING,
} from "../../../protocols/icmp-extensions/wire.ts";
import { dontFragment, totalLength, validHeader } from "../../../protocols/ipv4/wire.ts";
import { ENTRY, payloadOffset } from "../../../protocols/mpls/wire.ts";
import { fragment } from "../ipv4/fragment.ts";
import type { Kernel } from "../kernel.ts";

/** An IPv4 header and eight octets of data: less room than this is none. */
const ROOM_MIN = 28;

/** The labelled packet at `p.start` has no TTL left: its sender is told, if an IPv4 packet is below the labels (RFC 3032 §2.3.1). Looks only. */
export function tellExpired(kernel: Kernel, p: Packet): void {
  const inner = findIpv4(p);
  if (inner >= 0) quote(kernel, p, inner, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
}

/**
 * The labelled packet at `p.start`, whose top label `pushed` others replace, is longer than `mtu`. IPv4 packets that may be cut
 * become pieces, each with the whole stack, and `p` is the first of them (RFC 3032 §3.4). Of others the sender is told how much
 * fits (§3.5), and the result is null: the packet is still the caller's.
 */
export function tellTooBig(kernel: Kernel, p: Packet, mtu: number, pushed: number): readonly Packet[] | null {
  const inner = findIpv4(p);
  if (inner < 0) return null;
  const { buf, start } = p;
  const room = mtu - (inner - start - ENTRY + ENTRY * pushed);
  if (dontFragment(buf, inner)) {
    quote(kernel, p, inner, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, Math.max(room, 0));
    return null;
  }
  if (room < ROOM_MIN) return null;
  const stack = buf.slice(start, inner);
  p.start = p.net = inner;
  p.trim(totalLength(buf, inner));
  const pieces = fragment(kernel.sim.pool, p, room);
  for (const piece of pieces) {
    piece.push(stack.length);
    piece.buf.set(stack, piece.start);
    piece.net = 0;
  }
  return pieces;
}

/** The offset of the IPv4 header below the labels; -1 when there is no good one. */
function findIpv4(p: Packet): number {
  const inner = payloadOffset(p.buf, p.start, p.end);
  return inner >= 0 && validHeader(p.buf, inner, p.end) === 0 ? inner : -1;
}

/** Sends an error about the packet at `inner` with the labels that it came under (RFC 4950 §3). */
function quote(kernel: Kernel, p: Packet, inner: number, type: number, code: number, info: number): void {
  const { start, end } = p;
  const structure = extensions([{ class: CLASS_MPLS, ctype: MPLS_INCOMING, data: p.buf.slice(start, inner) }]);
  const extension = new Uint8Array(encodedLength(structure));
  encode(structure, extension, 0);
  p.net = inner;
  p.end = inner + totalLength(p.buf, inner);
  kernel.icmp.error(p, type, code, info, extension);
  p.end = end;
  p.net = 0;
}
