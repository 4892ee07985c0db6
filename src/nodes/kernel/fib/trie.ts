/** A prefix in the trie: one that holds something, or a place where two branches part (`first` is null then). */
export class TrieNode<T> {
  /** The first of what stands under exactly this prefix. `Trie.put` sets it. */
  first: T | null = null;
  /** The prefix as a signed 32-bit number, so that it stays a small integer. */
  readonly key: number;
  readonly length: number;
  left: TrieNode<T> | null = null;
  right: TrieNode<T> | null = null;
  up: TrieNode<T> | null = null;

  constructor(key: number, length: number) {
    this.key = key;
    this.length = length;
  }
}

/** From so many nodes on, look-ups go through a table of the first 12 or 16 bits: 32 kB and 512 kB. */
const SLOTS_12_NODES = 1_024;
const SLOTS_16_NODES = 16_384;

/** After so many look-ups in forgotten slots without a change of routes they are worked out again. */
const MISSES_MAX = 64;

/**
 * What a slot's addresses find: pairs of the address, without the slot's bits, from which on something is found, and what.
 * Kept side by side because a look-up among many routes costs as much as the memory it touches.
 */
type Ranges<T> = (number | T | null)[];

/**
 * Longest-prefix match over IPv4 prefixes: a path-compressed binary trie. A large one also keeps, for each value of the first
 * bits, which prefix wins where; that is worked out when a look-up first comes by, and forgotten when a prefix there comes or
 * goes. An empty trie costs nothing.
 */
export class Trie<T> {
  #root: TrieNode<T> | null = null;
  #nodes = 0;
  #slots: (Ranges<T> | null)[] | null = null;
  /** Look-ups in forgotten slots since a route came or went. */
  #misses = 0;
  /** Bits that tell the slot; 0 without slots. */
  #bits = 0;

  /** Prefixes that hold something, and forks. */
  get nodes(): number {
    return this.#nodes;
  }

  /** What stands first under the longest prefix over `address`. */
  best(address: number): T | null {
    const key = address | 0;
    if (this.#bits === 0) return this.find(key)?.first ?? null;
    const slot = key >>> (32 - this.#bits);
    const ranges = this.#slots?.[slot] ?? this.#missed(slot);
    if (ranges === null) return this.find(key)?.first ?? null;
    const rest = key & (-1 >>> this.#bits);
    let low = 0;
    let high = ranges.length >> 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((ranges[middle << 1] as number) <= rest) low = middle;
      else high = middle;
    }
    return ranges[(low << 1) + 1] as T | null;
  }

  /** The longest prefix over `address` under which anything stands. */
  find(address: number): TrieNode<T> | null {
    const key = address | 0;
    let best: TrieNode<T> | null = null;
    let node = this.#root;
    while (node !== null && Math.clz32(key ^ node.key) >= node.length) {
      if (node.first !== null) best = node;
      node = key << node.length < 0 ? node.right : node.left; // At length 32 the shift is 0, and both are null.
    }
    return best;
  }

  /** The node of exactly this prefix, when anything stands there. */
  exact(address: number, length: number): TrieNode<T> | null {
    const key = address | 0;
    let node = this.#root;
    while (node !== null && node.length < length && Math.clz32(key ^ node.key) >= node.length) {
      node = key << node.length < 0 ? node.right : node.left;
    }
    return node !== null && node.length === length && node.key === key && node.first !== null ? node : null;
  }

  /** Sets what stands first under a node's prefix. With null the node goes, and so does the fork above it that is none any more. */
  put(node: TrieNode<T>, first: T | null): void {
    node.first = first;
    this.#forget(node);
    if (first === null) this.#remove(node);
  }

  /** The node of exactly this prefix, made when there is none. The caller puts something there at once. */
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
    this.#added();
    return leaf;
  }

  /** Every prefix that holds something, by address, and the longer first at the same address: Linux's order of a dump. */
  ordered(): TrieNode<T>[] {
    const all: TrieNode<T>[] = [];
    if (this.#root !== null) preorder(this.#root, all);
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
      this.#added();
    }
    this.#added();
    return fresh;
  }

  #remove(node: TrieNode<T>): void {
    if (node.left !== null && node.right !== null) return; // still a fork
    const child = node.left ?? node.right;
    const up = node.up;
    this.#replace(up, node, child);
    if (child !== null) child.up = up;
    this.#nodes--;
    this.#resize();
    if (child === null && up !== null && up.first === null) this.#remove(up);
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

  #added(): void {
    this.#nodes++;
    this.#resize();
  }

