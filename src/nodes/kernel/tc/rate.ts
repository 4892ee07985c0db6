import { type Nanos, S } from "../../../core/time.ts";

/** A rate as it is configured (`struct tc_ratespec`). */
export interface RateSpec {
  readonly bytesPerSecond: number;
  /** Bytes added to every packet in rate computations. */
  readonly overhead: number;
  /** Bytes that the shortest packet counts as. */
  readonly mpu: number;
  /** ATM carries packets in cells of 53 bytes, 48 of them payload. */
  readonly linklayer: "ethernet" | "atm";
  /** What `tc -d` prints as the cell of the rate table, which kernels since 3.8 do not use. */
  readonly cellLog: number;
}

/** A tick of the packet scheduler's clock is 64 ns (PSCHED_SHIFT); `tc` hands bursts to the kernel in ticks. */
export const TICK: Nanos = 64;
export const ticksToNs = (ticks: number): Nanos => ticks * TICK;
/** Rounds down, as the kernel shifts. */
export const nsToTicks = (ns: Nanos): number => Math.floor(ns / TICK);

/** How long packets take at a rate, in the kernel's fixed point arithmetic (`struct psched_ratecfg`). */
export class Rate {
  readonly spec: RateSpec;
  readonly #mult: number;
  /** Two to the power of the kernel's shift. */
  readonly #divisor: number;

  constructor(spec: RateSpec) {
    this.spec = spec;
    const { mult, shift } = precompute(spec.bytesPerSecond);
    this.#mult = mult;
    this.#divisor = 2 ** shift;
  }

  /** The time of a packet of `bytes` (include/net/sch_generic.h:psched_l2t_ns). */
  ns(bytes: number): Nanos {
    const { spec } = this;
    let length = bytes + spec.overhead;
    if (length < spec.mpu) length = spec.mpu;
    if (spec.linklayer === "atm") length = Math.ceil(length / 48) * 53;
    return Math.floor((length * this.#mult) / this.#divisor);
  }

  /** How many bytes fit into `span`: the longest packet that a bucket of this depth passes (`psched_ns_t2l`). */
  bytes(span: Nanos): number {
    const { spec } = this;
    let length = Math.floor((span * spec.bytesPerSecond) / S);
    if (spec.linklayer === "atm") length = Math.floor(length / 53) * 48;
    return length > spec.overhead ? length - spec.overhead : 0;
  }
}

/** net/sched/sch_generic.c:psched_ratecfg_precompute: one second over the rate as a factor of 32 bits and a shift. */
function precompute(bytesPerSecond: number): { mult: number; shift: number } {
  const rate = BigInt(bytesPerSecond);
  let factor = BigInt(S);
  for (let shift = 0; ; shift++) {
    const mult = factor / rate;
    if ((mult & 0x8000_0000n) !== 0n || factor >= 1n << 63n) return { mult: Number(mult & 0xffff_ffffn), shift };
    factor <<= 1n;
  }
}
