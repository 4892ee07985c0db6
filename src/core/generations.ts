/**
 * A cache of two generations: what is asked for again stays, what is not goes with the older one. It only saves time and memory; nothing may hang on what it still knows.
 */
export class Generations<V> {
  readonly #max: number;
  #young = new Map<number, V>();
  #old = new Map<number, V>();

  /** At most `max` values in each generation. */
  constructor(max: number) {
    this.#max = max;
  }

  get(key: number): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }
  set(key: number, value: V): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
