import { ANY } from "../../../core/addr.ts";
import { setU8, setU32, u32 } from "../../../core/bytes.ts";
import { fold16 } from "../../../core/checksum.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import type { Errno } from "../../../core/errno.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import {
  adjustChecksum16,
  HEADER,
  ICMP_ADDRESS,
  ICMP_ADDRESSREPLY,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETERPROB,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
  ICMP_REDIR_HOST,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
  rest as restOf,
  seal,
  TIMESTAMP_LENGTH,
  type as typeOf,
  writeHeader,
} from "../../../protocols/icmp/wire.ts";
import {
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_ICMP,
  src as srcOf,
  tos as tosOf,
} from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_ERROR, DST_LOCAL, type Dst, TOS_ROUTING } from "./dst.ts";
import { NO_EXTENSION, sendError } from "./icmp-error.ts";
import { hearError, hearRedirect, MALFORMED } from "./icmp-heard.ts";
import { IcmpLimits } from "./icmp-limits.ts";
import { redirectIsDue } from "./icmp-redirect.ts";
import { countIn, countOut, type IcmpStats, newIcmpStats } from "./icmp-stats.ts";
import { echoOptions, NO_OPTIONS } from "./option-echo.ts";
import { specificDestination, timestampNow } from "./option-scan.ts";

const BAD_CHECKSUM = dropReason("icmp: bad checksum");
const IGNORED = dropReason("icmp: ignored");
const NO_PROTOCOL = dropReason("ip: no socket for this protocol");
const NO_PORT = dropReason("udp: no socket on this port");

/** NR_ICMP_TYPES. */
const TYPE_MAX = 18;

