import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { Kernel } from "../../kernel.ts";
import type { NetDevice } from "../../netdev.ts";
import type { BridgeNetfilter } from "../bridge-nf.ts";
import { BR_FORWARD, BR_LOCAL_IN, BR_LOCAL_OUT, BR_POST_ROUTING, BR_PRE_ROUTING, FrameState } from "./frame.ts";
import type { EbTableName } from "./rule.ts";
import { EbTable } from "./table.ts";

/** The ebtables of a node, made when somebody first asks for them. A frame asks once a rule or a policy was set. */
export function bridgeHooks(kernel: Kernel): BridgeHooks {
  kernel.bridgeFirewall ??= new BridgeHooks(kernel);
  return kernel.bridgeFirewall;
}

/** The hooks of a node's bridges, in Linux's order: ebtables' `nat` before the IP hooks on the way in, behind them on the way out. */
export class BridgeHooks {
  readonly #kernel: Kernel;
  readonly #tables = new Map<EbTableName, EbTable>();
  #filter: EbTable | null = null;
  #nat: EbTable | null = null;
  /** Shows bridged packets to iptables, where `bridge-nf-call-iptables` asks for it. */
  #calls: BridgeNetfilter | null = null;
  readonly #states: FrameState[] = [];
  #depth = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The rules of a table. `broute`, which takes frames away from the bridge, is not built. */
  table(name: string): Outcome<EbTable> {
    if (name !== "filter" && name !== "nat") {
      const detail =
        name === "broute" ? 'table "broute" is not built' : `The kernel doesn't support the ebtables '${name}' table.`;
      return refused(name === "broute" ? "EOPNOTSUPP" : "ENOENT", detail);
    }
    let table = this.#tables.get(name);
    if (table === undefined) {
      const made = new EbTable(name, () => this.#use(made));
      table = made;
      this.#tables.set(name, table);
    }
    return granted(table);
  }

  /** Bridged packets are shown to iptables from now on, or no more. */
  callIptables(calls: BridgeNetfilter | null): void {
    this.#calls = calls;
    if (calls !== null) this.#kernel.bridgeFilter = this;
  }

  /** A port received a frame that is to be bridged (NF_BR_PRE_ROUTING). The frame to go on with; null: it is gone. */
  preRouting(p: Packet, port: NetDevice, bridge: NetDevice): Packet | null {
    if (!this.#ask(this.#nat, BR_PRE_ROUTING, p, port, null, bridge)) return null;
    return this.#calls === null ? p : this.#calls.preRouting(p, port, bridge);
  }
  /** A frame is for the bridge itself (NF_BR_LOCAL_IN). False: it is gone. */
  localIn(p: Packet, port: NetDevice | null, bridge: NetDevice): boolean {
    if (!this.#ask(this.#filter, BR_LOCAL_IN, p, port, null, bridge)) return false;
    this.#calls?.rise(p);
    return true;
  }
  /** The frame that `localIn` let pass has been received. */
  received(): void {
    this.#calls?.stay();
  }
  /** A frame goes out at a port, from another one or from the bridge itself, whose `from` is null. False: it is gone. */
  leave(p: Packet, from: NetDevice | null, to: NetDevice, bridge: NetDevice): boolean {
    if (from === null) {
      if (!this.#ask(this.#nat, BR_LOCAL_OUT, p, null, to, bridge)) return false;
      if (!this.#ask(this.#filter, BR_LOCAL_OUT, p, null, to, bridge)) return false;
    } else {
      if (!this.#ask(this.#filter, BR_FORWARD, p, from, to, bridge)) return false;
      if (this.#calls !== null && !this.#calls.forward(p, from, to, bridge)) return false;
    }
    if (!this.#ask(this.#nat, BR_POST_ROUTING, p, from, to, bridge)) return false;
    return this.#calls === null || from === null || this.#calls.postRouting(p, from, to, bridge);
  }

  #use(table: EbTable): void {
    if (table.name === "filter") this.#filter = table;
    else this.#nat = table;
    this.#kernel.bridgeFilter = this;
  }

  #ask(
    table: EbTable | null,
    hook: number,
    p: Packet,
    from: NetDevice | null,
    to: NetDevice | null,
    bridge: NetDevice,
  ): boolean {
    if (table === null) return true;
    let s = this.#states[this.#depth++];
    if (s === undefined) {
      s = new FrameState(this.#kernel, p);
      this.#states.push(s);
    }
    s.hook = hook;
    s.p = p;
    s.in = from;
    s.out = to;
    s.logicalIn = from === null ? null : bridge;
    s.logicalOut = to === null ? null : bridge;
    const passed = table.run(s);
    this.#depth--;
    if (!passed) this.#kernel.drop(p, table.reason, table.where);
    return passed;
  }
}
