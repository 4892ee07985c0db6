import type { Target } from "./filter.ts";
import type { U32Selector } from "./u32.ts";

/** Parts of a u32 handle: table (12 bits), bucket (8), node (12). */
export const htidOf = (handle: number): number => (handle & 0xfff0_0000) >>> 0;
export const bucketOf = (handle: number): number => (handle >>> 12) & 0xff;
export const nodeOf = (handle: number): number => handle & 0xfff;
/** Bucket and node: 0 in the handle of a table. */
export const keyOf = (handle: number): number => handle & 0xf_ffff;

/** A filter in a table (`struct tc_u_knode`). */
export interface U32Knode {
  readonly handle: number;
  readonly selector: U32Selector;
  /** The table that it leads to. */
  readonly down: U32Table | null;
  readonly target: Target;
  readonly mark: { readonly value: number; readonly mask: number } | undefined;
  /** The device that packets must have come in by. */
  readonly indev: string | undefined;
  table: U32Table | undefined;
  /** The one behind it in its bucket. */
  next: U32Knode | undefined;
  /** How often it was looked at, ended a search, had its mark and each of its keys match. */
  looks: number;
  matches: number;
  marks: number;
  hits: number[];
}

/** A table of filters (`struct tc_u_hnode`). */
export class U32Table {
  readonly handle: number;
  readonly preference: number;
  readonly isRoot: boolean;
  readonly buckets: U32Knode[][];
  /** Filters that lead to it. */
  links = 0;

  constructor(handle: number, preference: number, divisor: number, isRoot: boolean) {
    this.handle = handle;
    this.preference = preference;
    this.isRoot = isRoot;
    this.buckets = Array.from({ length: divisor }, () => []);
  }

  *nodes(): Generator<U32Knode> {
    for (const bucket of this.buckets) yield* bucket;
  }
  find(handle: number): U32Knode | undefined {
    return this.buckets[bucketOf(handle)]?.find((node) => nodeOf(node.handle) === nodeOf(handle));
  }
  /** The lowest number from `from` to `to` that no filter of a bucket has; below `from` when all are taken; 0: none is left. */
  freeNode(bucket: number, from: number, to: number): number {
    const taken = new Set(this.buckets[bucket]?.map((node) => nodeOf(node.handle)));
    for (let node = from; node <= to; node++) if (!taken.has(node)) return node;
    for (let node = 1; node < from; node++) if (!taken.has(node)) return node;
    return 0;
  }

  /** In the order of numbers. */
  insert(at: number, node: U32Knode): void {
    const bucket = this.buckets[at] as U32Knode[];
    const behind = bucket.findIndex((other) => nodeOf(other.handle) > nodeOf(node.handle));
    bucket.splice(behind < 0 ? bucket.length : behind, 0, node);
    this.#relink(bucket);
  }
  remove(node: U32Knode): void {
    const bucket = this.buckets[bucketOf(node.handle)] as U32Knode[];
    bucket.splice(bucket.indexOf(node), 1);
    this.#relink(bucket);
  }
  replace(old: U32Knode, node: U32Knode): void {
    const bucket = this.buckets[bucketOf(old.handle)] as U32Knode[];
    bucket[bucket.indexOf(old)] = node;
    this.#relink(bucket);
  }

  #relink(bucket: readonly U32Knode[]): void {
    for (const [i, node] of bucket.entries()) {
      node.table = this;
      node.next = bucket[i + 1];
    }
  }
}

/** The tables of all preferences on a qdisc and its classes (`struct tc_u_common`). */
export class U32Tables {
  /** The last made stands first. */
  #list: U32Table[] = [];
  #last = 0;

  list(): readonly U32Table[] {
    return this.#list;
  }
  find(handle: number): U32Table | undefined {
    return this.#list.find((table) => table.handle === handle);
  }

  /** The root table of a preference: 800: for the first. */
  addRoot(preference: number): U32Table {
    const handle = this.#list.length === 0 ? 0x8000_0000 : this.#freeHandle();
    return this.#add(new U32Table(handle, preference, 1, true));
  }
  /** A table under a handle; 0 draws one. */
  add(handle: number, preference: number, divisor: number): U32Table {
    return this.#add(new U32Table(handle === 0 ? this.#freeHandle() : handle, preference, divisor, false));
  }
  remove(table: U32Table): void {
    this.#list = this.#list.filter((other) => other !== table);
    if (this.#list.length === 0) this.#last = 0;
  }

  #add(table: U32Table): U32Table {
    this.#list.unshift(table);
    return table;
  }
  /** Numbers go round from 801 to ffe (gen_new_htid). */
  #freeHandle(): number {
    for (let tried = 0; tried < 0x7fe; tried++) {
      this.#last = (this.#last % 0x7fe) + 1;
      const handle = ((0x800 | this.#last) << 20) >>> 0;
      if (this.find(handle) === undefined) return handle;
    }
    return 0;
  }
}
