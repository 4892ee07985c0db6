import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { Nanos } from "../../../../core/time.ts";
import type { Kernel } from "../../kernel.ts";
import { TC_SHOT, type Verdict } from "../filters/filter.ts";
import { Rate, type RateSpec, ticksToNs } from "../rate.ts";
import { Action } from "./action.ts";

export interface PoliceOptions {
  readonly rate?: RateSpec | undefined;
  readonly peak?: RateSpec | undefined;
  /** Depth of the bucket in ticks. */
  readonly burst: number;
  /** The longest packet that conforms; 0: what the rate table would hold. */
  readonly mtu: number;
  /** What becomes of packets that do not conform, and of those that do. */
  readonly exceed: Verdict;
  readonly conform: Verdict;
  /** The filter itself says so, not an action of it: it is shown without a place among actions. */
  readonly bare?: boolean | undefined;
}

/** `action police`: a token bucket without a queue (net/sched/act_police.c). */
export class Police extends Action {
  override readonly kind = "police";
  readonly options: PoliceOptions;
  readonly rate: Rate | null;
  readonly peak: Rate | null;
  readonly burst: Nanos;
  readonly mtu: number;
  readonly #mtuTokens: Nanos;
  #tokens: Nanos;
  #peakTokens: Nanos;
  #countedAt: Nanos;

  private constructor(kernel: Kernel, index: number, options: PoliceOptions) {
    super(kernel, index);
    this.options = options;
    this.rate = options.rate === undefined ? null : new Rate(options.rate);
    this.peak = options.peak === undefined ? null : new Rate(options.peak);
    this.burst = ticksToNs(options.burst);
    this.mtu = options.mtu || (options.rate === undefined ? 0xffff_ffff : 255 << options.rate.cellLog);
    this.#mtuTokens = this.peak === null ? 0 : this.peak.ns(this.mtu);
    this.#tokens = this.burst;
    this.#peakTokens = this.#mtuTokens;
    this.#countedAt = kernel.sim.now;
  }

  static create(kernel: Kernel, options: PoliceOptions, index = 0): Outcome<Police> {
    if (options.peak !== undefined && options.rate === undefined) return refused("EINVAL");
    return granted(new Police(kernel, index, options));
  }

  /** net/sched/act_police.c:tcf_police_act. */
  override act(_p: Packet, length: number): Verdict {
    this.count(length);
    const { exceed, conform } = this.options;
    if (length <= this.mtu && this.#pays(length)) {
      if (conform === TC_SHOT) this.drops++;
      return conform;
    }
    this.overlimits++;
    if (exceed === TC_SHOT) this.drops++;
    return exceed;
  }

  #pays(length: number): boolean {
    const { rate, peak } = this;
    if (rate === null) return true;
    const { now } = this.kernel.sim;
    const gained = Math.min(now - this.#countedAt, this.burst);
    const peakTokens = peak === null ? 0 : Math.min(gained + this.#peakTokens, this.#mtuTokens) - peak.ns(length);
    const tokens = Math.min(gained + this.#tokens, this.burst) - rate.ns(length);
    if (tokens < 0 || peakTokens < 0) return false;
    this.#countedAt = now;
    this.#tokens = tokens;
    this.#peakTokens = peakTokens;
    return true;
  }
}
