import { formatIp } from "../../../../core/addr.ts";
import { dropReason } from "../../../../core/drop.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { RandomStream } from "../../../../core/rng.ts";
import { ICMP_DEST_UNREACH, ICMP_PKT_FILTERED } from "../../../../protocols/icmp/wire.ts";
import { dst, IPPROTO_ICMP, src } from "../../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../../kernel.ts";
import { saw } from "../../saw.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import * as flow from "../conntrack/flow.ts";
import { directionOf } from "../conntrack/flow.ts";
import { ConntrackSysctl } from "../conntrack/sysctl.ts";
import { Tuple } from "../conntrack/tuple.ts";
import type { HookFunction, HookState } from "../state.ts";
import * as state from "../state.ts";
import { translateError } from "./icmp.ts";
import { manglePacket, portText } from "./mangle.ts";
import type { Mapping } from "./mappings.ts";
import { MANIP_DST, MANIP_SRC, type NatRange } from "./range.ts";
import { RFC_TIMEOUTS, Rfc4787, type RfcSettings } from "./rfc4787.ts";
import { uniqueTuple } from "./unique.ts";

/** As constants of its own: see `flow.ts`. */
const {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_INFO,
  CT_RELATED,
  CT_RELATED_REPLY,
  CT_UNTRACKED,
  DIR_ORIGINAL,
  FLOW_SHIFT,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_HAIRPIN,
  IPS_MAPPED,
  IPS_NAT_MASK,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
  W_MASQUERADE,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} = flow;
const { LOCAL_IN, NF_ACCEPT, NF_DROP, POST_ROUTING, PRE_ROUTING } = state;

const UNTRANSLATABLE = dropReason("nat: cannot be translated");
const INTERFACE_CHANGED = dropReason("nat: its interface changed");

const CURRENT = new Tuple();
const WANTED = new Tuple();
const REPLY = new Tuple();

/** Address and port translation of one node, by flows (net/netfilter/nf_nat_core.c). */
export class Nat {
  readonly kernel: Kernel;
  readonly ct: Conntrack;
  /** Walks the rules of the `nat` table for the first packet of a flow. */
  rules: HookFunction | null = null;
  /** Whether some rule changes the source of what leaves by a device. */
  leavesBy: (ifname: string) => boolean = () => false;
  /** The rule that sets a flow up now, for traces. */
  rule = "";
  /** Translation by the RFCs instead of Linux's; null on Linux's terms. */
  rfc: Rfc4787 | null = null;
  readonly #rng: RandomStream;
  /** The mappings of the RFC mode, while flows may use them. */
  #mapped: Rfc4787 | null = null;

  constructor(kernel: Kernel, ct: Conntrack) {
    this.kernel = kernel;
    this.ct = ct;
    this.#rng = kernel.sim.rng(`nat ports ${kernel.name}`);
    ct.onExpected = (slot, master, dir, port) => this.#followMaster(slot, master, dir, port);
    kernel.watchDevices((dev, event) => {
      if (event === "down" || event === "unregistered") this.#forgetMasqueraded(dev.ifindex, 0);
    });
    kernel.addresses.onChange((change) => {
      if (change.op === "del") this.#forgetMasqueraded(change.address.ifindex, change.address.address);
    });
  }

