import seedrandom from "seedrandom";

/** A named stream of pseudo-random numbers. Adding a node or a purpose shifts nobody else's draws. */
export class RandomStream {
  readonly #draw: () => number;

  constructor(seed: string) {
    this.#draw = seedrandom.alea(seed);
  }

  /** A float in [0, 1). */
  float(): number {
    return this.#draw();
  }
  /** An integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.#draw() * n);
  }
  /** An integer in [low, high], both ends included. */
  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }
  u16(): number {
    return this.int(0x10000);
  }
  u32(): number {
    return this.int(0x1_0000_0000);
  }
  chance(probability: number): boolean {
    return probability > 0 && this.#draw() < probability;
  }
}
