const FIRST_CELLS = 1024;

/**
 * Numbers that change with every packet, side by side in one array. A number with a fraction, or beyond 31 bits, is an
 * object of its own when it is a field; with thousands of nodes each such object is a cache miss.
 */
export class Slab {
  /** The cells. The array is replaced when the slab grows: read it anew each time. */
  cells = new Float64Array(FIRST_CELLS);
  #used = 0;

  /** Reserves `count` cells, all 0, and returns the index of the first. */
  reserve(count: number): number {
    const first = this.#used;
    this.#used += count;
    if (this.#used > this.cells.length) {
      const grown = new Float64Array(Math.max(this.cells.length * 2, this.#used));
      grown.set(this.cells);
      this.cells = grown;
    }
    return first;
  }
}