  /**
   * Translates new flows as RFC 4787, 5382 and 5508 want it, from now on, and sets the timeouts that they want; without settings
   * as Linux does, with Linux's timeouts. Other timeouts may be set afterwards.
   */
  setMode(settings: RfcSettings | null): void {
    const { ct } = this;
    const linux = new ConntrackSysctl();
    for (const key of Object.keys(RFC_TIMEOUTS) as (keyof typeof RFC_TIMEOUTS)[])
      ct.set(key, settings === null ? linux[key] : RFC_TIMEOUTS[key]);
    if (settings === null) this.rfc = null;
    else if (this.#mapped === null) this.rfc = this.#mapped = new Rfc4787(this, settings);
    else {
      this.rfc = this.#mapped;
      this.rfc.configure(settings);
    }
    ct.onGone = (slot) => this.#flowGone(slot);
    ct.onFull = (s) => this.noRoom(s);
  }

  /** At a hook: sets up what a new flow becomes, and translates the packet (nf_nat_core.c:nf_nat_inet_fn). */
  run(s: HookState): number {
    const { p } = s;
    const slot = p.nfct;
    if (slot === 0) return this.rfc === null ? NF_ACCEPT : this.#untracked(s);
    const { ct } = this;
    const manip = s.hook === POST_ROUTING || s.hook === LOCAL_IN ? MANIP_SRC : MANIP_DST;
    const info = p.nfctInfo & CT_INFO;
    if (info === CT_RELATED || info === CT_RELATED_REPLY) {
      s.read();
      if (s.protocol === IPPROTO_ICMP) return translateError(ct, p, manip) ? NF_ACCEPT : this.#stuck(s);
    }
    const status = ct.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    const done = manip === MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    const known = (status & done) !== 0 || info === CT_ESTABLISHED || info === CT_ESTABLISHED_REPLY;
    if (!known) {
      const verdict = this.setUpFlow(s, slot, manip, done);
      if (verdict !== NF_ACCEPT) return verdict;
    } else if (s.hook === POST_ROUTING && this.#leftElsewhere(slot, info, s)) {
      ct.kill(slot);
      return s.refuse(INTERFACE_CHANGED, "nat");
    }
    return this.#translate(s, slot, manip);
  }

  /** There is no room for a flow, or no endpoint: who is inside is told so in the RFC mode (RFC 5508 REQ-8). Looks only. */
  noRoom(s: HookState): void {
    if (this.rfc === null || s.in === null || this.leavesBy(s.in.name)) return;
    this.kernel.icmp.error(s.p, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, 0);
  }

  /** What fits no flow, and cannot be translated, does not leave with an inside address (RFC 5508 REQ-5a, REQ-11). */
  #untracked(s: HookState): number {
    const leaves = s.hook === POST_ROUTING && s.in !== null && s.out !== null && !this.leavesBy(s.in.name);
    if (!leaves || (s.p.nfctInfo & CT_INFO) === CT_UNTRACKED || !this.leavesBy(s.out?.name ?? "")) return NF_ACCEPT;
    return this.#stuck(s);
  }

