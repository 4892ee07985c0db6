import { done, granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { NetDevice } from "../../netdev.ts";
import type { Action } from "../actions/action.ts";
import type { Handle } from "../handle.ts";
import type { Qdisc } from "../qdisc.ts";
import { networkOffset } from "../skb.ts";
import { type FilterChain, FilterProto, Target, TC_UNSPEC, type Verdict } from "./filter.ts";
import { bucketOf, htidOf, keyOf, nodeOf, type U32Knode, type U32Table, U32Tables } from "./u32-tables.ts";

/** A 32-bit word of the packet at an offset from its network header, or (`next`) from where an offset led, under a mask. */
export interface U32Key {
  readonly value: number;
  readonly mask: number;
  readonly offset: number;
  readonly next: boolean;
}

/** Where the next table's keys count from, and which of its buckets is looked into (`struct tc_u32_sel`). */
export interface U32Selector {
  readonly keys: readonly U32Key[];
  /** A class or an action stands behind it: it ends the search. */
  readonly terminal: boolean;
  /** `offset plus`, `offset mask … at … shift`, `offset eat`; absent where not given. */
  readonly plus?: number | undefined;
  readonly variable?: { readonly at: number; readonly mask: number; readonly shift: number } | undefined;
  readonly eat?: boolean | undefined;
  readonly hash?: { readonly mask: number; readonly at: number } | undefined;
}

export interface U32Options {
  readonly selector?: U32Selector | undefined;
  readonly classid?: Handle | undefined;
  /** Makes a table with so many buckets. */
  readonly divisor?: number | undefined;
  /** The table and bucket that it stands in; the root table's first unless given. */
  readonly hash?: number | undefined;
  readonly link?: number | undefined;
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
  readonly indev?: string | undefined;
  readonly actions?: readonly Action[] | undefined;
}

const DEPTH_MAX = 8;
const NODES_MAX = 0xfff;
/** Handles that nobody asked for begin here. */
const AUTO_NODE = 0x800;

/** Filters that compare words of the packet, in tables that lead to each other (net/sched/cls_u32.c). */
export class U32 extends FilterProto {
  override readonly kind = "u32";
  readonly root: U32Table;
  readonly #tables: U32Tables;
  readonly #path: { node: U32Knode; at: number }[] = [];

  constructor(chain: FilterChain, preference: number, protocol: number) {
    super(chain, preference, protocol);
    this.#tables = tablesOf(chain.qdisc);
    this.root = this.#tables.addRoot(preference);
  }

  override classify(p: Packet, dev: NetDevice, length: number): Verdict {
    const path = this.#path;
    path.length = 0;
    let at = networkOffset(p, dev);
    let next = 0;
    let node: U32Knode | undefined = this.root.buckets[0]?.[0];
    for (;;) {
      if (node === undefined) {
        const back = path.pop();
        if (back === undefined) return TC_UNSPEC;
        node = back.node;
        at = back.at;
        const verdict = this.#end(node, p, dev, length);
        if (verdict >= 0) return verdict;
        node = node.next;
        continue;
      }
      node.looks++;
      const fits = this.#matches(node, p, at, next);
      if (fits === undefined) return TC_UNSPEC; // the packet ends before the key
      if (!fits) {
        node = node.next;
        continue;
      }
      const { down } = node;
      if (down === null) {
        const verdict = this.#end(node, p, dev, length);
        if (verdict >= 0) return verdict;
        node = node.next;
        continue;
      }
      if (path.length >= DEPTH_MAX) return TC_UNSPEC;
      path.push({ node, at });
      const bucket = bucketFor(node, p, at);
      const step = offsetOf(node, p, at, next);
      if (bucket === undefined || step === undefined) return TC_UNSPEC;
      next = step.next;
      at = step.at;
      if (at >= p.end) node = undefined;
      else node = down.buckets[bucket & (down.buckets.length - 1)]?.[0];
    }
  }

  /** net/sched/cls_u32.c:u32_change. `handle`: 0 draws one. */
  change(handle: number, options: U32Options): Outcome<number> {
    const known = keyOf(handle) === 0 ? undefined : this.#find(handle);
    if (known !== undefined) return this.#replace(known, options);
    if (options.divisor !== undefined) return this.#addTable(handle, options.divisor);
    const hash = options.hash ?? this.root.handle;
    const table = htidOf(hash) === ROOT_TABLE ? this.root : this.#tables.find(htidOf(hash));
    if (table === undefined) return refused("EINVAL", "cls_u32: Specified hash table not found");
    if (table.buckets.length - 1 < bucketOf(hash)) {
      return refused("EINVAL", "cls_u32: Specified hash table buckets exceed configured value");
    }
    const base = (table.handle | (hash & 0xff000)) >>> 0;
    if (htidOf(handle) !== 0 && htidOf(handle) !== htidOf(base)) {
      return refused("EINVAL", "cls_u32: Handle specified hash table address mismatch");
    }
    const node = handle === 0 ? table.freeNode(bucketOf(base), AUTO_NODE, NODES_MAX) : nodeOf(handle);
    if (node === 0) return refused("ENOSPC");
    if (table.find((base | node) >>> 0) !== undefined) return refused("ENOSPC");
    if (options.selector === undefined) return refused("EINVAL", "cls_u32: Selector not specified");
    const down = this.#linked(options.link ?? 0);
    if (!down.ok) return down;
    const knode = this.#knode((base | node) >>> 0, options.selector, down.value, options);
    table.insert(bucketOf(base), knode);
    return granted(knode.handle);
  }

  override has(handle: number): boolean {
    return keyOf(handle) === 0 ? this.#table(handle) !== undefined : this.#find(handle) !== undefined;
  }

  override remove(handle: number): Outcome {
    if (keyOf(handle) !== 0) {
      const node = this.#find(handle);
      if (node === undefined) return refused("ENOENT", "Specified filter handle not found");
      this.#forget(node);
      return done;
    }
    const table = this.#table(handle);
    if (table === undefined) return refused("ENOENT", "Specified filter handle not found");
    if (table === this.root) return refused("EINVAL", "cls_u32: Not allowed to delete root node");
    if (table.links > 0) return refused("EBUSY", "cls_u32: Can not delete in-use filter");
    for (const node of [...table.nodes()]) this.#forget(node);
    this.#tables.remove(table);
    return done;
  }

  /** There are no others on the qdisc, and no filter in any table. */
  override get empty(): boolean {
    const tables = this.#tables.list();
    return tables.every((t) => (t === this.root || !t.isRoot) && t.nodes().next().done === true);
  }
  override *targets(): Generator<Target> {
    for (const node of this.#own()) yield node.target;
  }
  /** The tables of this preference, the last made first: on `clsact`, of both directions. */
  *tables(): Generator<U32Table> {
    for (const table of this.#tables.list()) if (table.preference === this.preference) yield table;
  }
  override destroy(): void {
    for (const node of [...this.#own()]) this.#forget(node);
    this.#tables.remove(this.root);
    const roots = this.#tables.list().filter((t) => t.isRoot);
    if (roots.length === 0) for (const table of this.#tables.list()) this.#tables.remove(table);
  }

  /** The filters of its own tables: those of other directions under the same preference are not. */
  *#own(): Generator<U32Knode> {
    for (const table of this.tables()) if (table === this.root || !table.isRoot) yield* table.nodes();
  }

  /** Whether the node's mark and keys fit; undefined: the packet is too short to tell. */
  #matches(node: U32Knode, p: Packet, at: number, next: number): boolean | undefined {
    const { mark } = node;
    if (mark !== undefined) {
      if ((p.mark & mark.mask) >>> 0 !== mark.value) return false;
      node.marks++;
    }
    const { keys } = node.selector;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as U32Key;
      const o = at + key.offset + (key.next ? next : 0);
      if (o < 0 || o + 4 > p.end) return undefined;
      if (((p.view.getInt32(o) ^ key.value) & key.mask) !== 0) return false;
      node.hits[i]! += 1;
    }
    return true;
  }

  /** The node ends the search, if a class or an action stands behind it. */
  #end(node: U32Knode, p: Packet, dev: NetDevice, length: number): Verdict {
    if (!node.selector.terminal) return TC_UNSPEC;
    if (node.indev !== undefined && dev.kernel.deviceByIndex(p.iif)?.name !== node.indev) return TC_UNSPEC;
    node.matches++;
    return node.target.hit(p, length);
  }

  #table(handle: number): U32Table | undefined {
    if (htidOf(handle) === ROOT_TABLE) return this.root;
    return this.#tables.find(htidOf(handle));
  }
  #find(handle: number): U32Knode | undefined {
    return this.#table(handle)?.find(handle);
  }

  #addTable(handle: number, divisor: number): Outcome<number> {
    if ((divisor & (divisor - 1)) !== 0) return refused("EINVAL", "cls_u32: Divisor is not a power of 2");
    if (divisor > 0x101) return refused("EINVAL", "cls_u32: Exceeded maximum 256 hash buckets");
    if (keyOf(handle) !== 0) return refused("EINVAL", "cls_u32: Divisor can only be used on a hash table");
    if (handle !== 0 && this.#tables.find(handle) !== undefined) return refused("EEXIST");
    return granted(this.#tables.add(handle, this.preference, divisor).handle);
  }

  #linked(link: number): Outcome<U32Table | null> {
    if (link === 0) return granted(null);
    if (keyOf(link) !== 0) return refused("EINVAL", "cls_u32: u32 Link handle must be a hash table");
    const down = this.#tables.find(link);
    if (down === undefined) return refused("EINVAL", "cls_u32: Link hash table not found");
    return down.isRoot ? refused("EINVAL", "cls_u32: Not linking to root node") : granted(down);
  }

  /** A filter that is there keeps its keys; class, link and actions are new (u32_change with a handle that exists). */
  #replace(known: U32Knode, options: U32Options): Outcome<number> {
    const down = options.link === undefined ? granted(known.down) : this.#linked(options.link);
    if (!down.ok) return down;
    const classid = options.classid ?? (known.target.named ? known.target.classid : undefined);
    const node = this.#knode(known.handle, known.selector, down.value, { ...options, classid });
    known.table?.replace(known, node);
    known.target.release();
    if (known.down !== null) known.down.links--;
    return granted(node.handle);
  }

  #knode(handle: number, selector: U32Selector, down: U32Table | null, options: U32Options): U32Knode {
    if (down !== null) down.links++;
    return {
      handle,
      selector,
      down,
      target: new Target(this.chain.qdisc, options.classid, options.actions),
      mark: options.mark,
      indev: options.indev,
      table: undefined,
      next: undefined,
      looks: 0,
      matches: 0,
      marks: 0,
      hits: selector.keys.map(() => 0),
    };
  }

  #forget(node: U32Knode): void {
    node.target.release();
    if (node.down !== null) node.down.links--;
    node.table?.remove(node);
  }
}

