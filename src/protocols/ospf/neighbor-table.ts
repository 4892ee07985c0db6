import type { Ipv4 } from "../../core/addr.ts";
import type { Neighbor } from "./model.ts";

/** The neighbours on one interface. Every advertisement that is flooded asks for all of them: they stand in an array too, a new one with each change. */
export class NeighborTable {
  readonly #byKey = new Map<Ipv4, Neighbor>();
  #all: readonly Neighbor[] = [];

  get all(): readonly Neighbor[] {
    return this.#all;
  }
  get size(): number {
    return this.#all.length;
  }
  get(key: Ipv4): Neighbor | undefined {
    return this.#byKey.get(key);
  }
  set(key: Ipv4, n: Neighbor): void {
    this.#byKey.set(key, n);
    this.#all = [...this.#byKey.values()];
  }
  /** Forgets a neighbour, whatever its key. */
  remove(n: Neighbor): void {
    for (const [key, other] of this.#byKey) if (other === n) this.#byKey.delete(key);
    this.#all = [...this.#byKey.values()];
  }
}
