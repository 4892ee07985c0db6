import type { Ipv4 } from "../../../core/addr.ts";
import { setU8, setU32, u8, u32 } from "../../../core/bytes.ts";
import { dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_PARAM_POINTER,
  ICMP_PARAMETERPROB,
  ICMP_SR_FAILED,
} from "../../../protocols/icmp/wire.ts";
import {
  dst as dstOf,
  HEADER,
  headerLength,
  LENGTH_MAX,
  OPTIONS_MAX,
  seal,
  setDst,
  setHeaderLength,
  src as srcOf,
  tos as tosOf,
  writeHeader,
} from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_ERROR, DST_FORWARD, DST_LOCAL, type Dst, TOS_ROUTING } from "./dst.ts";
import { type Found, OptionScan, timestampNow } from "./option-scan.ts";

const BAD_OPTIONS = dropReason("ip: bad options");
const SOURCE_ROUTE = dropReason("ip: source route not accepted");
const NO_ROUTE = dropReason("ip: no route");

/** The offset of the destination in an IP header: what a strict route that missed us is wrong about. */
const DESTINATION = 16;

/** IP options on their way in, through and out (net/ipv4/ip_options.c). */
export class Ipv4Options {
  readonly #kernel: Kernel;
  readonly #incoming: OptionScan;
  /** What `receive` found in the packet that is being handled, for `mayForward` and `forward`. */
  readonly #found: Found;
  readonly #outgoing: OptionScan;
  /** The next address of the source route that is being followed; 0 when none is. */
  #nextHop: Ipv4 = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#incoming = new OptionScan(kernel);
    this.#found = this.#incoming.found;
    this.#outgoing = new OptionScan(kernel);
  }

  /**
   * Checks the options of a packet that was routed by `d`, records this node in them, and follows a source route; gives
   * the route to take (net/ipv4/ip_input.c:ip_rcv_options). Null: the packet was bad, and is dropped.
   */
  receive(p: Packet, dev: NetDevice, d: Dst): Dst | null {
    const kernel = this.#kernel;
    const found = this.#found;
    this.#nextHop = 0;
    const fault = this.#incoming.received(p, d, dev);
    if (fault >= 0) {
      kernel.icmp.error(p, ICMP_PARAMETERPROB, ICMP_PARAM_POINTER, fault << 24);
      kernel.drop(p, BAD_OPTIONS, dev.name);
      return null;
    }
    let way: Dst | null = d;
    if (found.srr !== 0) way = dev.inet.and("accept_source_route") ? this.#follow(p, dev, d) : null;
    if (way === null) kernel.drop(p, SOURCE_ROUTE, dev.name);
    else if (found.changed) sealAgain(p);
    return way;
  }

  /** Whether a strict route may go on by `d`; if not, its sender is told, and the packet is dropped. */
  mayForward(p: Packet, d: Dst): boolean {
    if (!this.#found.strict || !d.viaGateway) return true;
    this.#kernel.icmp.error(p, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0); // RFC 1812 §5.2.4.1
    this.#kernel.drop(p, SOURCE_ROUTE, d.dev.name);
    return false;
  }

  /** Writes what only a forwarder knows: the address that the packet leaves by (net/ipv4/ip_options.c:ip_forward_options). */
  forward(p: Packet, d: Dst): void {
    const { buf, net } = p;
    const found = this.#found;
    const hit = this.#nextHop !== 0;
    if (!hit && !found.rrRecorded) return;
    const dst = hit ? this.#nextHop : dstOf(buf, net);
    const { source } = this.#kernel.ipv4.routes.output(dst, 0, d.dev.ifindex, tosOf(buf, net) & TOS_ROUTING, p.mark);
    if (found.rrRecorded) setU32(buf, net + found.rr + u8(buf, net + found.rr + 2) - 5, source);
    if (hit) {
      this.#advance(p, source);
      // Linux writes the outgoing address into timestamps of source-routed packets only.
      if (found.tsAddress) setU32(buf, net + found.ts + u8(buf, net + found.ts + 2) - 9, source);
    }
    sealAgain(p);
  }

  /**
   * Where a datagram to `dst` with options of a program goes first: that of its source route, or `dst`. Undefined: the
   * options are malformed, and setting them is refused (net/ipv4/ip_options.c:ip_options_get).
   */
  firstHop(options: Uint8Array, dst: Ipv4): Ipv4 | undefined {
    const room = (options.length + 3) & ~3;
    if (room > OPTIONS_MAX) return undefined;
    const scratch = new Uint8Array(HEADER + room);
    scratch.set(options, HEADER);
    const { found } = this.#outgoing;
    if (this.#outgoing.given(scratch, 0, scratch.length) >= 0) return undefined;
    return found.srr === 0 ? dst : found.firstHop;
  }

  /**
   * Sends a transport's packet with options as a program gives them: a source route begins with the first hop
   * (net/ipv4/ip_options.c:ip_options_build). `p` starts at the transport header. Takes ownership.
   */
  send(
    p: Packet,
    d: Dst,
    protocol: number,
    src: Ipv4,
    dst: Ipv4,
    ttl: number,
    tos: number,
    flags: number,
    options: Uint8Array,
    id: number,
  ): void {
    const kernel = this.#kernel;
    const room = (options.length + 3) & ~3;
    if (room > OPTIONS_MAX || p.length + HEADER + room > LENGTH_MAX) return kernel.drop(p, BAD_OPTIONS, d.dev.name);
    p.push(HEADER + room);
    const { buf, start } = p;
    p.net = start;
    buf.fill(0, start + HEADER, start + HEADER + room);
    buf.set(options, start + HEADER);
    const { found } = this.#outgoing;
    if (this.#outgoing.given(buf, start, start + HEADER + room) >= 0) return kernel.drop(p, BAD_OPTIONS, d.dev.name);
    const first = found.srr === 0 ? dst : found.firstHop;
    const way = found.srr === 0 ? d : this.#routeTo(first, src, d, tos, p.mark);
    if (way.type === DST_ERROR || (found.strict && way.viaGateway)) return kernel.drop(p, NO_ROUTE, d.dev.name);
    writeHeader(buf, start, tos, p.end - start, id, flags, ttl, protocol, src, first);
    setHeaderLength(buf, start, HEADER + room);
    if (found.srr !== 0) setU32(buf, start + found.srr + u8(buf, start + found.srr + 1) - 4, dst);
    if (found.rrRecorded) setU32(buf, start + found.rr + u8(buf, start + found.rr + 2) - 5, src);
    const stamp = start + found.ts + (found.ts === 0 ? 0 : u8(buf, start + found.ts + 2));
    if (found.tsAddress) setU32(buf, stamp - 9, src);
    if (found.tsTime) setU32(buf, stamp - 5, timestampNow(kernel));
    seal(buf, start);
    kernel.ipv4.output(p, way);
  }

  /** The route to a source route's first hop, for a packet that `d` was found for. */
  #routeTo(first: Ipv4, src: Ipv4, d: Dst, tos: number, mark: number): Dst {
    const oif = d.keyIif < 0 ? ~d.keyIif : 0;
    return this.#kernel.ipv4.routes.output(first, src, oif, tos & TOS_ROUTING, mark);
  }

  /** net/ipv4/ip_options.c:ip_options_rcv_srr: the route of a source-routed packet; null when it cannot be followed. */
  #follow(p: Packet, dev: NetDevice, d: Dst): Dst | null {
    const { buf, net } = p;
    const kernel = this.#kernel;
    const found = this.#found;
    if (p.type !== PACKET_HOST) return null;
    if (d.type === DST_FORWARD) {
      if (!found.strict) return d;
      kernel.icmp.error(p, ICMP_PARAMETERPROB, ICMP_PARAM_POINTER, DESTINATION << 24);
      return null;
    }
    if (d.type !== DST_LOCAL) return null;
    const option = net + found.srr;
    const length = u8(buf, option + 1);
    let way = d;
    for (let pointer = u8(buf, option + 2); pointer <= length; pointer += 4) {
      if (pointer + 3 > length) {
        kernel.icmp.error(p, ICMP_PARAMETERPROB, ICMP_PARAM_POINTER, (found.srr + 2) << 24);
        return null;
      }
      const hop = u32(buf, option + pointer - 1);
      way = kernel.ipv4.routes.input(hop, srcOf(buf, net), dev, tosOf(buf, net) & TOS_ROUTING, p.mark);
      if (way.type !== DST_LOCAL) {
        this.#nextHop = hop;
        return way.type === DST_FORWARD ? way : null;
      }
      setDst(buf, net, hop); // The next hop is ourselves: go on with the one after it.
      found.changed = true;
    }
    return way;
  }

  /** The next hop becomes the destination, and leaves its place in the route to the address that the packet leaves by. */
  #advance(p: Packet, source: Ipv4): void {
    const { buf, net } = p;
    const option = net + this.#found.srr;
    const length = u8(buf, option + 1);
    for (let pointer = u8(buf, option + 2); pointer + 3 <= length; pointer += 4) {
      if (u32(buf, option + pointer - 1) !== this.#nextHop) continue;
      setDst(buf, net, this.#nextHop);
      setU32(buf, option + pointer - 1, source);
      setU8(buf, option + 2, pointer + 4);
      return;
    }
  }
}

/** Octets of the header of `p` were changed: its checksum is set right, and no sum that covers a part of it stays. */
function sealAgain(p: Packet): void {
  seal(p.buf, p.net);
  if (p.sumFrom < p.net + headerLength(p.buf, p.net)) p.sumFrom = -1;
}