/** The tables of a qdisc (`tc_u_common_find`). */
const tablesByQdisc = new WeakMap<Qdisc, U32Tables>();
function tablesOf(qdisc: Qdisc): U32Tables {
  const tables = tablesByQdisc.get(qdisc) ?? new U32Tables();
  tablesByQdisc.set(qdisc, tables);
  return tables;
}

/** TC_U32_ROOT: "the root table", whatever its number. */
const ROOT_TABLE = 0xfff0_0000;

/** The bucket of the table below that a packet belongs to; undefined: the packet is too short. */
function bucketFor({ down, selector }: U32Knode, p: Packet, at: number): number | undefined {
  if ((down as U32Table).buckets.length === 1) return 0;
  const { mask, at: where } = selector.hash ?? { mask: 0, at: 0 };
  if (at + where + 4 > p.end) return undefined;
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  return ((p.view.getInt32(at + where) & mask) >>> shift) >>> 0;
}

/** Where the keys of the table below count from; `next` is what `nexthdr+` adds. */
function offsetOf(
  { selector }: U32Knode,
  p: Packet,
  at: number,
  before: number,
): { at: number; next: number } | undefined {
  const { plus, variable, eat } = selector;
  let next = before;
  if (plus !== undefined || variable !== undefined) {
    next = (plus ?? 0) + 3;
    if (variable !== undefined) {
      if (at + variable.at + 2 > p.end) return undefined;
      next += (p.view.getUint16(at + variable.at) & variable.mask) >>> variable.shift;
    }
    next &= ~3;
  }
  return eat === true ? { at: at + next, next: 0 } : { at, next };
}
