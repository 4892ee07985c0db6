import { type DropReason, dropReason } from "../../../core/drop.ts";
import { done, type Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { HEADER as ETHERNET_HEADER } from "../../../protocols/ethernet/wire.ts";
import { IPPROTO_UDP } from "../../../protocols/ipv4/wire.ts";
import {
  cookieMatches,
  type Framing,
  headerLength,
  IP_PROTOCOL,
  sequence,
  writeHeader,
} from "../../../protocols/l2tpv3/wire.ts";
import { sealSum, HEADER as UDP_HEADER, writeHeader as writeUdp } from "../../../protocols/udp/wire.ts";
import { DST_ERROR } from "../ipv4/dst.ts";
import { fits, NetDevice, randomMac } from "../netdev.ts";
import { saw } from "../saw.ts";
import { classify } from "./classify.ts";
import { type L2tpTunnel, newL2tpStats } from "./l2tp-tunnel.ts";
import { annotate, descends, LOOP, MALFORMED, NO_ROUTE, OUT_OF_SEQUENCE, OUTER_IP, scrub } from "./tunnel.ts";

const BAD_COOKIE = dropReason("tunnel: wrong cookie");
const DOWN = dropReason("device is down");
const TOO_LONG = dropReason("frame longer than the device's MTU");

/** A session, as `ip l2tp add session` asks for it. */
export interface L2tpSessionOptions {
  /** 1…4294967295, of each end. */
  readonly id: number;
  readonly peerId: number;
  /** 0, 4 or 8 octets: what is sent, and what must come. */
  readonly cookie: Uint8Array;
  readonly peerCookie: Uint8Array;
  /** Whether the default L2-specific sublayer is used: it must be at both ends, or at none. */
  readonly sublayer: boolean;
  readonly sendSequence: boolean;
  readonly receiveSequence: boolean;
}

const SEQUENCE_MASK = 0xffffff;
/** nr_window_size: numbers further ahead are old ones. */
const WINDOW = 0x7fffff;
/** nr_oos_count_max: so many in order, though not in the expected one, and numbering begins anew. */
const OUT_OF_ORDER_MAX = 4;

/** `l2tpeth0`: an Ethernet pseudowire (RFC 4719), one session of an L2TPv3 tunnel (net/l2tp/l2tp_eth.c). */
export class L2tpEthDevice extends NetDevice {
  override readonly kind = "";
  readonly tunnel: L2tpTunnel;
  readonly session: L2tpSessionOptions;
  readonly counters = newL2tpStats();
  readonly #sent: Framing;
  readonly #expected: Framing;
  /** Whether packets are numbered; the other end may ask for it by numbering its own. */
  #numbers: boolean;
  #next = 0;
  #awaited = 0;
  #strays = 0;
  #lastStray = 0;
  /** The next number is taken whatever it is. */
  #anew = true;
  readonly #forget: (dev: L2tpEthDevice) => void;

  constructor(
    tunnel: L2tpTunnel,
    name: string,
    ifindex: number,
    session: L2tpSessionOptions,
    forget: (dev: L2tpEthDevice) => void,
  ) {
    super(tunnel.kernel, name, ifindex);
    this.tunnel = tunnel;
    this.session = session;
    this.#forget = forget;
    this.mac = randomMac(tunnel.kernel, name);
    const { over } = tunnel;
    const { sublayer, cookie, peerCookie } = session;
    this.#sent = { over, sublayer, cookieOctets: octets(cookie) };
    this.#expected = { over, sublayer, cookieOctets: octets(peerCookie) };
    this.#numbers = session.sendSequence;
  }

  /** Whether it numbers what it sends now. */
  get numbers(): boolean {
    return this.#numbers;
  }
  override get mtuRange(): readonly [number, number] {
    return [0, 65_535];
  }
  override mayMove(): Outcome {
    return done;
  }
  override destroyed(): void {
    this.#forget(this);
  }

  /** Octets between the frame's payload and the MTU of the outer packet (net/l2tp/l2tp_eth.c:l2tp_eth_adjust_mtu). */
  get overhead(): number {
    return ETHERNET_HEADER + headerLength(this.#sent) + (this.tunnel.over === "udp" ? UDP_HEADER : 0) + OUTER_IP;
  }
  fitMtu(outer: number): void {
    const mtu = outer - this.overhead;
    this.mtu = mtu >= 0 && mtu <= 65_535 ? mtu : 1500 - this.overhead;
  }

  /** net/l2tp/l2tp_core.c:l2tp_xmit_skb. Outer packets may be cut on their way (`ignore_df`). */
  override transmit(p: Packet): void {
    const { tunnel, session, stats, counters } = this;
    if (!descends(this, p)) return;
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    const header = headerLength(this.#sent);
    p.push(header);
    writeHeader(p.buf, p.start, this.#sent, session.peerId, session.cookie, this.#numbers ? this.#number() : -1);
    const { kernel } = tunnel;
    const d = tunnel.route.find(kernel, tunnel.remote, tunnel.local, 0, 0, 0);
    if (d.type === DST_ERROR || d.dev === this) {
      counters.txErrors++;
      tunnel.stats.txErrors++;
      return this.kernel.drop(p, d.dev === this ? LOOP : NO_ROUTE, this.name);
    }
    const udp = tunnel.over === "udp";
    if (udp) this.#pushUdp(p);
    for (const s of [counters, tunnel.stats]) {
      s.txPackets++;
      s.txBytes += p.end - p.start;
    }
    this.#tell(p);
    scrub(p);
    kernel.ipv4.send(p, d, udp ? IPPROTO_UDP : IP_PROTOCOL, tunnel.local, tunnel.remote, d.hopLimit, 0, 0);
  }

  /** net/l2tp/l2tp_core.c:l2tp_recv_common: `p` starts at the L2TP header. Takes ownership. */
  accept(p: Packet): void {
    const { buf, start, end } = p;
    const length = end - start;
    const header = headerLength(this.#expected);
    if (length < header) return this.#refuse(p, MALFORMED);
    if (!cookieMatches(buf, start, this.#expected, this.session.peerCookie)) {
      this.counters.rxCookieDiscards++;
      return this.#refuse(p, BAD_COOKIE);
    }
    const number = sequence(buf, start, this.#expected);
    if (number >= 0) this.#numbers = true;
    else if (this.session.receiveSequence) {
      this.counters.rxSeqDiscards++;
      return this.#refuse(p, OUT_OF_SEQUENCE);
    } else this.#numbers = false;
    if (number >= 0 && !this.#inOrder(number)) return this.#refuse(p, OUT_OF_SEQUENCE);
    p.start = start + header;
    for (const s of [this.counters, this.tunnel.stats]) {
      s.rxPackets++;
      s.rxBytes += length;
    }
    this.#enter(p, length);
  }

  /** net/l2tp/l2tp_eth.c:l2tp_eth_dev_recv and net/core/dev.c:dev_forward_skb. */
  #enter(p: Packet, length: number): void {
    const { stats, kernel } = this;
    const cut = p.end - p.start < ETHERNET_HEADER;
    if (cut || !this.up || !fits(p, this)) {
      stats.rxErrors++;
      if (!cut) stats.rxDropped++;
      return kernel.drop(p, cut ? MALFORMED : this.up ? TOO_LONG : DOWN, this.name);
    }
    stats.rxPackets++;
    stats.rxBytes += length;
    p.net = 0;
    scrub(p);
    p.type = classify(p, this);
    kernel.receive(p, this);
  }

  /** net/l2tp/l2tp_core.c:l2tp_recv_data_seq, without a reorder queue: `ip l2tp` asks for none. */
  #inOrder(number: number): boolean {
    if (((number - this.#awaited) & SEQUENCE_MASK) >= WINDOW) return false;
    if (number !== this.#awaited) {
      this.#strays = number === ((this.#lastStray + 1) & SEQUENCE_MASK) ? this.#strays + 1 : 0;
      this.#lastStray = number;
      if (this.#strays > OUT_OF_ORDER_MAX) this.#anew = true;
      if (!this.#anew) {
        this.counters.rxSeqDiscards++;
        return false;
      }
    }
    this.#anew = false;
    this.#awaited = (number + 1) & SEQUENCE_MASK;
    return true;
  }

  #number(): number {
    const number = this.#next;
    if (this.session.sublayer) this.#next = (number + 1) & SEQUENCE_MASK;
    return number;
  }

  #pushUdp(p: Packet): void {
    const { sourcePort, destinationPort, udpcsum, local, remote } = this.tunnel;
    p.push(UDP_HEADER);
    writeUdp(p.buf, p.start, sourcePort, destinationPort, p.end - p.start);
    if (udpcsum) sealSum(p.buf, p.start, p.end, local, remote, p.sumOf(p.start + UDP_HEADER));
  }

  #tell(p: Packet): void {
    const { kernel, title } = this.tunnel;
    const text = `${title}, session ${this.session.peerId}`;
    if (kernel.sim.capture !== null) annotate(p, `encapsulated by ${this.name} on ${kernel.name}: ${text}`);
    if (p.trail !== null) saw(p, kernel, this.name, "tunnel", `encapsulated by ${this.name}: ${text}`);
  }

  #refuse(p: Packet, reason: DropReason): void {
    this.counters.rxErrors++;
    this.tunnel.stats.rxErrors++;
    this.kernel.drop(p, reason, this.name);
  }
}

const octets = (cookie: Uint8Array): 0 | 4 | 8 => (cookie.length === 8 ? 8 : cookie.length === 4 ? 4 : 0);
