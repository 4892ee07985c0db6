import type { AddressSpec, Rule } from "./rule.ts";

/** Shorter chains are walked; longer ones would need too much memory. */
export const CLASSIFY_MIN = 8;
export const CLASSIFY_MAX = 4096;
/** Different masks that are looked up one after the other; rules with rarer ones are always asked. */
const MASKS_MAX = 4;

/** What a rule wants of one thing: a value under a mask. Undefined: anything. */
type Wanted = readonly [mask: number, value: number] | undefined;

/** The things that rules ask for. */
const SOURCE = 0;
const DESTINATION = 1;
const PORT = 2;
const WANTS: readonly ((rule: Rule) => Wanted)[] = [
  ({ spec }) => wantedAddress(spec.source),
  ({ spec }) => wantedAddress(spec.destination),
  wantedPort,
];

/** How a thing lies in the array: which it is, where the set of the rules that do not ask for it begins, and how many masks follow. */
const H_THING = 0;
const H_ANY = 1;
const H_MASKS = 2;
const HEAD = 3;
/** And each mask: the mask, where its hash table begins, the table's size less one, and where the set begins that was found last. */
const M_MASK = 0;
const M_TABLE = 1;
const M_SIZE = 2;
const M_FOUND = 3;
const MASK = 4;

/**
 * Finds the rules of a long chain that a packet may match at all, so that not every one has to be asked: those whose source,
 * destination and port, where they want certain ones, are the packet's. Which rules match, and in which order, stays the same.
 * A set of rules is a row of bits; all lie in one array, so that a look-up touches few cache lines.
 */
export class Classifier {
  /** Where the chain begins in its program. */
  readonly #base: number;
  /** Words of a set. The first set is that of the rules found last, the second that of all, the third the empty one. */
  readonly #words: number;
  readonly #m: Int32Array;
  /** Where the things begin and end. */
  readonly #from: number;
  readonly #to: number;

  constructor(base: number, rules: readonly Rule[]) {
    this.#base = base;
    const words = (rules.length >> 5) + 1; // the chain's end counts as a rule that matches everything
    this.#words = words;
    const cells: number[] = new Array(3 * words).fill(0);
    for (let i = 0; i <= rules.length; i++) setBit(cells, words, i);
    this.#from = cells.length;
    const things = WANTS.map((wants) => rules.map(wants));
    const asked = things
      .map((wanted, thing) => ({ thing, wanted }))
      .filter((t) => t.wanted.some((w) => w !== undefined));
    const heads = asked.map((t) => layHead(cells, t.thing, t.wanted));
    this.#to = cells.length;
    for (const [i, { wanted }] of asked.entries()) layBody(cells, heads[i] as number, wanted, words);
    this.#m = Int32Array.from(cells);
  }

  /** Looks a packet up. `port` -1: it has none that could be read, and rules that ask for one must see that. */
  look(src: number, dst: number, port: number): void {
    const m = this.#m;
    const words = this.#words;
    const to = this.#to;
    for (let o = this.#from; o < to; ) {
      const thing = m[o + H_THING];
      const value = thing === SOURCE ? src : thing === DESTINATION ? dst : port;
      const end = o + HEAD + MASK * (m[o + H_MASKS] as number);
      for (o += HEAD; o < end; o += MASK) {
        const found = thing === PORT && port < 0 ? words : find(m, o, value);
        m[o + M_FOUND] = found === 0 ? 2 * words : found;
      }
    }
    for (let i = 0; i < words; i++) {
      let bits = m[words + i] as number;
      for (let o = this.#from; o < to; ) {
        let some = m[(m[o + H_ANY] as number) + i] as number;
        const end = o + HEAD + MASK * (m[o + H_MASKS] as number);
        for (o += HEAD; o < end; o += MASK) some |= m[(m[o + M_FOUND] as number) + i] as number;
        bits &= some;
      }
      m[i] = bits;
    }
  }

