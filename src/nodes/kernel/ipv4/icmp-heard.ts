import type { Ipv4 } from "../../../core/addr.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import type { Packet } from "../../../core/packet.ts";
import {
  code as codeOf,
  gateway as gatewayOf,
  HEADER,
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_PARAMETERPROB,
  ICMP_REDIR_HOSTTOS,
  ICMP_REDIRECT,
  ICMP_TIME_EXCEEDED,
  mtu as mtuOf,
  pointer as pointerOf,
  type as typeOf,
} from "../../../protocols/icmp/wire.ts";
import {
  dst as dstOf,
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_DCCP,
  IPPROTO_RAW,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  protocol as protocolOf,
  src as srcOf,
  tos as tosOf,
} from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_ERROR, TOS_ROUTING } from "./dst.ts";
import { followRedirect } from "./icmp-redirect.ts";

export const MALFORMED = dropReason("icmp: malformed");
const IGNORED = dropReason("icmp: ignored");
/** The message was heard: no reason to drop it. */
const HEARD: DropReason = 0;

/** NR_ICMP_UNREACH: codes of "destination unreachable". */
const UNREACH_CODE_MAX = 15;

/**
 * An error about a datagram that this node sent: `p.start` is at the ICMP header. Gives a reason to drop it, or 0. Looks only
 * (net/ipv4/icmp.c:icmp_unreach).
 */
export function hearError(kernel: Kernel, p: Packet, dev: NetDevice): DropReason {
  const { buf, start } = p;
  const quoted = start + HEADER;
  if (p.end - quoted < IP_HEADER || headerLength(buf, quoted) < IP_HEADER) return MALFORMED;
  const type = typeOf(buf, start);
  const code = codeOf(buf, start);
  let info = 0;
  if (type === ICMP_DEST_UNREACH) {
    if (code > UNREACH_CODE_MAX) return IGNORED;
    if (code === ICMP_FRAG_NEEDED) {
      if (!heedsMtu(kernel, protocolOf(buf, quoted))) return IGNORED;
      info = kernel.sysctl.ip_no_pmtu_disc === 1 ? 0 : mtuOf(buf, start);
    }
  } else if (type === ICMP_PARAMETERPROB) info = pointerOf(buf, start);
  else if (type === ICMP_TIME_EXCEEDED && code === ICMP_EXC_FRAGTIME) return HEARD;
  if (isBogus(kernel, dstOf(buf, quoted))) return IGNORED;
  return pass(kernel, p, dev, type, code, info);
}

/** A gateway names a better one. As `hearError` (net/ipv4/icmp.c:icmp_redirect). */
export function hearRedirect(kernel: Kernel, p: Packet, dev: NetDevice): DropReason {
  if (p.end - p.start < HEADER + IP_HEADER) return MALFORMED;
  return pass(kernel, p, dev, ICMP_REDIRECT, codeOf(p.buf, p.start), gatewayOf(p.buf, p.start));
}

/** Settings of `ip_no_pmtu_disc`: 2 heeds no one, 3 only about protocols that check their numbers (`icmp_tag_validation`). */
function heedsMtu(kernel: Kernel, protocol: number): boolean {
  const mode = kernel.sysctl.ip_no_pmtu_disc;
  if (mode === 3) return protocol === IPPROTO_TCP || protocol === IPPROTO_DCCP || protocol === IPPROTO_SCTP;
  return mode !== 2;
}

/** RFC 1122 §3.2.2: nobody may answer a broadcast with an error. Linux believes it unless told otherwise. */
const isBogus = (kernel: Kernel, destination: Ipv4): boolean =>
  kernel.sysctl.icmp_ignore_bogus_error_responses === 0 && kernel.addresses.isBroadcast(destination);

/** Hands the error to who sent what it quotes, and learns from it (net/ipv4/icmp.c:icmp_socket_deliver). */
function pass(kernel: Kernel, p: Packet, dev: NetDevice, type: number, code: number, info: number): DropReason {
  const { buf, start, net } = p;
  const quoted = start + HEADER;
  const header = headerLength(buf, quoted);
  const protocol = protocolOf(buf, quoted);
  if (header < IP_HEADER || p.end - quoted < header + 8 || protocol === IPPROTO_RAW) return MALFORMED;
  p.net = quoted;
  p.start = quoted + header;
  kernel.raw.error(p, net, type, code, info);
  const transport = kernel.ipv4.transport(protocol);
  if (transport?.quotesOurs?.(p) !== false) {
    transport?.error?.(p, net, type, code, info);
    learn(kernel, p, dev, srcOf(buf, net), type, code, info);
  }
  p.net = net;
  p.start = start;
  return HEARD;
}

/**
 * The datagram quoted at `p.net` was ours: its path has another MTU, or another first hop (net/ipv4/route.c:ipv4_update_pmtu,
 * ipv4_redirect). `from`: who says so.
 */
function learn(kernel: Kernel, p: Packet, dev: NetDevice, from: Ipv4, type: number, code: number, info: number): void {
  const tooBig = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED;
  if (!tooBig && type !== ICMP_REDIRECT) return;
  const { buf, net } = p;
  const source = srcOf(buf, net);
  if (kernel.fib.addressType(source) !== "local") return;
  const d = kernel.ipv4.routes.output(dstOf(buf, net), source, 0, tosOf(buf, net) & TOS_ROUTING, 0);
  if (d.type === DST_ERROR) return;
  if (tooBig) kernel.ipv4.exceptions.learnMtu(dstOf(buf, net), info, d);
  else if ((code & 7) <= ICMP_REDIR_HOSTTOS) followRedirect(kernel, dev, d, from, info);
}
