import { FLOW_SHIFT, T_PORTS, W_PROTOCOL, W_SOURCE_NEXT, W_SOURCE_PREV } from "./flow.ts";
import { hash } from "./hash.ts";
import type { FlowTable } from "./table.ts";

const HEADS_MIN = 64;

/**
 * The flows of each source (address, port and protocol of the original direction), the newest first: where translation finds
 * the mapping that a source has already (net/netfilter/nf_nat_core.c:nf_nat_bysource).
 */
export class SourceLists {
  readonly #table: FlowTable;
  readonly #seed: number;
  #heads = new Int32Array(HEADS_MIN);
  #count = 0;

  constructor(table: FlowTable, seed: number) {
    this.#table = table;
    this.#seed = seed;
  }

  /** The newest flow in the list where those of this source are, others among them; 0: none. */
  first(src: number, sport: number, protocol: number): number {
    return this.#heads[hash(src, sport, 0, protocol, this.#seed) & (this.#heads.length - 1)] as number;
  }
  next(slot: number): number {
    return this.#table.words[(slot << FLOW_SHIFT) + W_SOURCE_NEXT] as number;
  }

  add(slot: number): void {
    if (++this.#count > this.#heads.length) this.#rebuild();
    this.#link(slot);
  }

  remove(slot: number): void {
    const w = this.#table.words;
    const o = slot << FLOW_SHIFT;
    const next = w[o + W_SOURCE_NEXT] as number;
    const previous = w[o + W_SOURCE_PREV] as number;
    if (next !== 0) w[(next << FLOW_SHIFT) + W_SOURCE_PREV] = previous;
    if (previous !== 0) w[(previous << FLOW_SHIFT) + W_SOURCE_NEXT] = next;
    else this.#heads[this.#bucket(slot)] = next;
    this.#count--;
  }

  #bucket(slot: number): number {
    const w = this.#table.words;
    const o = slot << FLOW_SHIFT;
    const sport = (w[o + T_PORTS] as number) >>> 16;
    return hash(w[o] as number, sport, 0, w[o + W_PROTOCOL] as number, this.#seed) & (this.#heads.length - 1);
  }

  #link(slot: number): void {
    const w = this.#table.words;
    const o = slot << FLOW_SHIFT;
    const bucket = this.#bucket(slot);
    const first = this.#heads[bucket] as number;
    w[o + W_SOURCE_NEXT] = first;
    w[o + W_SOURCE_PREV] = 0;
    if (first !== 0) w[(first << FLOW_SHIFT) + W_SOURCE_PREV] = slot;
    this.#heads[bucket] = slot;
  }

  /** Twice as many lists; within each, the order stays. */
  #rebuild(): void {
    const old = this.#heads;
    this.#heads = new Int32Array(2 * old.length);
    for (const first of old) {
      const slots: number[] = [];
      for (let slot = first; slot !== 0; slot = this.next(slot)) slots.push(slot);
      for (const slot of slots.reverse()) this.#link(slot);
    }
  }
}
