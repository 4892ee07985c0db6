import { dropReason } from "../../../../core/drop.ts";
import type { Packet } from "../../../../core/packet.ts";
import { S } from "../../../../core/time.ts";
import {
  HEADER as IP_HEADER,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isFragment,
} from "../../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../../kernel.ts";
import { saw } from "../../saw.ts";
import type { HookState } from "../state.ts";
import * as state from "../state.ts";
import { ConntrackEvents } from "./events.ts";
import { Expectations } from "./expect.ts";
import * as flow from "./flow.ts";
import { directionOf } from "./flow.ts";
import { genericPacket } from "./generic.ts";
import { grePacket } from "./gre.ts";
import { hash } from "./hash.ts";
import type { Helper, HelperState } from "./helper.ts";
import { ICMP_QUERY, ICMP_RELATED, icmpError, icmpPacket } from "./icmp.ts";
import type { SequenceAdjustment } from "./seqadj.ts";
import { ConntrackSysctl } from "./sysctl.ts";
import { FlowTable } from "./table.ts";
import { tcpPacket } from "./tcp.ts";
import { isClosing } from "./tcp-states.ts";
import { octetsOf } from "./tcp-window.ts";
import { Tuple } from "./tuple.ts";
import { udpPacket } from "./udp.ts";
import { REPEAT } from "./verdict.ts";

/** As constants of its own: see `flow.ts`. */
const { LOCAL_OUT, NF_ACCEPT, PORTS_READ } = state;
const {
  B_STATE,
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_GENERATION_SHIFT,
  CT_INFO,
  CT_KEEP,
  CT_NEW,
  CT_OWNER,
  CT_RELATED,
  CT_RELATED_REPLY,
  CT_UNTRACKED,
  D_EXPIRES,
  DIR_ORIGINAL,
  FLOW_SHIFT,
  IPCT_HELPER,
  IPCT_NEW,
  IPCT_RELATED,
  IPCT_REPLY,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  T_DST,
  T_PORTS,
  T_SRC,
  W_EVENTS,
  W_MARK,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} = flow;

const TABLE_FULL = dropReason("conntrack: table full");
const CLASH = dropReason("conntrack: another flow has these addresses and ports");

/** Counters as `conntrack -S` names them. */
export interface ConntrackStats {
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  drop: number;
  error: number;
}

/** What translation does for flows that were announced (`nf_conntrack_expect.expectfn`). */
export type ExpectedFlow = (slot: number, master: number, dir: number, savedPort: number) => void;

const TUPLE = new Tuple();
const REPLY = new Tuple();

/** Reads the packet into `TUPLE`: its ports are known already, if it has some. False: it cannot belong to a flow. */
function readTuple(s: HookState): boolean {
  const { p, protocol } = s;
  const { view, net } = p;
  if (s.ports !== PORTS_READ || (protocol !== IPPROTO_UDP && protocol !== IPPROTO_TCP) || s.transport < net + IP_HEADER)
    return TUPLE.read(p.buf, view, net, p.end);
  TUPLE.src = view.getInt32(net + 12);
  TUPLE.dst = view.getInt32(net + 16);
  TUPLE.ports = (s.sport << 16) | s.dport;
  TUPLE.protocol = protocol;
  return true;
}