  /** The first rule from `i` on, both counted in the program, that the packet looked up last may match; or the chain's end. */
  next(i: number): number {
    const m = this.#m;
    const at = i - this.#base;
    let word = at >> 5;
    let bits = (m[word] as number) & (-1 << (at & 31));
    while (bits === 0) bits = m[++word] as number;
    return this.#base + 32 * word + 31 - Math.clz32(bits & -bits);
  }
}

const setBit = (cells: number[], set: number, rule: number): void => {
  cells[set + (rule >> 5)]! |= 1 << (rule & 31);
};

const spread = (key: number): number => {
  const h = Math.imul(key, 0x9e3779b1);
  return h ^ (h >>> 15);
};

/** Where the set of the rules begins that want a value under the mask at `o`; 0: there is none. */
function find(m: Int32Array, o: number, value: number): number {
  const key = value & (m[o + M_MASK] as number);
  const table = m[o + M_TABLE] as number;
  const size = m[o + M_SIZE] as number;
  for (let i = spread(key) & size; ; i = (i + 1) & size) {
    const cell = table + 2 * i;
    const place = m[cell + 1] as number;
    if (place === 0 || m[cell] === key) return place;
  }
}

/** Writes the head of a thing, with the commonest masks that its rules have; gives where it begins. */
function layHead(cells: number[], thing: number, wanted: readonly Wanted[]): number {
  const counts = new Map<number, number>();
  for (const w of wanted) if (w !== undefined) counts.set(w[0], (counts.get(w[0]) ?? 0) + 1);
  const masks = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MASKS_MAX);
  const at = cells.push(thing, 0, masks.length) - HEAD;
  for (const [mask] of masks) cells.push(mask, 0, 0, 0);
  return at;
}

/** Writes the sets and tables of a thing behind all heads. */
function layBody(cells: number[], head: number, wanted: readonly Wanted[], words: number): void {
  const newSet = (): number => {
    const at = cells.length;
    for (let i = 0; i < words; i++) cells.push(0);
    return at;
  };
  const any = newSet();
  cells[head + H_ANY] = any;
  const left = new Set(wanted.keys());
  for (let k = 0; k < (cells[head + H_MASKS] as number); k++) {
    const o = head + HEAD + MASK * k;
    const sets = new Map<number, number>();
    for (const [rule, w] of wanted.entries()) {
      if (w === undefined || w[0] !== cells[o + M_MASK]) continue;
      left.delete(rule);
      const set = sets.get(w[1]) ?? newSet();
      sets.set(w[1], set);
      setBit(cells, set, rule);
    }
    layTable(cells, o, sets);
  }
  for (const rule of left) setBit(cells, any, rule);
  setBit(cells, any, wanted.length);
}

/** A hash table of at least twice as many cells as it has values. */
function layTable(cells: number[], o: number, sets: ReadonlyMap<number, number>): void {
  const slots = 1 << (32 - Math.clz32(2 * sets.size));
  const table = cells.length;
  for (let i = 0; i < 2 * slots; i++) cells.push(0);
  cells[o + M_TABLE] = table;
  cells[o + M_SIZE] = slots - 1;
  for (const [value, set] of sets) {
    let i = spread(value) & (slots - 1);
    while (cells[table + 2 * i + 1] !== 0) i = (i + 1) & (slots - 1);
    cells[table + 2 * i] = value;
    cells[table + 2 * i + 1] = set;
  }
}

const wantedAddress = (spec: AddressSpec | undefined): Wanted =>
  spec === undefined || spec.invert === true ? undefined : [spec.mask | 0, spec.address & spec.mask];

/** The one destination port that a rule's first match wants. */
function wantedPort({ spec }: Rule): Wanted {
  const first = spec.matches?.[0];
  if (first === undefined || (first.kind !== "tcp" && first.kind !== "udp")) return undefined;
  const { dport } = first;
  if (dport === undefined || dport.invert === true || dport.low !== dport.high) return undefined;
  return [0xffff, dport.low];
}
