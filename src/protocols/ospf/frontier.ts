/** Vertices by their place in the graph, the nearest first: a binary heap in which a vertex that stands there already moves. */
export class Frontier {
  #heap = new Int32Array(0);
  /** By vertex: its key. */
  #keys = new Float64Array(0);
  /** By vertex: where it stands in the heap, or −1. */
  #places = new Int32Array(0);
  #size = 0;

  /** Empty, with room for `vertices`. */
  reset(vertices: number): void {
    if (this.#places.length < vertices) {
      const room = 2 * vertices;
      this.#heap = new Int32Array(room);
      this.#keys = new Float64Array(room);
      this.#places = new Int32Array(room).fill(-1);
    }
    for (let i = 0; i < this.#size; i++) this.#places[this.#heap[i] as number] = -1;
    this.#size = 0;
  }
  /** Puts a vertex in, or moves it. */
  put(vertex: number, key: number): void {
    let at = this.#places[vertex] as number;
    if (at < 0) at = this.#size++;
    else if (key > (this.#keys[vertex] as number)) {
      this.#keys[vertex] = key;
      return this.#down(vertex, key, at);
    }
    this.#keys[vertex] = key;
    this.#up(vertex, key, at);
  }
  /** Takes a vertex out that stands there. */
  drop(vertex: number): void {
    const at = this.#places[vertex] as number;
    if (at >= 0) this.#takeOut(at);
  }
  has(vertex: number): boolean {
    return (this.#places[vertex] as number) >= 0;
  }
  /** Takes out the nearest; −1: none is left. */
  take(): number {
    if (this.#size === 0) return -1;
    const top = this.#heap[0] as number;
    this.#takeOut(0);
    return top;
  }

  #takeOut(at: number): void {
    this.#places[this.#heap[at] as number] = -1;
    const last = this.#heap[--this.#size] as number;
    if (at === this.#size) return;
    const key = this.#keys[last] as number;
    const parent = this.#heap[(at - 1) >> 1];
    if (at > 0 && key < (this.#keys[parent as number] as number)) this.#up(last, key, at);
    else this.#down(last, key, at);
  }
  #up(vertex: number, key: number, from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const p = this.#heap[above] as number;
      if ((this.#keys[p] as number) <= key) break;
      this.#heap[at] = p;
      this.#places[p] = at;
      at = above;
    }
    this.#heap[at] = vertex;
    this.#places[vertex] = at;
  }
  #down(vertex: number, key: number, from: number): void {
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#size) break;
      let c = this.#heap[below] as number;
      if (below + 1 < this.#size) {
        const other = this.#heap[below + 1] as number;
        if ((this.#keys[other] as number) < (this.#keys[c] as number)) {
          below++;
          c = other;
        }
      }
      if ((this.#keys[c] as number) >= key) break;
      this.#heap[at] = c;
      this.#places[c] = at;
      at = below;
    }
    this.#heap[at] = vertex;
    this.#places[vertex] = at;
  }
}
