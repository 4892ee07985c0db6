import { ANY, type Ipv4, isMulticast } from "../../../core/addr.ts";
import { u8 } from "../../../core/bytes.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import {
  ERROR_MAX,
  HEADER,
  ICMP_ADDRESSREPLY,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_TIMESTAMP,
  sealSum,
  writeHeader,
} from "../../../protocols/icmp/wire.ts";
import {
  dst as dstOf,
  fragmentOffset,
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_ICMP,
  protocol as protocolOf,
  src as srcOf,
  tos as tosOf,
} from "../../../protocols/ipv4/wire.ts";
import { LOOPBACK_IFINDEX } from "../fib/host.ts";
import type { Kernel } from "../kernel.ts";
import { DST_BROADCAST, DST_ERROR, type Dst, TOS_ROUTING } from "./dst.ts";
import type { IcmpLimits } from "./icmp-limits.ts";
import { countOut, type IcmpStats } from "./icmp-stats.ts";
import { echoOptions, NO_OPTIONS } from "./option-echo.ts";

/** RFC 7600 §4.8: the source of a router that has no address (INADDR_DUMMY). */
const DUMMY: Ipv4 = 0xc0000008;
/** IPTOS_TOS_MASK: what an error keeps of the type of service. */
const TOS_MASK = 0x1e;
/** RFC 1812 §4.3.2.5. */
const PRECEDENCE_INTERNETCONTROL = 0xc0;
const SCOPE_LINK = 253;
/** RFC 4884 §3: what is quoted before an extension is padded to this. */
const QUOTE_MIN = 128;
export const NO_EXTENSION = new Uint8Array(0);

/**
 * Tells the sender of `p` (its IP header at `p.net`) what went wrong with it, unless one of the rules of RFC 1122 §3.2.2 or a
 * limit forbids it (net/ipv4/icmp.c:__icmp_send). `info`: the second word of the message;
 * `extension`: a structure of RFC 4884 §7 that follows what is quoted. Looks only.
 */
export function sendError(
  kernel: Kernel,
  limits: IcmpLimits,
  stats: IcmpStats,
  p: Packet,
  type: number,
  code: number,
  info: number,
  extension: Uint8Array,
): void {
  if (!mayBeAnswered(kernel, p)) return;
  const limited = p.iif !== LOOPBACK_IFINDEX && limits.applies(type, code);
  if (limited && !limits.global()) {
    stats.outRateLimitGlobal++;
    return;
  }
  const { buf, net } = p;
  const to = srcOf(buf, net);
  const tos = (tosOf(buf, net) & TOS_MASK) | PRECEDENCE_INTERNETCONTROL;
  const d = kernel.ipv4.routes.output(to, sourceOf(kernel, p), 0, tos & TOS_ROUTING, 0);
  if (d.type === DST_ERROR || d.type === DST_BROADCAST) return;
  if (limited) {
    if (d.dev !== kernel.loopback && !limits.destination(to)) {
      stats.outRateLimitHost++;
      return;
    }
    limits.consume();
  }
  quote(kernel, p, d, type, code, info, to, tos, stats, extension);
}

/** Writes and sends the message: as much of the datagram as 576 octets hold (RFC 1812 §4.3.2.3). */
function quote(
  kernel: Kernel,
  p: Packet,
  d: Dst,
  type: number,
  code: number,
  info: number,
  to: Ipv4,
  tos: number,
  stats: IcmpStats,
  extension: Uint8Array,
): void {
  const { buf, net } = p;
  const options = headerLength(buf, net) > IP_HEADER ? echoOptions(buf, net) : NO_OPTIONS;
  const room = Math.min(d.mtu, ERROR_MAX) - IP_HEADER - options.length - HEADER - extension.length;
  if (room <= (extension.length > 0 ? QUOTE_MIN : IP_HEADER)) return;
  const quoted = Math.min(p.end - net, room);
  const field = extension.length > 0 ? Math.max(QUOTE_MIN, Math.min((quoted + 3) & ~3, room & ~3)) : quoted;
  const e = kernel.sim.pool.alloc(HEADER + field + extension.length);
  const from = e.start + HEADER;
  if (quoted < field) e.buf.fill(0, from + quoted, from + field);
  e.buf.set(buf.subarray(net, net + Math.min(quoted, field)), from);
  e.buf.set(extension, from + field);
  e.cacheSum(from);
  const words = extension.length > 0 ? field >> 2 : 0; // RFC 4884 §4.1, §4.2: the length of what is quoted
  writeHeader(e.buf, e.start, type, code, info | (words << 16));
  sealSum(e.buf, e.start, e.sum);
  countOut(stats, type);
  if (p.nfct !== 0) kernel.netfilter?.attach(e, p);
  if (p.trail !== null) e.trail = p.trail.fork("answer");
  kernel.ipv4.send(e, d, IPPROTO_ICMP, d.source || DUMMY, to, d.hopLimit, tos, 0, options);
}

/** RFC 1122 §3.2.2: not broadcasts, not what is no single host's, not fragments but the first, not ICMP errors. */
function mayBeAnswered(kernel: Kernel, p: Packet): boolean {
  const { buf, net } = p;
  if (p.type !== PACKET_HOST || fragmentOffset(buf, net) !== 0) return false;
  const dst = dstOf(buf, net);
  const src = srcOf(buf, net);
  if (isMulticast(dst) || kernel.addresses.isBroadcast(dst)) return false;
  if (src === ANY || isMulticast(src) || kernel.addresses.isBroadcast(src)) return false;
  if (protocolOf(buf, net) !== IPPROTO_ICMP) return true;
  const message = net + headerLength(buf, net);
  return message < p.end && isQuery(u8(buf, message));
}

/** net/ipv4/icmp.c:icmp_pointers: types that Linux does not know count as errors. */
const isQuery = (type: number): boolean =>
  type === ICMP_ECHOREPLY || type === ICMP_ECHO || (type >= ICMP_TIMESTAMP && type <= ICMP_ADDRESSREPLY);

/** The address that the packet was for, if it is ours; 0 leaves the choice to the route back. */
function sourceOf(kernel: Kernel, p: Packet): Ipv4 {
  const { buf, net } = p;
  const dst = dstOf(buf, net);
  if (kernel.addresses.isLocal(dst) || kernel.fib.addressType(dst) === "local") return dst;
  if (p.iif === 0 || kernel.sysctl.icmp_errors_use_inbound_ifaddr === 0) return ANY;
  return kernel.addresses.selectSource(p.iif, srcOf(buf, net), SCOPE_LINK);
}
