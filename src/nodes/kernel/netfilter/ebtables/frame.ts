import type { Packet } from "../../../../core/packet.ts";
import type { Kernel } from "../../kernel.ts";
import type { NetDevice } from "../../netdev.ts";

/** Where a frame is in a bridge (`NF_BR_…`). */
export const BR_PRE_ROUTING = 0;
export const BR_LOCAL_IN = 1;
export const BR_FORWARD = 2;
export const BR_LOCAL_OUT = 3;
export const BR_POST_ROUTING = 4;
export const BR_HOOK_NAMES = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"] as const;

/** A frame at a hook of a bridge: `p.start` is at its Ethernet header. Reused: nobody keeps one. */
export class FrameState {
  readonly kernel: Kernel;
  hook = BR_PRE_ROUTING;
  p: Packet;
  /** Ports; null where there is none. */
  in: NetDevice | null = null;
  out: NetDevice | null = null;
  /** The bridges that they belong to. */
  logicalIn: NetDevice | null = null;
  logicalOut: NetDevice | null = null;

  constructor(kernel: Kernel, p: Packet) {
    this.kernel = kernel;
    this.p = p;
  }
}
