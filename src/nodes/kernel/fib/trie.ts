/** A prefix in the trie: one that holds something, or a place where two branches part (`first` is null then). */
export class TrieNode<T> {
  /** The prefix as a signed 32-bit number, and its netmask likewise, so that both stay small integers. */
  readonly key: number;
  readonly mask: number;
  readonly length: number;
  /** The first of what stands under exactly this prefix. The owner of the trie sets it. */
  first: T | null = null;
  left: TrieNode<T> | null = null;
  right: TrieNode<T> | null = null;
  up: TrieNode<T> | null = null;

  constructor(key: number, length: number) {
    this.key = key;
    this.mask = length === 0 ? 0 : -1 << (32 - length);
    this.length = length;
  }
}

/** From so many nodes on, look-ups start at a table of the first 12 or 16 bits: 32 kB and 512 kB. */
const JUMP_12_NODES = 1_024;
const JUMP_16_NODES = 16_384;

/**
 * Longest-prefix match over IPv4 prefixes: a path-compressed binary trie. A large one gets a jump table that says which
 * node covers all addresses with the same first bits, so that a look-up begins near the leaves. An empty one costs nothing.
 */
export class Trie<T> {
  #root: TrieNode<T> | null = null;
  #nodes = 0;
  /** The deepest node, no longer than the table's bits, that covers a slot. */
  #jump: (TrieNode<T> | null)[] | null = null;
  /** Bits of the jump table; 0 without one. */
  #bits = 0;

  get empty(): boolean {
    return this.#root === null;
  }

  /** The longest prefix over `address` under which anything stands. */
  find(address: number): TrieNode<T> | null {
    const key = address | 0;
    const start = this.#jump === null ? this.#root : (this.#jump[key >>> (32 - this.#bits)] as TrieNode<T> | null);
    let best: TrieNode<T> | null = null;
    let node = start;
    while (node !== null && ((key ^ node.key) & node.mask) === 0) {
      if (node.first !== null) best = node;
      node = key << node.length < 0 ? node.right : node.left; // At length 32 the shift is 0, and both are null.
    }
    return best ?? (start === null ? null : shorter(start));
  }

  /** The node of exactly this prefix, when anything stands there. */
  exact(address: number, length: number): TrieNode<T> | null {
    const key = address | 0;
    let node = this.#root;
    while (node !== null && node.length < length && ((key ^ node.key) & node.mask) === 0) {
      node = key << node.length < 0 ? node.right : node.left;
    }
    return node !== null && node.length === length && node.key === key && node.first !== null ? node : null;
  }

  /** The node of exactly this prefix, made when there is none. The caller fills `first` at once. */
  insert(address: number, length: number): TrieNode<T> {
    const key = address | 0;
    let up: TrieNode<T> | null = null;
    let node = this.#root;
    while (node !== null) {
      const common = Math.min(length, node.length, Math.clz32(key ^ node.key));
      if (common < node.length) return this.#split(key, length, common, node, up);
      if (node.length === length) return node;
      up = node;
      node = key << node.length < 0 ? node.right : node.left;
    }
    const leaf = new TrieNode<T>(key, length);
    this.#attach(leaf, up);
    this.#added(leaf);
    return leaf;
  }

  /** Takes a node out whose `first` became null, and the fork above it when that is none any more. */
  remove(node: TrieNode<T>): void {
    if (node.left !== null && node.right !== null) return; // still a fork
    const child = node.left ?? node.right;
    const up = node.up;
    this.#replace(up, node, child);
    if (child !== null) child.up = up;
    this.#removed(node);
    if (child === null && up !== null && up.first === null) this.remove(up);
  }

