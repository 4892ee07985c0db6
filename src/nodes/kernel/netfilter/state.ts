import type { DropReason } from "../../../core/drop.ts";
import type { Packet } from "../../../core/packet.ts";
import { fragmentOffset, headerLength, IPPROTO_TCP, protocol } from "../../../protocols/ipv4/wire.ts";
import type { Dst } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import type { Helper } from "./conntrack/helper.ts";

/** Where a packet is (`enum nf_inet_hooks`). */
export const PRE_ROUTING = 0;
export const LOCAL_IN = 1;
export const FORWARD = 2;
export const LOCAL_OUT = 3;
export const POST_ROUTING = 4;
export const HOOK_NAMES = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"] as const;
export type HookName = (typeof HOOK_NAMES)[number];

/** In which order functions at one hook are asked (`enum nf_ip_hook_priorities`). */
export const PRI_FIRST = -0x80000000;
export const PRI_CONNTRACK_DEFRAG = -400;
export const PRI_RAW = -300;
export const PRI_CONNTRACK = -200;
export const PRI_MANGLE = -150;
export const PRI_NAT_DST = -100;
export const PRI_FILTER = 0;
export const PRI_NAT_SRC = 100;
export const PRI_CONNTRACK_HELPER = 300;
export const PRI_CONNTRACK_CONFIRM = 0x7fffffff;

/** What a function at a hook decides. `NF_STOLEN`: it took the packet, and will see to it. */
export const NF_DROP = 0;
export const NF_ACCEPT = 1;
export const NF_STOLEN = 2;

/** A function at a hook. When it drops, it has called `HookState.refuse`. */
export interface HookFunction {
  run(s: HookState): number;
}

/** Ports could be read; the packet is a later fragment, which has none; it is too short for its protocol's header. */
export const PORTS_READ = 0;
export const PORTS_NONE = 1;
export const PORTS_SHORT = 2;

/** A packet at a hook (`struct nf_hook_state`), with what rules ask of it most. Reused: nobody keeps one. */
export class HookState {
  readonly kernel: Kernel;
  hook = PRE_ROUTING;
  p: Packet;
  /** Null where Linux has none: `in` of what is made here, `out` of what is not routed yet or stays. */
  in: NetDevice | null = null;
  out: NetDevice | null = null;
  /** Ports of a bridge, for frames that cross one. */
  physIn: NetDevice | null = null;
  physOut: NetDevice | null = null;
  /** The route that it leaves by; null before routing. */
  d: Dst | null = null;
  /** The helper that a rule chose for the flow that the packet may begin. */
  helper: Helper | null = null;
  /** The next one that is not in use, while this one is not either. */
  spare: HookState | null = null;
  /** Why it is dropped, and by whom. */
  reason: DropReason = 0;
  where = "";
  /** Octets of the IP header, set by `read`. */
  transport = 0;
  protocol = 0;
  /** In units of 8 octets. */
  fragment = 0;
  ports = PORTS_NONE;
  sport = 0;
  dport = 0;
  /** A match could not read what it needs: the packet is dropped (`xt_action_param.hotdrop`). */
  hotdrop = false;

  constructor(kernel: Kernel, p: Packet) {
    this.kernel = kernel;
    this.p = p;
  }

  /** Reads what rules ask for: anew before every table, since targets change packets. */
  read(): void {
    const { p } = this;
    const { buf, net } = p;
    const proto = protocol(buf, net);
    const at = net + headerLength(buf, net);
    const fragment = fragmentOffset(buf, net) >> 3;
    this.protocol = proto;
    this.transport = at;
    this.fragment = fragment;
    this.hotdrop = false;
    if (fragment !== 0) this.ports = PORTS_NONE;
    else if (p.end - at < (proto === IPPROTO_TCP ? 20 : 8)) this.ports = PORTS_SHORT;
    else {
      this.ports = PORTS_READ;
      this.sport = p.view.getUint16(at);
      this.dport = p.view.getUint16(at + 2);
    }
  }

  /** Says why the packet is dropped, and gives the verdict. */
  refuse(reason: DropReason, where: string): number {
    this.reason = reason;
    this.where = where;
    return NF_DROP;
  }
}