  /** What the rules, or nothing, make of a new flow. */
  setUpFlow(s: HookState, slot: number, manip: number, done: number): number {
    const hairpin = ((this.ct.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_HAIRPIN) !== 0;
    if (this.rules !== null && !(hairpin && s.hook === POST_ROUTING)) {
      const verdict = this.rules.run(s);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    const at = (slot << FLOW_SHIFT) + W_STATUS;
    const { words } = this.ct.table;
    if (this.rfc !== null && ((words[at] as number) & done) === 0) {
      if (s.hook === PRE_ROUTING) {
        const verdict = this.rfc.inbound(s, slot);
        if (verdict !== NF_ACCEPT) return verdict;
      } else if (s.hook === POST_ROUTING && ((words[at] as number) & IPS_HAIRPIN) !== 0) this.rfc.leaveHairpin(slot);
    }
    if (((words[at] as number) & done) === 0) this.bindNull(slot, manip);
    return NF_ACCEPT;
  }

  /** What a rule wants of the source of a flow that leaves by a device. False: no endpoint is left. */
  setUpSource(slot: number, range: NatRange, ifindex: number): boolean {
    const protocol = this.ct.table.words[(slot << FLOW_SHIFT) + W_PROTOCOL] as number;
    if (this.rfc?.maps(protocol)) return this.rfc.mapSource(slot, range, ifindex);
    this.setUp(slot, range, MANIP_SRC);
    return true;
  }

  /** Settles one end of a flow that is not confirmed yet (nf_nat_core.c:nf_nat_setup_info). */
  setUp(slot: number, range: NatRange, manip: number): void {
    const { ct } = this;
    const { words: w } = ct.table;
    const o = slot << FLOW_SHIFT;
    if (((w[o + W_STATUS] as number) & IPS_CONFIRMED) !== 0) return;
    this.readReply(slot, REPLY);
    CURRENT.invert(REPLY);
    uniqueTuple(ct, this.#rng, WANTED, CURRENT, range, slot, manip);
    this.become(slot, WANTED, manip);
  }

  /** The flow will look like `wanted` from now on, one end of which was chosen. */
  become(slot: number, wanted: Tuple, manip: number): void {
    const { table } = this.ct;
    const w = table.words;
    const o = slot << FLOW_SHIFT;
    this.readReply(slot, REPLY);
    CURRENT.invert(REPLY);
    if (!wanted.equals(CURRENT)) {
      REPLY.invert(wanted);
      this.ct.setTuple(o + W_REPLY, REPLY);
      w[o + W_STATUS]! |= manip === MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
      this.#trace(slot, manip);
    }
    if (manip === MANIP_SRC) table.sources.add(slot);
    w[o + W_STATUS]! |= manip === MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
  }

  /** No rule wants a change: the address stays, and the port, unless somebody has it (`nf_nat_alloc_null_binding`). */
  bindNull(slot: number, manip: number): void {
    const reply = (slot << FLOW_SHIFT) + W_REPLY;
    const address = (this.ct.table.words[reply + (manip === MANIP_SRC ? T_DST : T_SRC)] as number) >>> 0;
    this.setUp(slot, { minAddress: address, maxAddress: address }, manip);
  }

  readReply(slot: number, t: Tuple): void {
    const { words: w } = this.ct.table;
    const o = slot << FLOW_SHIFT;
    const r = o + W_REPLY;
    t.set(w[r + T_SRC] as number, w[r + T_DST] as number, w[r + T_PORTS] as number, w[o + W_PROTOCOL] as number);
  }

  /** nf_nat_core.c:nf_nat_packet: the packet becomes the inverse of what comes the other way. */
  #translate(s: HookState, slot: number, manip: number): number {
    const { p } = s;
    const { words: w } = this.ct.table;
    const o = slot << FLOW_SHIFT;
    const dir = directionOf(p.nfctInfo);
    // Of an answer, the other end was translated.
    const bit = (manip === MANIP_SRC) === (dir === DIR_ORIGINAL) ? IPS_SRC_NAT : IPS_DST_NAT;
    if (((w[o + W_STATUS] as number) & bit) === 0) return NF_ACCEPT;
    const other = o + TUPLE_WORDS * (1 - dir);
    const ports = w[other + T_PORTS] as number;
    const source = manip === MANIP_SRC;
    const address = w[other + (source ? T_DST : T_SRC)] as number;
    const high = !source || w[o + W_PROTOCOL] === IPPROTO_ICMP;
    const told = p.trail !== null || this.kernel.sim.capture !== null ? this.#endText(p, manip) : "";
    if (!manglePacket(p, manip, address, high ? ports >>> 16 : ports & 0xffff)) return this.#stuck(s);
    if (told !== "") this.#tell(s, manip, told);
    return NF_ACCEPT;
  }

  /** A masqueraded flow would now leave by another device, where its address is not (`nf_nat_oif_changed`). */
  #leftElsewhere(slot: number, info: number, s: HookState): boolean {
    const ifindex = this.ct.table.words[(slot << FLOW_SHIFT) + W_MASQUERADE] as number;
    return ifindex !== 0 && directionOf(info) === DIR_ORIGINAL && s.out !== null && s.out.ifindex !== ifindex;
  }

  /** A device went down, or lost an address: what was masqueraded by it is over (nf_nat_masquerade.c). 0: any address. */
  #forgetMasqueraded(ifindex: number, address: number): void {
    const { table, kernel } = this.ct;
    const w = table.words;
    for (const slot of [...table.slots(kernel.sim.now)]) {
      const o = slot << FLOW_SHIFT;
      if (w[o + W_MASQUERADE] !== ifindex) continue;
      if (address === 0 || (w[o + W_REPLY + T_DST] as number) >>> 0 === address) this.ct.kill(slot);
    }
  }

