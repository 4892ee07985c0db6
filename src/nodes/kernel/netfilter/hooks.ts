import { dropReason } from "../../../core/drop.ts";
import type { Packet } from "../../../core/packet.ts";
import { dstI32, isFragment, srcI32, tos } from "../../../protocols/ipv4/wire.ts";
import { DST_BROADCAST, DST_ERROR, DST_LOCAL, type Dst, TOS_ROUTING } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { BridgeNetfilter } from "./bridge-nf.ts";
import { Conntrack } from "./conntrack/conntrack.ts";
import { CT_KEEP } from "./conntrack/flow.ts";
import { nameMatcher } from "./names.ts";
import { Nat } from "./nat/nat.ts";
import type { TableName } from "./rule.ts";
import {
  FORWARD,
  type HookFunction,
  HookState,
  LOCAL_IN,
  LOCAL_OUT,
  NF_ACCEPT,
  NF_DROP,
  NF_STOLEN,
  POST_ROUTING,
  PRE_ROUTING,
  PRI_CONNTRACK,
  PRI_CONNTRACK_CONFIRM,
  PRI_CONNTRACK_DEFRAG,
  PRI_FILTER,
  PRI_MANGLE,
  PRI_NAT_DST,
  PRI_NAT_SRC,
  PRI_RAW,
} from "./state.ts";
import { TABLE_HOOKS, Table } from "./table.ts";
import type { TargetContext } from "./targets/targets.ts";

const NO_ROUTE = dropReason("ip: no route");
/** What stands in front of the IP header of a frame: rules may ask for it after the packet was put together anew. */
const LINK_HEADER = 14;

/** Finds or makes the flow of a packet. */
class Tracking implements HookFunction {
  readonly #ct: Conntrack;
  constructor(ct: Conntrack) {
    this.#ct = ct;
  }
  run(s: HookState): number {
    s.read();
    return this.#ct.track(s);
  }
}

/** A packet has passed: its flow is confirmed. */
class Confirmation implements HookFunction {
  readonly #ct: Conntrack;
  constructor(ct: Conntrack) {
    this.#ct = ct;
  }
  run(s: HookState): number {
    return s.p.nfct === 0 ? NF_ACCEPT : this.#ct.confirm(s);
  }
}

/** netfilter of a node: made when somebody first asks for it, and asked by packets once a hook of it is used. */
export function netfilter(kernel: Kernel): Netfilter {
  kernel.firewall ??= new Netfilter(kernel);
  return kernel.firewall;
}