/** ICMP (RFC 792, RFC 1122 §3.2.2, RFC 1812 §4.3) as Linux speaks it (net/ipv4/icmp.c). */
export class Icmp {
  readonly stats: IcmpStats = newIcmpStats();
  readonly #kernel: Kernel;
  readonly #limits: IcmpLimits;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#limits = new IcmpLimits(kernel);
    kernel.ipv4.register(IPPROTO_ICMP, { receive: (p, dev, d) => this.receive(p, dev, d) });
  }

  // --- what others have sent -------------------------------------------------------------------------------------

  /** net/ipv4/icmp.c:icmp_rcv. `p.start` is at the ICMP header. Takes ownership. */
  receive(p: Packet, dev: NetDevice, d: Dst): void {
    const o = p.start;
    this.stats.inMsgs++;
    if (p.end - o < HEADER) return this.#bad(p, MALFORMED, dev);
    if (fold16(p.sumOf(o)) !== 0xffff) {
      this.stats.inCsumErrors++;
      return this.#bad(p, BAD_CHECKSUM, dev);
    }
    const type = typeOf(p.buf, o);
    countIn(this.stats, type);
    if (d.type !== DST_LOCAL && !this.#mayBeForAll(type)) return this.#bad(p, IGNORED, dev);
    switch (type) {
      case ICMP_ECHO:
        return this.#echo(p, dev, d);
      case ICMP_DEST_UNREACH:
      case ICMP_SOURCE_QUENCH:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETERPROB:
      case ICMP_REDIRECT:
        return this.#heard(p, dev, type);
      case ICMP_TIMESTAMP:
        return this.#timestamp(p, dev, d);
      default:
        // Replies were for raw sockets, and information and mask requests get no answer (RFC 1812 §4.3.3.7).
        return type > TYPE_MAX ? this.#bad(p, IGNORED, dev) : this.#kernel.consume(p);
    }
  }

  /** Counts a message that a raw socket sends. */
  countSent(type: number): void {
    countOut(this.stats, type);
  }

  // --- what this node tells others -------------------------------------------------------------------------------

  /** Tells the sender of `p` (its IP header at `p.net`) of an error. `info`: the second word of the message; `extension` follows what it quotes. Looks only. */
  error(p: Packet, type: number, code: number, info: number, extension = NO_EXTENSION): void {
    sendError(this.#kernel, this.#limits, this.stats, p, type, code, info, extension);
  }

  /** A packet has no route, for that reason (net/ipv4/route.c:ip_error). Looks only. */
  routeError(p: Packet, errno: Errno | ""): void {
    const code = ROUTE_ERROR_CODES[errno];
    if (code === undefined || !this.#limits.unroutable(srcOf(p.buf, p.net))) return;
    this.error(p, ICMP_DEST_UNREACH, code, 0);
  }

  /** Nobody here speaks the packet's protocol (net/ipv4/ip_input.c:ip_protocol_deliver_rcu). Takes ownership. */
  protocolUnreachable(p: Packet, dev: NetDevice): void {
    this.error(p, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
    this.#kernel.drop(p, NO_PROTOCOL, dev.name);
  }

  /** Nobody here listens on the packet's port (net/ipv4/udp.c:__udp4_lib_rcv). Takes ownership. */
  portUnreachable(p: Packet, dev: NetDevice): void {
    this.error(p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
    this.#kernel.drop(p, NO_PORT, dev.name);
  }

  /** The next hop does not answer (net/ipv4/route.c:ipv4_send_dest_unreach). Looks only. */
  hostUnreachable(p: Packet): void {
    this.error(p, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
  }

  /** The sender of a packet could have given it to the next hop itself (RFC 1812 §5.2.7.2). Looks only. */
  redirect(p: Packet, d: Dst): void {
    if (redirectIsDue(this.#kernel, p, d)) this.error(p, ICMP_REDIRECT, ICMP_REDIR_HOST, d.nextHop);
  }

  // --- queries ---------------------------------------------------------------------------------------------------

  /** RFC 1122 §3.2.2.6 and §3.2.2.8: broadcast queries may be answered; other messages are for one host. */
  #mayBeForAll(type: number): boolean {
    if (type === ICMP_ECHO || type === ICMP_TIMESTAMP) return this.#kernel.sysctl.icmp_echo_ignore_broadcasts === 0;
    return type === ICMP_ADDRESS || type === ICMP_ADDRESSREPLY;
  }

  /** RFC 1122 §3.2.2.6. The request is turned round in place: its payload is neither copied nor added up again. */
  #echo(p: Packet, dev: NetDevice, d: Dst): void {
    if (this.#kernel.sysctl.icmp_echo_ignore_all !== 0) return this.#kernel.drop(p, IGNORED, dev.name);
    const o = p.start;
    if (p.sumFrom < o + 4) p.sumFrom = -1;
    setU8(p.buf, o, ICMP_ECHOREPLY);
    adjustChecksum16(p.buf, o, ICMP_ECHO << 8, ICMP_ECHOREPLY << 8);
    this.#reply(p, p, dev, d, ICMP_ECHOREPLY);
  }

  /** RFC 1122 §3.2.2.8; simulated time begins at midnight. */
  #timestamp(p: Packet, dev: NetDevice, d: Dst): void {
    const kernel = this.#kernel;
    if (p.end - p.start < HEADER + 4) return this.#bad(p, MALFORMED, dev);
    const answer = kernel.sim.pool.alloc(TIMESTAMP_LENGTH);
    const { buf, start } = answer;
    const now = timestampNow(kernel);
    writeHeader(buf, start, ICMP_TIMESTAMPREPLY, 0, restOf(p.buf, p.start));
    setU32(buf, start + 8, u32(p.buf, p.start + 8));
    setU32(buf, start + 12, now);
    setU32(buf, start + 16, now);
    seal(buf, start, answer.end);
    this.#reply(answer, p, dev, d, ICMP_TIMESTAMPREPLY);
    kernel.consume(p);
  }

  /** Sends `answer` to the sender of `p`; they may be the same packet (net/ipv4/icmp.c:icmp_reply). Owns `answer`. */
  #reply(answer: Packet, p: Packet, dev: NetDevice, d: Dst, type: number): void {
    const kernel = this.#kernel;
    const limits = this.#limits;
    const { buf, net } = p;
    const to = srcOf(buf, net);
    const tos = tosOf(buf, net);
    const limited = limits.applies(type, 0);
    if (limited && !limits.global()) {
      this.stats.outRateLimitGlobal++;
      return kernel.drop(answer, IGNORED, dev.name);
    }
    const source = specificDestination(kernel, p, d, dev);
    const back = kernel.ipv4.routes.output(to, source, 0, tos & TOS_ROUTING, 0);
    if (back.type === DST_ERROR || to === ANY) return kernel.drop(answer, IGNORED, dev.name);
    if (limited && back.dev !== kernel.loopback && !limits.destination(to)) {
      this.stats.outRateLimitHost++;
      return kernel.drop(answer, IGNORED, dev.name);
    }
    if (limited) limits.consume();
    const options = headerLength(buf, net) > IP_HEADER ? echoOptions(buf, net) : NO_OPTIONS;
    countOut(this.stats, type);
    asOurs(answer);
    kernel.ipv4.send(answer, back, IPPROTO_ICMP, source, to, back.hopLimit, tos, 0, options);
  }

  /** An error about what this node sent. */
  #heard(p: Packet, dev: NetDevice, type: number): void {
    const verdict = type === ICMP_REDIRECT ? hearRedirect(this.#kernel, p, dev) : hearError(this.#kernel, p, dev);
    if (verdict === 0) this.#kernel.consume(p);
    else if (verdict === MALFORMED) this.#bad(p, verdict, dev);
    else this.#kernel.drop(p, verdict, dev.name);
  }

  #bad(p: Packet, reason: DropReason, dev: NetDevice): void {
    this.stats.inErrors++;
    this.#kernel.drop(p, reason, dev.name);
  }
}

const ROUTE_ERROR_CODES: Partial<Record<Errno | "", number>> = {
  ENETUNREACH: ICMP_NET_UNREACH,
  EHOSTUNREACH: ICMP_HOST_UNREACH,
  EACCES: ICMP_PKT_FILTERED,
};

/** A packet that came in goes out as one made here. */
function asOurs(p: Packet): void {
  p.iif = 0;
  p.mark = 0;
  p.priority = 0;
  p.type = PACKET_HOST;
  p.depth = 0;
  p.note = "";
  p.record = 0;
}
