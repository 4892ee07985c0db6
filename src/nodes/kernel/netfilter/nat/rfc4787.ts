import { dropReason } from "../../../../core/drop.ts";
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import { flags, TCP_ACK, TCP_RST, TCP_SYN } from "../../../../protocols/tcp/wire.ts";
import { flowOf } from "../conntrack/ctnetlink.ts";
import {
  FLOW_SHIFT,
  IPS_HAIRPIN,
  IPS_MAPPED,
  IPS_SEEN_REPLY,
  T_DST,
  T_PORTS,
  T_SRC,
  W_PROTOCOL,
  W_STATUS,
} from "../conntrack/flow.ts";
import { Tuple } from "../conntrack/tuple.ts";
import { type HookState, NF_ACCEPT, NF_STOLEN } from "../state.ts";
import { type Mapping, Mappings } from "./mappings.ts";
import type { Nat } from "./nat.ts";
import { MANIP_DST, MANIP_SRC, type NatRange } from "./range.ts";
import { UnsolicitedSyns } from "./unsolicited.ts";

const NOTHING = dropReason("nat: nothing lets it in");
const EXHAUSTED = dropReason("nat: cannot be translated");

/** Who may send to a mapping (RFC 4787 §5): anybody, hosts that were sent to, or only the endpoints that were sent to. */
export type Filtering = "endpoint-independent" | "address-dependent" | "address-and-port-dependent";

export interface RfcSettings {
  readonly filtering: Filtering;
  /** What an unsolicited SYN gets after six seconds: an ICMP error (RFC 5382 REQ-4), or nothing (REQ-4a). */
  readonly unsolicitedSyn: "icmp" | "drop";
}

/** Seconds that RFC 4787 REQ-5, RFC 5382 REQ-5 and RFC 5508 REQ-2 want at least, as settings. */
export const RFC_TIMEOUTS = {
  nf_conntrack_udp_timeout: 300,
  nf_conntrack_udp_timeout_stream: 300,
  nf_conntrack_icmp_timeout: 60,
  nf_conntrack_tcp_timeout_established: 7440,
  nf_conntrack_tcp_timeout_max_retrans: 7440,
  nf_conntrack_tcp_timeout_unacknowledged: 7440,
  nf_conntrack_tcp_timeout_syn_sent: 240,
  nf_conntrack_tcp_timeout_syn_recv: 240,
  nf_conntrack_tcp_timeout_fin_wait: 240,
  nf_conntrack_tcp_timeout_close_wait: 240,
  nf_conntrack_tcp_timeout_last_ack: 240,
  nf_conntrack_tcp_timeout_time_wait: 240,
  nf_conntrack_tcp_timeout_close: 240,
} as const;

/** A mapping that a flow uses, and whom the inside sends to by it; 0 when the outside began. */
interface Use {
  readonly mapping: Mapping;
  readonly remote: number;
}

const WANTED = new Tuple();
const REPLY = new Tuple();

/**
 * Translation as RFC 4787, 5382 and 5508 want it, in place of Linux's: an inside endpoint has one outside endpoint, whomever it
 * talks to, which nobody else has; who may answer is a setting; hosts inside reach one another by their outside endpoints.
 */
export class Rfc4787 {
  readonly mappings: Mappings;
  readonly unsolicited: UnsolicitedSyns;
  settings: RfcSettings;
  readonly #nat: Nat;
  readonly #uses = new Map<number, readonly Use[]>();

  constructor(nat: Nat, settings: RfcSettings) {
    this.#nat = nat;
    this.mappings = new Mappings(nat.kernel.sim.rng(`nat mappings ${nat.kernel.name}`));
    this.unsolicited = new UnsolicitedSyns(nat.kernel);
    this.settings = settings;
    this.configure(settings);
  }

  configure(settings: RfcSettings): void {
    this.settings = settings;
    this.unsolicited.answers = settings.unsolicitedSyn === "icmp";
  }

  /** Whether a protocol has endpoints that can be mapped; others are translated as on Linux. */
  maps(protocol: number): boolean {
    return protocol === IPPROTO_UDP || protocol === IPPROTO_TCP || protocol === IPPROTO_ICMP;
  }

  /** Gives a new flow from inside the outside endpoint of its source. False: there is none left. */
  mapSource(slot: number, range: NatRange, ifindex: number): boolean {
    const nat = this.#nat;
    this.#current(slot);
    const from = WANTED;
    const m = this.#mappingOf(from, range, ifindex);
    if (m === undefined) return false;
    const remote = from.dst >>> 0;
    if (from.protocol === IPPROTO_TCP) this.unsolicited.meet(m.outside | 0, m.outsidePort, from.dst, from.dport);
    this.#leaveAs(from, m);
    this.#makeWay(from);
    this.#count(slot, m, remote);
    nat.become(slot, from, MANIP_SRC);
    return true;
  }