/** The five hooks of the IPv4 path, the tables, connection tracking and translation of one node. */
export class Netfilter {
  readonly kernel: Kernel;
  readonly bridge: BridgeNetfilter;
  readonly #tables = new Map<TableName, Table>();
  readonly #context: TargetContext;
  /** The functions at each hook, in the order of their priorities. */
  #hooks: HookFunction[][] = [[], [], [], [], []];
  #priorities: number[][] = [[], [], [], [], []];
  #conntrack: Conntrack | null = null;
  #nat: Nat | null = null;
  #tracking = false;
  #translating = false;
  /** States not in use, chained: a packet that is sent from within a hook has one of its own. */
  #spare: HookState | null = null;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.#context = { kernel, conntrack: () => this.conntrack, nat: () => this.nat };
    this.bridge = new BridgeNetfilter(this);
  }

  /** The rules of a table. */
  table(name: TableName): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new Table(name, this.#context, (t) => this.#tableChanged(t));
      this.#tables.set(name, table);
    }
    return table;
  }
  /** Whether somebody uses a table: `iptables-save` writes no others. */
  hasTable(name: TableName): boolean {
    return this.#tables.get(name)?.exists === true;
  }

  /** The flows, whether packets are tracked already or not. */
  get conntrack(): Conntrack {
    this.#conntrack ??= new Conntrack(this.kernel);
    return this.#conntrack;
  }
  /** Translation, whether packets are translated already or not. */
  get nat(): Nat {
    this.#nat ??= new Nat(this.kernel, this.conntrack);
    return this.#nat;
  }
  /** Whether packets are tracked. */
  get tracking(): boolean {
    return this.#tracking;
  }

  /** Tracks packets from now on, as the first rule that asks for flows makes it do, and everything that translates. */
  enableConntrack(): void {
    if (this.#tracking) return;
    this.#tracking = true;
    const ct = this.conntrack;
    const track = new Tracking(ct);
    const confirm = new Confirmation(ct);
    this.register(PRE_ROUTING, PRI_CONNTRACK_DEFRAG, { run: (s) => this.#reassemble(s) });
    for (const hook of [PRE_ROUTING, LOCAL_OUT]) this.register(hook, PRI_CONNTRACK, track);
    for (const hook of [LOCAL_IN, POST_ROUTING]) this.register(hook, PRI_CONNTRACK_CONFIRM, confirm);
  }

  /** Translates packets from now on: a table `nat` that was ever used stays in their way, with rules or without. */
  enableNat(): void {
    if (this.#translating) return;
    this.#translating = true;
    this.enableConntrack();
    const nat = this.nat;
    this.register(PRE_ROUTING, PRI_NAT_DST, nat);
    this.register(LOCAL_OUT, PRI_NAT_DST, { run: (s) => this.#reroute(s, nat) });
    this.register(LOCAL_IN, PRI_NAT_SRC, nat);
    this.register(POST_ROUTING, PRI_NAT_SRC, nat);
  }

  /** Puts a function at a hook; among those of the same priority it comes last (`nf_register_net_hook`). */
  register(hook: number, priority: number, fn: HookFunction): void {
    const priorities = this.#priorities[hook] as number[];
    const behind = priorities.findIndex((p) => p > priority);
    const at = behind < 0 ? priorities.length : behind;
    this.#priorities[hook] = priorities.toSpliced(at, 0, priority);
    this.#hooks[hook] = (this.#hooks[hook] as HookFunction[]).toSpliced(at, 0, fn);
    this.kernel.netfilter = this;
  }
  /** Takes a function away from all hooks. */
  unregister(fn: HookFunction): void {
    for (const [hook, fns] of this.#hooks.entries()) {
      this.#priorities[hook] = (this.#priorities[hook] as number[]).filter((_, i) => fns[i] !== fn);
      this.#hooks[hook] = fns.filter((f) => f !== fn);
    }
    if (this.#hooks.every((fns) => fns.length === 0)) this.kernel.netfilter = null;
  }

  // Each has a loop of its own: few kinds of functions stand at one hook, and the engine knows them then.
  // --- the hooks, as the IPv4 path calls them ------------------------------------------------------------------------

  /** A packet came in, and is not routed yet. The packet to go on with, put together from fragments perhaps; null: it is gone. */
  preRouting(p: Packet, dev: NetDevice): Packet | null {
    if (this.bridge.passed(p)) return p;
    if (p.nfct !== 0 || p.nfctInfo !== 0) this.#begin(p);
    const fns = this.#hooks[PRE_ROUTING] as HookFunction[];
    if (fns.length === 0) return p;
    const s = this.enter(PRE_ROUTING, p, dev);
    let verdict = NF_ACCEPT;
    for (let i = 0; i < fns.length; i++) if ((verdict = (fns[i] as HookFunction).run(s)) !== NF_ACCEPT) break;
    const passed = verdict === NF_ACCEPT || this.#end(s, verdict);
    const kept = s.p;
    this.leave(s);
    return passed ? kept : null;
  }

  /** A packet is for this node. False: it is gone. */
  input(p: Packet, dev: NetDevice): boolean {
    const fns = this.#hooks[LOCAL_IN] as HookFunction[];
    if (fns.length === 0) return true;
    const s = this.enter(LOCAL_IN, p, dev);
    this.bridge.showPort(s);
    let verdict = NF_ACCEPT;
    for (let i = 0; i < fns.length; i++) if ((verdict = (fns[i] as HookFunction).run(s)) !== NF_ACCEPT) break;
    const passed = verdict === NF_ACCEPT || this.#end(s, verdict);
    this.leave(s);
    if (passed) p.fragMax = 0;
    return passed;
  }

  /** A packet leaves by `d` for somebody else. False: it is gone. */
  forward(p: Packet, dev: NetDevice, d: Dst): boolean {
    const fns = this.#hooks[FORWARD] as HookFunction[];
    if (fns.length === 0) return true;
    const s = this.enter(FORWARD, p, dev, d);
    this.bridge.showPort(s);
    let verdict = NF_ACCEPT;
    for (let i = 0; i < fns.length; i++) if ((verdict = (fns[i] as HookFunction).run(s)) !== NF_ACCEPT) break;
    const passed = verdict === NF_ACCEPT || this.#end(s, verdict);
    this.leave(s);
    return passed;
  }

  /** A packet was made here, to leave by `d`. The way that it takes; null: it is gone. */
  output(p: Packet, d: Dst): Dst | null {
    if (p.nfct !== 0 || p.nfctInfo !== 0) this.#begin(p);
    const fns = this.#hooks[LOCAL_OUT] as HookFunction[];
    if (fns.length === 0) return d;
    const s = this.enter(LOCAL_OUT, p, null, d);
    let verdict = NF_ACCEPT;
    for (let i = 0; i < fns.length; i++) if ((verdict = (fns[i] as HookFunction).run(s)) !== NF_ACCEPT) break;
    const passed = verdict === NF_ACCEPT || this.#end(s, verdict);
    const way = s.d;
    this.leave(s);
    return passed ? way : null;
  }

  /** A packet is about to leave by `d`. False: it is gone. What comes back by the loopback, or a copy of it, keeps its flow. */
  postRouting(p: Packet, d: Dst, dev: NetDevice | null): boolean {
    const fns = this.#hooks[POST_ROUTING] as HookFunction[];
    if (fns.length === 0) return true;
    const s = this.enter(POST_ROUTING, p, dev, d);
    let verdict = NF_ACCEPT;
    for (let i = 0; i < fns.length; i++) if ((verdict = (fns[i] as HookFunction).run(s)) !== NF_ACCEPT) break;
    const passed = verdict === NF_ACCEPT || this.#end(s, verdict);
    this.leave(s);
    if (!passed) return false;
    if (d.type === DST_LOCAL || d.type === DST_BROADCAST) p.nfctInfo |= CT_KEEP;
    else p.nfct = p.nfctInfo = 0;
    return true;
  }

  /** The packet dies with the flow that was made for it. */
  release(p: Packet): void {
    this.#conntrack?.release(p);
    p.nfct = 0;
  }

  /** `answer` is about `p`, and belongs to its flow (`nf_ct_attach`). */
  attach(answer: Packet, p: Packet): void {
    this.#conntrack?.attach(answer, p);
  }

  // --- inside --------------------------------------------------------------------------------------------------

  /** A state for a packet at a hook, which came in by `dev` and leaves by `d`, where it did and does; `leave` gives it back. */
  enter(hook: number, p: Packet, dev: NetDevice | null = null, d: Dst | null = null): HookState {
    const s = this.#spare ?? new HookState(this.kernel, p);
    this.#spare = s.spare;
    s.spare = null;
    s.hook = hook;
    s.p = p;
    s.in = dev;
    s.out = d === null ? null : d.dev;
    s.physIn = null;
    s.physOut = null;
    s.d = d;
    s.helper = null;
    return s;
  }
  leave(s: HookState): void {
    s.spare = this.#spare;
    this.#spare = s;
  }

  /** Asks all functions at the state's hook. False: the packet is gone. */
  run(s: HookState): boolean {
    for (const fn of this.#hooks[s.hook] as HookFunction[]) {
      const verdict = fn.run(s);
      if (verdict !== NF_ACCEPT) return this.#end(s, verdict);
    }
    return true;
  }

  /** A function took the packet, or wants it dropped. */
  #end(s: HookState, verdict: number): false {
    if (verdict !== NF_STOLEN) this.kernel.drop(s.p, s.reason, s.where);
    return false;
  }

  /** A packet keeps the flow that it comes with only when it was looped back, or attached to it. */
  #begin(p: Packet): void {
    const kept = (p.nfctInfo & CT_KEEP) !== 0 && this.#conntrack !== null && (p.nfct === 0 || this.#conntrack.owns(p));
    if (kept) p.nfctInfo &= ~CT_KEEP;
    else p.nfct = p.nfctInfo = 0;
  }

  /** net/ipv4/netfilter/nf_defrag_ipv4.c: rules and flows are asked about whole datagrams. */
  #reassemble(s: HookState): number {
    const { p } = s;
    if (!isFragment(p.buf, p.net)) return NF_ACCEPT;
    const dev = s.in as NetDevice;
    const link = p.buf.slice(Math.max(0, p.net - LINK_HEADER), p.net);
    const { reassembly } = this.kernel.ipv4;
    const whole = reassembly.add(p, dev);
    if (whole === null) return NF_STOLEN;
    whole.fragMax = reassembly.longest;
    whole.buf.set(link, whole.start - link.length);
    s.p = whole;
    return NF_ACCEPT;
  }

  /** Asks a function that may change where a packet from here goes, and routes it again if it did (`ip_route_me_harder`). */
  #reroute(s: HookState, fn: HookFunction): number {
    const { buf, net } = s.p;
    const before = [srcI32(buf, net), dstI32(buf, net), s.p.mark, tos(buf, net) & TOS_ROUTING];
    const verdict = fn.run(s);
    if (verdict !== NF_ACCEPT) return verdict;
    const p = s.p;
    const [src, dst, mark, bits] = [
      srcI32(p.buf, p.net),
      dstI32(p.buf, p.net),
      p.mark,
      tos(p.buf, p.net) & TOS_ROUTING,
    ];
    if (src === before[0] && dst === before[1] && mark === before[2] && bits === before[3]) return NF_ACCEPT;
    const old = s.d as Dst;
    const way = this.kernel.ipv4.routes.output(dst, src, old.keyIif < 0 ? ~old.keyIif : 0, bits, mark);
    if (way.type === DST_ERROR) {
      s.refuse(NO_ROUTE, "OUTPUT");
      return NF_DROP;
    }
    s.d = way;
    s.out = way.dev;
    return NF_ACCEPT;
  }

  #tableChanged(table: Table): void {
    if (table.tracks) this.enableConntrack();
    const { name } = table;
    if (name === "nat") {
      if (this.nat.rules === null) {
        this.nat.rules = table;
        this.nat.leavesBy = (ifname) => leavesBy(table, ifname);
        this.enableNat();
      }
      return;
    }
    if (this.#registered.has(name)) return;
    this.#registered.add(name);
    const priority = name === "raw" ? PRI_RAW : name === "mangle" ? PRI_MANGLE : PRI_FILTER;
    for (const hook of TABLE_HOOKS[name]) {
      const reroutes = name === "mangle" && hook === LOCAL_OUT;
      this.register(hook, priority, reroutes ? { run: (s) => this.#reroute(s, table) } : table);
    }
  }
  readonly #registered = new Set<TableName>();
}

/** Whether a rule changes the source of what leaves by a device. */
function leavesBy(nat: Table, ifname: string): boolean {
  const rules = nat.chain("POSTROUTING")?.rules ?? [];
  return rules.some(({ spec: { target, out } }) => {
    if (target?.kind !== "MASQUERADE" && target?.kind !== "SNAT") return false;
    return out === undefined || nameMatcher(out)(ifname);
  });
}
