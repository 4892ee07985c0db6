import type { RandomStream } from "../../../core/rng.ts";

/** Probabilities here are 32-bit integers: 0xffffffff is 1. */

/** A random number that depends on the one before it (net/sched/sch_netem.c:get_crandom). */
export class CorrelatedRandom {
  readonly #draws: RandomStream;
  /** How much of the last number the next one keeps. */
  readonly rho: number;
  #last: number;

  constructor(draws: RandomStream, rho: number) {
    this.#draws = draws;
    this.rho = rho;
    this.#last = rho === 0 ? 0 : draws.u32();
  }

  next(): number {
    const value = this.#draws.u32();
    if (this.rho === 0) return value;
    const rho = BigInt(this.rho) + 1n;
    const answer = (BigInt(value) * ((1n << 32n) - rho) + BigInt(this.#last) * rho) >> 32n;
    this.#last = Number(answer);
    return this.#last;
  }
}

/** `loss state`: four states, between which each packet moves. */
export interface FourStateLoss {
  readonly model: "state";
  readonly p13: number;
  readonly p31: number;
  readonly p32: number;
  readonly p14: number;
  readonly p23: number;
}
/** `loss gemodel`: a good state and a bad one, and what is lost in either. */
export interface GilbertElliotLoss {
  readonly model: "gemodel";
  readonly p: number;
  readonly r: number;
  /** Probability of passing in the bad state. */
  readonly h: number;
  /** Probability of loss in the good state. */
  readonly k1: number;
}

/** Decides packet by packet what is lost, and remembers its state. */
export interface LossModel {
  lost(): boolean;
}

export function lossModel(options: FourStateLoss | GilbertElliotLoss, draws: RandomStream): LossModel {
  return options.model === "state" ? new FourStates(options, draws) : new GilbertElliot(options, draws);
}

type FourState = "received in gap" | "received in burst" | "lost in gap" | "lost in burst";

/** net/sched/sch_netem.c:loss_4state. */
class FourStates implements LossModel {
  readonly #o: FourStateLoss;
  readonly #draws: RandomStream;
  #state: FourState = "received in gap";

  constructor(o: FourStateLoss, draws: RandomStream) {
    this.#o = o;
    this.#draws = draws;
  }

  lost(): boolean {
    const rnd = this.#draws.u32();
    this.#state = this.#next(rnd);
    return this.#state === "lost in gap" || this.#state === "lost in burst";
  }

  #next(rnd: number): FourState {
    const { p13, p31, p32, p14, p23 } = this.#o;
    switch (this.#state) {
      case "received in gap":
        if (rnd < p14) return "lost in gap";
        return rnd > p14 && rnd < sum(p13, p14) ? "lost in burst" : "received in gap";
      case "received in burst":
        return rnd < p23 ? "lost in burst" : "received in burst";
      case "lost in burst":
        if (rnd < p32) return "received in burst";
        return rnd > p32 && rnd < sum(p31, p32) ? "received in gap" : "lost in burst";
      case "lost in gap":
        return "received in gap";
    }
  }
}

/** Of 32 bits, as the kernel's. */
const sum = (a: number, b: number): number => (a + b) >>> 0;

/** net/sched/sch_netem.c:loss_gilb_ell. */
class GilbertElliot implements LossModel {
  readonly #o: GilbertElliotLoss;
  readonly #draws: RandomStream;
  #bad = false;

  constructor(o: GilbertElliotLoss, draws: RandomStream) {
    this.#o = o;
    this.#draws = draws;
  }

  lost(): boolean {
    const { p, r, h, k1 } = this.#o;
    if (this.#bad) {
      if (this.#draws.u32() < r) this.#bad = false;
      return this.#draws.u32() > h;
    }
    if (this.#draws.u32() < p) this.#bad = true;
    return this.#draws.u32() < k1;
  }
}
