import type { Packet } from "../../../../core/packet.ts";
import type { Kernel } from "../../kernel.ts";
import { TC_SHOT, type Verdict } from "../filters/filter.ts";
import { Action } from "./action.ts";

/** `action pass`, `drop`, `continue`, …: the verdict itself (net/sched/act_gact.c). */
export class Gact extends Action {
  override readonly kind = "gact";
  readonly verdict: Verdict;

  constructor(kernel: Kernel, verdict: Verdict, index = 0) {
    super(kernel, index);
    this.verdict = verdict;
  }

  override act(_p: Packet, length: number): Verdict {
    this.count(length);
    if (this.verdict === TC_SHOT) this.drops++;
    return this.verdict;
  }
}