  /** An expected flow goes where its master's packets go (nf_nat_helper.c:nf_nat_follow_master). */
  #followMaster(slot: number, master: number, dir: number, port: number): void {
    const { words: w } = this.ct.table;
    const from = (master << FLOW_SHIFT) + TUPLE_WORDS * (1 - dir);
    const source = (w[from + T_DST] as number) >>> 0;
    const destination = (w[from + T_SRC] as number) >>> 0;
    this.setUp(slot, { minAddress: source, maxAddress: source }, MANIP_SRC);
    const range = { minAddress: destination, maxAddress: destination, minPort: port, maxPort: port };
    this.setUp(slot, range, MANIP_DST);
  }

  #flowGone(slot: number): void {
    const status = this.ct.table.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    if ((status & IPS_MAPPED) !== 0) this.#mapped?.forget(slot);
  }

  /** A mapping of the RFC mode was made, or is no more. */
  traceMapping(kind: string, m: Mapping): void {
    const { sim, name } = this.kernel;
    if (!sim.trace.on) return;
    const from = `${formatIp(m.inside)}:${m.insidePort}`;
    sim.trace.emit(sim.now, name, kind, {
      end: "source",
      protocol: m.protocol,
      from,
      to: `${formatIp(m.outside)}:${m.outsidePort}`,
      by: this.rule,
    });
  }

  #stuck(s: HookState): number {
    s.refuse(UNTRANSLATABLE, "nat");
    return NF_DROP;
  }

  #endText(p: Packet, manip: number): string {
    const address = manip === MANIP_SRC ? src(p.buf, p.net) : dst(p.buf, p.net);
    return `${formatIp(address)}${portText(p.buf, p.net, p.end, manip)}`;
  }

  #tell(s: HookState, manip: number, before: string): void {
    const { p } = s;
    const by = this.rule === "" ? "" : ` by ${this.rule}`;
    const end = manip === MANIP_SRC ? "source" : "destination";
    const text = `${end} ${before} becomes ${this.#endText(p, manip)}${by}`;
    this.rule = "";
    if (p.trail !== null) saw(p, this.kernel, s.out?.name ?? s.in?.name ?? "", "filter", text);
    if (this.kernel.sim.capture !== null) p.note = p.note === "" ? text : `${p.note}; ${text}`;
  }

  #trace(slot: number, manip: number): void {
    const { sim, name } = this.kernel;
    if (!sim.trace.on || this.rfc !== null) return;
    const { words: w } = this.ct.table;
    const o = slot << FLOW_SHIFT;
    const [a, b] = manip === MANIP_SRC ? [o + T_SRC, o + W_REPLY + T_DST] : [o + T_DST, o + W_REPLY + T_SRC];
    const ports = w[o + T_PORTS] as number;
    const reply = w[o + W_REPLY + T_PORTS] as number;
    const source = manip === MANIP_SRC;
    const icmp = w[o + W_PROTOCOL] === IPPROTO_ICMP;
    sim.trace.emit(sim.now, name, "nat.map", {
      end: source ? "source" : "destination",
      protocol: w[o + W_PROTOCOL] as number,
      from: `${formatIp((w[a] as number) >>> 0)}:${source || icmp ? ports >>> 16 : ports & 0xffff}`,
      to: `${formatIp((w[b] as number) >>> 0)}:${source && !icmp ? reply & 0xffff : reply >>> 16}`,
      by: this.rule,
    });
  }
}

/** Whether any end of a flow is translated. */
export const isTranslated = (status: number): boolean => (status & IPS_NAT_MASK) !== 0;
