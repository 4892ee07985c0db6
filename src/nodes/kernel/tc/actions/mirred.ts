import { dropReason } from "../../../../core/drop.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { Kernel } from "../../kernel.ts";
import type { NetDevice } from "../../netdev.ts";
import { TC_PIPE, TC_SHOT, TC_STOLEN, type Verdict } from "../filters/filter.ts";
import { Action } from "./action.ts";

const RECURSION = dropReason("recursion: too many tunnels inside one another");
/** A packet is passed on this often, at most (MIRRED_NEST_LIMIT). */
const NEST_MAX = 4;

/** `action mirred egress redirect|mirror dev NAME`: the packet, or a copy of it, leaves by another device (net/sched/act_mirred.c). */
export class Mirred extends Action {
  override readonly kind = "mirred";
  readonly redirect: boolean;
  readonly dev: NetDevice;

  /** What becomes of the packet itself. */
  readonly verdict: Verdict;

  constructor(kernel: Kernel, dev: NetDevice, redirect: boolean, verdict = redirect ? TC_STOLEN : TC_PIPE, index = 0) {
    super(kernel, index);
    this.dev = dev;
    this.redirect = redirect;
    this.verdict = verdict;
  }

  override act(p: Packet, length: number): Verdict {
    this.count(length);
    const { kernel, dev } = this;
    if (kernel.deviceByIndex(dev.ifindex) !== dev || !dev.up) {
      this.overlimits++;
      return this.redirect ? TC_SHOT : this.verdict;
    }
    const copy = kernel.sim.pool.clone(p);
    if (++copy.depth > NEST_MAX) {
      this.overlimits++;
      kernel.drop(copy, RECURSION, dev.name);
      return this.redirect ? TC_SHOT : this.verdict;
    }
    dev.send(copy);
    return this.verdict;
  }
}
