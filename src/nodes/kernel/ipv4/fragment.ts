import type { Packet, PacketPool } from "../../../core/packet.ts";
import {
  blankUncopiedOptions,
  flagsAndOffset,
  HEADER,
  headerLength,
  IP_DF,
  IP_MF,
  IP_OFFMASK,
  seal,
  setFlagsAndOffset,
} from "../../../protocols/ipv4/wire.ts";
import { truesize } from "../send-buffer.ts";

/**
 * Cuts an IP packet (`p.start` and `p.net` at its header) into pieces of at most `mtu` octets, first one first
 * (net/ipv4/ip_output.c:ip_do_fragment). A fragment may be cut again. An MTU that has no room for 8 octets of data counts
 * as one that has. Takes ownership of `p`, which becomes the first piece.
 */
export function fragment(pool: PacketPool, p: Packet, mtu: number): Packet[] {
  const { buf, net } = p;
  const header = headerLength(buf, net);
  const room = Math.max(mtu - header, 8);
  const word = flagsAndOffset(buf, net);
  // Fragments with DF that were put together here keep it (IPSKB_FRAG_PMTU).
  const df = p.fragMax === 0 ? 0 : word & IP_DF;
  p.fragMax = 0;
  const data = net + header;
  if (p.end - data <= room) return [p];
  const step = room & ~7; // RFC 791 §3.2: every piece but the last is a multiple of 8 octets
  const pieces: Packet[] = [p];
  for (let at = data + step; at < p.end; ) {
    const left = p.end - at;
    const length = left <= room ? left : step;
    const piece = pool.alloc(header + length);
    piece.buf.set(buf.subarray(net, data), piece.start);
    piece.buf.set(buf.subarray(at, at + length), piece.start + header);
    inherit(piece, p);
    if (header > HEADER) blankUncopiedOptions(piece.buf, piece.net);
    finish(piece, word, at - data, left > length, df);
    pieces.push(piece);
    at += length;
  }
  p.trim(header + step);
  finish(p, word, 0, true, df);
  return pieces;
}

function inherit(piece: Packet, p: Packet): void {
  piece.net = piece.start;
  piece.iif = p.iif;
  piece.mark = p.mark;
  piece.priority = p.priority;
  piece.type = p.type;
  piece.depth = p.depth;
  piece.note = p.note;
  if (p.owner !== null) share(piece, p);
  if (p.trail !== null) piece.trail = p.trail.fork();
}

/** A piece fills its part of the send buffer by itself. */
function share(piece: Packet, p: Packet): void {
  piece.owner = p.owner;
  piece.charge = Math.min(truesize(piece.end - piece.net), p.charge);
  p.charge -= piece.charge;
}

/** `word`: flags and offset of what was cut, `skipped` octets of which come before this piece. */
function finish(piece: Packet, word: number, skipped: number, more: boolean, df: number): void {
  const offset = ((word & IP_OFFMASK) + (skipped >> 3)) & IP_OFFMASK;
  setFlagsAndOffset(piece.buf, piece.net, offset | (more ? IP_MF : word & IP_MF) | df);
  seal(piece.buf, piece.net, piece.end);
}