/** Connection tracking of one node (net/netfilter/nf_conntrack_core.c). */
export class Conntrack {
  readonly kernel: Kernel;
  readonly sysctl = new ConntrackSysctl();
  readonly table: FlowTable;
  readonly events: ConntrackEvents;
  readonly expectations: Expectations;
  readonly stats: ConntrackStats = { found: 0, invalid: 0, insert: 0, insertFailed: 0, drop: 0, error: 0 };
  /** Told of flows that are no more. */
  onGone: ((slot: number) => void) | null = null;
  /** Told of a packet that would begin a flow, when there is no room for one. */
  onFull: ((s: HookState) => void) | null = null;
  /** Makes an expected flow follow the translation of its master, where there is any. */
  onExpected: ExpectedFlow | null = null;
  readonly #helpers = new Map<number, HelperState>();
  readonly #adjustments = new Map<number, SequenceAdjustment>();
  readonly #seed: number;
  #portId = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.#seed = kernel.hashSeed;
    this.table = new FlowTable(kernel.hashSeed, this.sysctl.nf_conntrack_max, {
      gone: (slot) => this.#gone(slot),
      expendable: (slot) =>
        this.table.words[(slot << FLOW_SHIFT) + W_PROTOCOL] === IPPROTO_TCP &&
        isClosing(this.table.bytes[octetsOf(slot) + B_STATE] as number),
    });
    this.events = new ConntrackEvents(kernel, this.table, this.sysctl);
    this.expectations = new Expectations(kernel, this.sysctl);
  }

  /** A setting under its name in `net.netfilter`; obeyed from the next packet on. */
  set(key: keyof ConntrackSysctl, value: number): void {
    this.sysctl[key] = value;
    if (key === "nf_conntrack_max") this.table.max = value;
    if (key === "nf_conntrack_acct" && value !== 0) this.table.account();
    if (key === "nf_conntrack_timestamp" && value !== 0) this.table.keepStarts();
  }

  // --- packets -------------------------------------------------------------------------------------------------

  /** Finds or makes the flow of a packet, `s.read()` done (net/netfilter/nf_conntrack_core.c:nf_conntrack_in). */
  track(s: HookState): number {
    const { p } = s;
    if (p.nfct !== 0 || (p.nfctInfo & CT_INFO) === CT_UNTRACKED) return NF_ACCEPT;
    if (s.hook === LOCAL_OUT && isFragment(p.buf, p.net)) return NF_ACCEPT;
    if (s.fragment !== 0 || s.transport > p.end) return this.#invalid();
    if (s.protocol === IPPROTO_ICMP) {
      const found = icmpError(this, s);
      if (found === ICMP_RELATED) return NF_ACCEPT;
      if (found !== ICMP_QUERY) {
        this.stats.error++;
        return this.#invalid();
      }
    }
    if (!readTuple(s)) return this.#invalid();
    let verdict = this.#resolve(s);
    while (verdict === REPEAT) verdict = this.#resolve(s);
    return verdict;
  }

  /** net/netfilter/nf_conntrack_core.c:resolve_normal_ct, and what its protocol says. `TUPLE` is the packet's. */
  #resolve(s: HookState): number {
    const { table } = this;
    const t = TUPLE;
    let ref = table.search(t.src, t.dst, t.ports, t.protocol);
    let slot = ref >> 1;
    // Looked at here, since numbers that no 31 bits hold are dear to hand over.
    if (ref >= 0 && (table.doubles[(slot << 4) + D_EXPIRES] as number) <= this.kernel.sim.now) {
      table.remove(slot, this.kernel.sim.now);
      ref = -1;
    }
    if (ref < 0) {
      slot = this.#create(s);
      if (slot <= 0) return slot === 0 ? this.#full(s) : this.#invalid();
    }
    const dir = ref < 0 ? DIR_ORIGINAL : ref & 1;
    const verdict = this.#packet(slot, dir, s);
    if (verdict <= 0) {
      if (ref < 0) this.#discard(slot);
      return verdict === REPEAT ? REPEAT : this.#invalid();
    }
    const at = (slot << FLOW_SHIFT) + W_STATUS;
    const status = table.words[at] as number;
    if (dir !== DIR_ORIGINAL) {
      this.give(s.p, slot, CT_ESTABLISHED_REPLY);
      if ((status & IPS_SEEN_REPLY) === 0) {
        table.words[at] = status | IPS_SEEN_REPLY;
        this.note(slot, IPCT_REPLY);
      }
    } else if ((status & IPS_SEEN_REPLY) !== 0) this.give(s.p, slot, CT_ESTABLISHED);
    else this.give(s.p, slot, ((status & IPS_EXPECTED) !== 0 ? CT_RELATED : CT_NEW) | (ref < 0 ? CT_OWNER : 0));
    return NF_ACCEPT;
  }

  #packet(slot: number, dir: number, s: HookState): number {
    switch (s.protocol) {
      case IPPROTO_TCP:
        return tcpPacket(this, slot, dir, s);
      case IPPROTO_UDP:
        return udpPacket(this, slot, dir, s);
      case IPPROTO_ICMP:
        return icmpPacket(this, slot, dir, s);
      case IPPROTO_GRE:
        return grePacket(this, slot, dir, s);
      default:
        return genericPacket(this, slot, dir, s);
    }
  }

  /** A flow for the packet whose tuple stands in `TUPLE`. 0: there is no room; -1: it can begin none (`init_conntrack`). */
  #create(s: HookState): number {
    const { table } = this;
    const t = TUPLE;
    if (!REPLY.invert(t)) return -1;
    const hint = hash(t.src, t.dst, t.ports, t.protocol, this.#seed);
    const slot = table.allocate(t.protocol, hint, this.kernel.sim.now);
    if (slot === 0) return 0;
    const { words: w } = table;
    const o = slot << FLOW_SHIFT;
    this.setTuple(o, t);
    this.setTuple(o + W_REPLY, REPLY);
    const expected = this.expectations.take(t);
    if (expected !== undefined) {
      w[o + W_STATUS] = IPS_EXPECTED;
      w[o + W_MARK] = w[(expected.master << FLOW_SHIFT) + W_MARK] as number;
      if (expected.follow) this.onExpected?.(slot, expected.master, expected.dir, expected.savedPort);
    } else if (s.helper !== null && s.helper.protocol === t.protocol) this.assign(slot, s.helper);
    return slot;
  }

  /** What happens when a packet has passed: its flow is confirmed, helpers look at it, listeners hear (`nf_confirm`). */
  confirm(s: HookState): number {
    const { p } = s;
    const slot = p.nfct;
    if (slot === 0) return NF_ACCEPT;
    const { words } = this.table;
    const status = words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    const info = p.nfctInfo & CT_INFO;
    if ((status & (IPS_HELPER | IPS_SEQ_ADJUST)) !== 0 && info !== CT_RELATED_REPLY) {
      const verdict = this.#help(slot, s);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    if ((status & (IPS_CONFIRMED | IPS_DYING)) === 0 && info < CT_ESTABLISHED_REPLY) {
      if (!this.table.insert(slot, this.kernel.sim.now)) {
        this.stats.drop++;
        this.stats.insertFailed++;
        return s.refuse(CLASH, "conntrack");
      }
      this.stats.insert++;
      if (this.sysctl.nf_conntrack_timestamp !== 0) this.table.begun(slot, this.kernel.sim.now);
      this.note(slot, (status & IPS_EXPECTED) !== 0 ? IPCT_RELATED : IPCT_NEW);
    }
    if (words[(slot << FLOW_SHIFT) + W_EVENTS] !== 0) this.events.deliver(slot);
    return NF_ACCEPT;
  }

  /** Makes an answer to `p` belong to the flow of `p`, in the other direction (`nf_conntrack_attach`). */
  attach(answer: Packet, p: Packet): void {
    if (p.nfct === 0 || !this.owns(p)) return;
    this.give(answer, p.nfct, (directionOf(p.nfctInfo) === DIR_ORIGINAL ? CT_RELATED_REPLY : CT_RELATED) | CT_KEEP);
  }

  /** The packet dies: a flow that was made for it and never confirmed dies too. */
  release(p: Packet): void {
    if ((p.nfctInfo & CT_OWNER) !== 0 && this.owns(p)) {
      const status = this.table.words[(p.nfct << FLOW_SHIFT) + W_STATUS] as number;
      if ((status & (IPS_CONFIRMED | IPS_DYING)) === 0) this.#discard(p.nfct);
    }
    p.nfct = 0;
  }

  /** Whether the slot that a packet names is still its flow's. */
  owns(p: Packet): boolean {
    return this.table.generations[p.nfct] === p.nfctInfo >> CT_GENERATION_SHIFT;
  }

  give(p: Packet, slot: number, info: number): void {
    p.nfct = slot;
    p.nfctInfo = info | ((this.table.generations[slot] as number) << CT_GENERATION_SHIFT);
  }

  // --- what protocols and translation do with flows ----------------------------------------------------------------

  /** The flow now ends in so many seconds. */
  refresh(slot: number, seconds: number): void {
    if (((this.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_FIXED_TIMEOUT) !== 0) return;
    this.table.doubles[(slot << 4) + D_EXPIRES] = this.kernel.sim.now + seconds * S;
  }

  /** Counts a packet of the flow, where accounting is on. */
  count(slot: number, dir: number, p: Packet): void {
    const { counters } = this.table;
    if (counters === null || this.sysctl.nf_conntrack_acct === 0) return;
    counters[4 * slot + 2 * dir]! += 1;
    counters[4 * slot + 2 * dir + 1]! += p.end - p.net;
  }

  /** Something happened that listeners are told of when the packet has passed. */
  note(slot: number, events: number): void {
    this.table.words[(slot << FLOW_SHIFT) + W_EVENTS]! |= events;
  }

  /** The flow ends now; packets that belong to it still do. */
  kill(slot: number): void {
    this.table.remove(slot, this.kernel.sim.now);
  }

  /** The netlink port of a program that changes flows: nobody else has the same. */
  nextPortId(): number {
    return ++this.#portId;
  }

  setTuple(at: number, t: Tuple): void {
    const { words: w } = this.table;
    w[at + T_SRC] = t.src;
    w[at + T_DST] = t.dst;
    w[at + T_PORTS] = t.ports;
  }

  /** Gives a flow to a helper. */
  assign(slot: number, helper: Helper): void {
    this.table.words[(slot << FLOW_SHIFT) + W_STATUS]! |= IPS_HELPER;
    this.#helpers.set(slot, helper.begin());
    this.note(slot, IPCT_HELPER);
  }
  helperOf(slot: number): HelperState | undefined {
    return this.#helpers.get(slot);
  }

  /** What was added to a sequence number of what goes in `dir`. */
  seqOffset(slot: number, dir: number, seq: number): number {
    if (((this.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_SEQ_ADJUST) === 0) return 0;
    return this.#adjustments.get(slot)?.offset(dir, seq) ?? 0;
  }
  /** The changes of length in a flow, which from now on has some. */
  adjustment(slot: number, make: () => SequenceAdjustment): SequenceAdjustment {
    let known = this.#adjustments.get(slot);
    if (known === undefined) {
      known = make();
      this.#adjustments.set(slot, known);
      this.table.words[(slot << FLOW_SHIFT) + W_STATUS]! |= IPS_SEQ_ADJUST;
    }
    return known;
  }

  /** Says why a packet fits no flow, where `nf_conntrack_log_invalid` asks for it. Always false. */
  logInvalid(s: HookState, why: string): false {
    const { sim, name } = this.kernel;
    if (s.p.trail !== null) saw(s.p, this.kernel, "conntrack", "filter", `fits no connection: ${why}`);
    const wanted = this.sysctl.nf_conntrack_log_invalid;
    if (wanted !== 0 && sim.trace.on && (wanted === 255 || wanted === s.protocol))
      sim.trace.emit(sim.now, name, "conntrack.invalid", { why, protocol: s.protocol, hook: s.hook });
    return false;
  }

  #help(slot: number, s: HookState): number {
    const dir = directionOf(s.p.nfctInfo);
    const state = this.#helpers.get(slot);
    s.read();
    if (state !== undefined) {
      const verdict = state.help(this, slot, dir, s);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    const looped = s.out === this.kernel.loopback || s.in === this.kernel.loopback;
    if (!looped) this.#adjustments.get(slot)?.adjust(s.p, s.transport, dir);
    return NF_ACCEPT;
  }

  #discard(slot: number): void {
    this.#forget(slot);
    this.table.discard(slot, this.kernel.sim.now);
  }

  #gone(slot: number): void {
    this.events.destroyed(slot);
    this.#forget(slot);
  }

  #forget(slot: number): void {
    const status = this.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    this.onGone?.(slot);
    if ((status & (IPS_HELPER | IPS_SEQ_ADJUST)) === 0) return;
    this.#helpers.delete(slot);
    this.#adjustments.delete(slot);
    this.expectations.forget(slot);
  }

  #invalid(): number {
    this.stats.invalid++;
    return NF_ACCEPT;
  }

  #full(s: HookState): number {
    this.stats.drop++;
    this.onFull?.(s);
    return s.refuse(TABLE_FULL, "conntrack");
  }
}
