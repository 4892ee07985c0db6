import { dst, LENGTH_MAX, seal, src } from "../../../../protocols/ipv4/wire.ts";
import { dataOffset, sealSum, seq } from "../../../../protocols/tcp/wire.ts";
import type { HookState } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import { SequenceAdjustment } from "./seqadj.ts";

/**
 * Replaces octets of a segment's data by a text of another length, with all that depends on it: lengths, checksums, and the
 * sequence numbers from here on (net/netfilter/nf_nat_helper.c:nf_nat_mangle_tcp_packet). How many octets longer the packet
 * is; undefined: it would be too long.
 */
export function replacePayload(
  ct: Conntrack,
  slot: number,
  dir: number,
  s: HookState,
  offset: number,
  length: number,
  text: string,
): number | undefined {
  const { p } = s;
  const longer = text.length - length;
  if (p.end - p.net + longer > LENGTH_MAX) return undefined;
  const place = s.transport + dataOffset(p.buf, s.transport) + offset - p.start;
  if (longer > 0) {
    // What stands before it moves into the headroom.
    p.push(longer);
    p.buf.copyWithin(p.start, p.start + longer, p.start + longer + place);
    p.net -= longer;
  } else if (longer < 0) {
    p.buf.copyWithin(p.start + place + text.length, p.start + place + length, p.end);
    p.end += longer;
  }
  for (let i = 0; i < text.length; i++) p.buf[p.start + place + i] = text.charCodeAt(i);
  s.read();
  const at = s.transport;
  p.sumFrom = -1;
  seal(p.buf, p.net, p.end);
  const data = at + dataOffset(p.buf, at);
  p.cacheSum(data);
  sealSum(p.buf, at, p.end, src(p.buf, p.net), dst(p.buf, p.net), p.sum);
  if (longer !== 0) ct.adjustment(slot, () => new SequenceAdjustment()).change(dir, seq(p.buf, at), longer);
  return longer;
}
