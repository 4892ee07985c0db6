import { fold16, pseudoHeader } from "../../../../core/checksum.ts";
import type { Packet } from "../../../../core/packet.ts";
import { S } from "../../../../core/time.ts";
import { dstI32, IPPROTO_UDP, srcI32 } from "../../../../protocols/ipv4/wire.ts";
import { checksum, length, HEADER as UDP_HEADER } from "../../../../protocols/udp/wire.ts";
import type { HookState } from "../state.ts";
import * as state from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import * as flow from "./flow.ts";
import { NOT_TRACKED } from "./verdict.ts";

/** As constants of its own: see `flow.ts`. */
const { NF_ACCEPT, PRE_ROUTING } = state;
const { D_STREAM, FLOW_SHIFT, IPCT_ASSURED, IPS_ASSURED, IPS_CONFIRMED, IPS_SEEN_REPLY, W_STATUS } = flow;

/** A flow that still lives after this time is more than a question and its answer. */
const STREAM_NS = 2 * S;

/** net/netfilter/nf_conntrack_proto_udp.c:nf_conntrack_udp_packet. */
export function udpPacket(ct: Conntrack, slot: number, dir: number, s: HookState): number {
  if (!isSound(ct, s)) return NOT_TRACKED;
  const { words, doubles } = ct.table;
  const { now } = ct.kernel.sim;
  const at = (slot << FLOW_SHIFT) + W_STATUS;
  const status = words[at] as number;
  if ((status & IPS_CONFIRMED) === 0) doubles[(slot << 4) + D_STREAM] = now + STREAM_NS;
  ct.count(slot, dir, s.p);
  if ((status & IPS_SEEN_REPLY) === 0 || now <= (doubles[(slot << 4) + D_STREAM] as number)) {
    ct.refresh(slot, ct.sysctl.nf_conntrack_udp_timeout);
    return NF_ACCEPT;
  }
  ct.refresh(slot, ct.sysctl.nf_conntrack_udp_timeout_stream);
  if ((status & IPS_ASSURED) === 0) {
    words[at] = status | IPS_ASSURED;
    ct.note(slot, IPCT_ASSURED);
  }
  return NF_ACCEPT;
}

/** net/netfilter/nf_conntrack_proto_udp.c:udp_error. */
function isSound(ct: Conntrack, s: HookState): boolean {
  const { p, transport: at } = s;
  if (p.end - at < UDP_HEADER) return ct.logInvalid(s, "short packet");
  const bytes = length(p.buf, at);
  if (bytes > p.end - at || bytes < UDP_HEADER) return ct.logInvalid(s, "truncated/malformed packet");
  if (s.hook !== PRE_ROUTING || checksum(p.buf, at) === 0 || ct.sysctl.nf_conntrack_checksum === 0) return true;
  if (p.sumFrom < 0) p.cacheSum(at + UDP_HEADER);
  // What stands behind the datagram's own end counts, as in nf_checksum.
  const pseudo = pseudoHeader(srcI32(p.buf, p.net), dstI32(p.buf, p.net), IPPROTO_UDP, p.end - at);
  return fold16(sumOf(p, at) + pseudo) === 0xffff || ct.logInvalid(s, "bad checksum");
}

/** `Packet.sumOf`, at once where the sum of the payload is known: four words are left. */
function sumOf(p: Packet, at: number): number {
  if (p.sumFrom !== at + UDP_HEADER) return p.sumOf(at);
  const ports = p.view.getInt32(at);
  const rest = p.view.getInt32(at + 4);
  return p.sum + (ports >>> 16) + (ports & 0xffff) + (rest >>> 16) + (rest & 0xffff);
}