  /** Every prefix that holds something, by address, and the longer first at the same address: Linux's order of a dump. */
  ordered(): TrieNode<T>[] {
    const all: TrieNode<T>[] = [];
    if (this.#root !== null) preorder(this.#root, 32, all);
    // Preorder has the shorter first; those at one address stand side by side.
    let from = 0;
    for (let i = 1; i <= all.length; i++) {
      if (i < all.length && (all[i] as TrieNode<T>).key === (all[from] as TrieNode<T>).key) continue;
      reverse(all, from, i - 1);
      from = i;
    }
    return all.filter((node) => node.first !== null);
  }

  /** Puts the prefix above `node`, or beside it under a new fork of `common` bits. */
  #split(key: number, length: number, common: number, node: TrieNode<T>, up: TrieNode<T> | null): TrieNode<T> {
    const fresh = new TrieNode<T>(key, length);
    if (common === length) {
      this.#replace(up, node, fresh);
      fresh.up = up;
      adopt(fresh, node);
    } else {
      const fork = new TrieNode<T>(common === 0 ? 0 : key & (-1 << (32 - common)), common);
      this.#replace(up, node, fork);
      fork.up = up;
      adopt(fork, node);
      adopt(fork, fresh);
      this.#added(fork);
    }
    this.#added(fresh);
    return fresh;
  }

  #attach(leaf: TrieNode<T>, up: TrieNode<T> | null): void {
    if (up === null) this.#root = leaf;
    else adopt(up, leaf);
  }

  #replace(up: TrieNode<T> | null, old: TrieNode<T>, by: TrieNode<T> | null): void {
    if (up === null) this.#root = by;
    else if (up.left === old) up.left = by;
    else up.right = by;
  }

  #added(node: TrieNode<T>): void {
    this.#nodes++;
    if (this.#bits < 16 && this.#nodes >= (this.#bits === 0 ? JUMP_12_NODES : JUMP_16_NODES)) {
      return this.#rebuild(this.#bits === 0 ? 12 : 16);
    }
    if (this.#jump !== null && node.length <= this.#bits) cover(this.#jump, this.#bits, node);
  }

  #removed(node: TrieNode<T>): void {
    this.#nodes--;
    if (this.#jump === null) return;
    if (this.#nodes < (this.#bits === 16 ? JUMP_16_NODES : JUMP_12_NODES) / 4)
      return this.#rebuild(this.#bits === 16 ? 12 : 0);
    if (node.length > this.#bits) return;
    const [from, to] = slots(node, this.#bits);
    for (let i = from; i < to; i++) if (this.#jump[i] === node) this.#jump[i] = node.up;
  }

  #rebuild(bits: number): void {
    this.#bits = bits;
    this.#jump = bits === 0 ? null : new Array(2 ** bits).fill(null);
    if (this.#jump === null || this.#root === null) return;
    const nodes: TrieNode<T>[] = [];
    preorder(this.#root, bits, nodes);
    for (const node of nodes) cover(this.#jump, bits, node);
  }
}

/** The next shorter prefix over the same addresses under which anything stands; `node` itself when it holds something. */
export function shorter<T>(node: TrieNode<T> | null): TrieNode<T> | null {
  while (node !== null && node.first === null) node = node.up;
  return node;
}

function adopt<T>(up: TrieNode<T>, child: TrieNode<T>): void {
  if (child.key << up.length < 0) up.right = child;
  else up.left = child;
  child.up = up;
}

/** Nodes of at most `length` bits, each before those below it. */
function preorder<T>(node: TrieNode<T>, length: number, into: TrieNode<T>[]): void {
  if (node.length > length) return;
  into.push(node);
  if (node.left !== null) preorder(node.left, length, into);
  if (node.right !== null) preorder(node.right, length, into);
}

function slots<T>(node: TrieNode<T>, bits: number): [number, number] {
  const from = node.key >>> (32 - bits);
  return [from, from + 2 ** (bits - node.length)];
}

function cover<T>(jump: (TrieNode<T> | null)[], bits: number, node: TrieNode<T>): void {
  const [from, to] = slots(node, bits);
  for (let i = from; i < to; i++) {
    const now = jump[i] as TrieNode<T> | null;
    if (now === null || now.length < node.length) jump[i] = node;
  }
}

function reverse<T>(list: T[], from: number, to: number): void {
  for (; from < to; from++, to--) {
    const swap = list[from] as T;
    list[from] = list[to] as T;
    list[to] = swap;
  }
}