  #resize(): void {
    const n = this.#nodes;
    let bits = n >= SLOTS_16_NODES ? 16 : n >= SLOTS_12_NODES ? 12 : 0;
    if (bits < this.#bits && n >= (this.#bits === 16 ? SLOTS_16_NODES : SLOTS_12_NODES) / 4) bits = this.#bits;
    if (bits === this.#bits) return;
    this.#bits = bits;
    this.#slots = null;
  }

  /** What was worked out for the prefix's addresses does not hold any more. */
  #forget(node: TrieNode<T>): void {
    this.#misses = 0;
    if (this.#slots === null) return;
    const from = node.key >>> (32 - this.#bits);
    this.#slots.fill(null, from, from + 2 ** Math.max(0, this.#bits - node.length));
  }

  /** A slot is worked out when routes have stood for a while: as long as they come and go that would cost more than it saves. */
  #missed(slot: number): Ranges<T> | null {
    return ++this.#misses < MISSES_MAX ? null : this.#fill(slot);
  }

  #fill(slot: number): Ranges<T> {
    const bits = this.#bits;
    const first = (slot << (32 - bits)) | 0;
    let around: T | null = null;
    let node = this.#root;
    while (node !== null && node.length < bits && Math.clz32(first ^ node.key) >= node.length) {
      if (node.first !== null) around = node.first;
      node = first << node.length < 0 ? node.right : node.left;
    }
    const ranges: Ranges<T> = [0, around];
    if (node !== null && node.length >= bits && (node.key ^ first) >>> (32 - bits) === 0)
      paint(node, around, -1 >>> bits, ranges);
    this.#slots ??= new Array<Ranges<T> | null>(2 ** bits).fill(null);
    this.#slots[slot] = ranges;
    return ranges;
  }
}

/** Appends the ranges of a subtree, in the order of addresses. `around` wins between its prefixes; `rest`: mask of what is kept. */
function paint<T>(node: TrieNode<T>, around: T | null, rest: number, ranges: Ranges<T>): void {
  const mine = node.first ?? around;
  const from = node.key & rest;
  begin(ranges, from, mine);
  if (node.left !== null) paint(node.left, mine, rest, ranges);
  if (node.right !== null) paint(node.right, mine, rest, ranges);
  const to = from + 2 ** (32 - node.length);
  if (to <= rest) begin(ranges, to, around);
}

/** From here on `wins` wins. */
function begin<T>(ranges: Ranges<T>, from: number, wins: T | null): void {
  const last = ranges.length - 2;
  if (ranges[last + 1] === wins) return;
  if (ranges[last] !== from) ranges.push(from, wins);
  else if (last > 0 && ranges[last - 1] === wins) ranges.length = last;
  else ranges[last + 1] = wins;
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

/** All nodes, each before those below it. */
function preorder<T>(node: TrieNode<T>, into: TrieNode<T>[]): void {
  into.push(node);
  if (node.left !== null) preorder(node.left, into);
  if (node.right !== null) preorder(node.right, into);
}

function reverse<T>(list: T[], from: number, to: number): void {
  for (; from < to; from++, to--) {
    const swap = list[from] as T;
    list[from] = list[to] as T;
    list[to] = swap;
  }
}