  /** What somebody outside sent to the router by chance, and nobody answered, does not keep an inside endpoint from its own. */
  #makeWay(t: Tuple): void {
    const { ct } = this.#nat;
    if (!REPLY.invert(t)) return;
    const slot = flowOf(ct, REPLY);
    if (slot === undefined) return;
    const status = ct.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    if ((status & (IPS_SEEN_REPLY | IPS_MAPPED)) === 0) ct.kill(slot);
  }

  /** The first packet of a flow from outside, or from inside to somebody's outside endpoint, for which no rule did anything. */
  inbound(s: HookState, slot: number): number {
    const { words: w } = this.#nat.ct.table;
    const o = slot << FLOW_SHIFT;
    const protocol = w[o + W_PROTOCOL] as number;
    if (!this.maps(protocol) || s.in === null) return NF_ACCEPT;
    const ports = w[o + T_PORTS] as number;
    const port = protocol === IPPROTO_ICMP ? ports >>> 16 : ports & 0xffff;
    const address = (w[o + T_DST] as number) >>> 0;
    const to = this.mappings.fromOutside(protocol, address, port);
    if (to === undefined) return this.#isOurs(s, address) ? this.#toNobody(s, port) : NF_ACCEPT;
    // Queries of ICMP that come from elsewhere are for the router itself (RFC 5508 §3 maps those of the inside only).
    if (protocol === IPPROTO_ICMP) return NF_ACCEPT;
    const source = (w[o + T_SRC] as number) >>> 0;
    if (s.in.ifindex === to.ifindex) {
      if (!this.#mayEnter(to, source)) return this.#refuse(s);
      this.#enter(slot, to);
      return NF_ACCEPT;
    }
    return this.#hairpin(s, slot, to);
  }

  /** RFC 4787 REQ-9: two hosts inside talk by their outside endpoints, the sender's too (REQ-9a). */
  #hairpin(s: HookState, slot: number, to: Mapping): number {
    this.#current(slot);
    const range = { minAddress: to.outside, maxAddress: to.outside };
    const from = this.#mappingOf(WANTED, range, to.ifindex);
    if (from === undefined) return s.refuse(EXHAUSTED, "nat");
    this.#count(slot, from, to.outside);
    if (!this.#mayEnter(to, from.outside)) return this.#refuse(s);
    this.#nat.ct.table.words[(slot << FLOW_SHIFT) + W_STATUS]! |= IPS_HAIRPIN;
    this.#enter(slot, to);
    return NF_ACCEPT;
  }

  /** A hairpinned flow leaves with the outside endpoint of its source. */
  leaveHairpin(slot: number): void {
    const from = this.#uses.get(slot)?.[0]?.mapping;
    if (from === undefined) return;
    this.#current(slot);
    this.#leaveAs(WANTED, from);
    this.#nat.become(slot, WANTED, MANIP_SRC);
  }

  /** A flow is no more. */
  forget(slot: number): void {
    for (const { mapping, remote } of this.#uses.get(slot) ?? []) {
      if (this.mappings.release(mapping, remote)) this.#nat.traceMapping("nat.unmap", mapping);
    }
    this.#uses.delete(slot);
  }

  /** Whether a packet comes from outside, to an address that hosts inside have there, or would have. */
  #isOurs(s: HookState, address: number): boolean {
    if (s.in === null || !this.#nat.leavesBy(s.in.name)) return false;
    return this.mappings.isOutside(address) || s.kernel.addresses.isLocal(address);
  }

  #mayEnter(to: Mapping, source: number): boolean {
    switch (this.settings.filtering) {
      case "endpoint-independent":
        return true;
      case "address-dependent":
        return to.remotes.has(source);
      case "address-and-port-dependent":
        return false; // what may enter has a flow already
    }
  }

  /** The flow goes on to the inside endpoint. */
  #enter(slot: number, to: Mapping): void {
    this.#current(slot);
    WANTED.set(WANTED.src, to.inside, withLow(WANTED.ports, to.insidePort), to.protocol);
    this.#count(slot, to, 0);
    this.#nat.become(slot, WANTED, MANIP_DST);
  }

  /** Nobody has that endpoint: the router itself may, unless it is a SYN that has to wait (RFC 5382 REQ-4). */
  #toNobody(s: HookState, port: number): number {
    if (!isSyn(s)) return NF_ACCEPT;
    const listens = s.kernel.ipv4.transport(IPPROTO_TCP)?.listens?.(s.p.view.getUint32(s.p.net + 16), port) ?? false;
    return listens ? NF_ACCEPT : this.#wait(s);
  }

  #refuse(s: HookState): number {
    return isSyn(s) ? this.#wait(s) : s.refuse(NOTHING, "nat");
  }

  #wait(s: HookState): number {
    const { p } = s;
    this.#nat.ct.release(p);
    p.nfctInfo = 0;
    this.unsolicited.hold(p);
    return NF_STOLEN;
  }

  #mappingOf(from: Tuple, range: NatRange, ifindex: number): Mapping | undefined {
    const [address, port] = [from.src >>> 0, from.sport];
    const known = this.mappings.fromInside(from.protocol, address, port, range);
    if (known !== undefined) return known;
    const made = this.mappings.make(from.protocol, address, port, range, ifindex);
    if (made !== undefined) this.#nat.traceMapping("nat.map", made);
    return made;
  }

  #leaveAs(t: Tuple, m: Mapping): void {
    t.set(m.outside, t.dst, withHigh(t.ports, m.outsidePort), t.protocol);
  }

  #count(slot: number, mapping: Mapping, remote: number): void {
    this.mappings.use(mapping, remote);
    this.#uses.set(slot, [...(this.#uses.get(slot) ?? []), { mapping, remote }]);
    this.#nat.ct.table.words[(slot << FLOW_SHIFT) + W_STATUS]! |= IPS_MAPPED;
  }

  /** Puts what the flow looks like now into `WANTED`. */
  #current(slot: number): void {
    this.#nat.readReply(slot, REPLY);
    WANTED.invert(REPLY);
  }
}

const withHigh = (ports: number, high: number): number => (high << 16) | (ports & 0xffff);
const withLow = (ports: number, low: number): number => (ports & ~0xffff) | low;

/** A packet that wants to begin a connection. */
const isSyn = (s: HookState): boolean =>
  s.protocol === IPPROTO_TCP && (flags(s.p.buf, s.transport) & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN;
