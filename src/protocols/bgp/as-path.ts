import { Generations } from "../../core/generations.ts";

/** AS_PATH as a value (RFC 4271 §4.3, §9.2.2.2; RFC 5065 confederation segments; RFC 6793 four-octet numbers). */

export const AS_SET = 1;
export const AS_SEQUENCE = 2;
export const CONFED_SEQUENCE = 3;
export const CONFED_SET = 4;

export interface Segment {
  readonly type: number;
  readonly as: readonly number[];
}

/**
 * An AS path. Equal paths are mostly the same object: compare with `same`. A path that is another one with numbers in front keeps just
 * those and the other path: a route has one more of them at each AS, and so thousands of long paths cost little.
 */
export class AsPath {
  /** Equal for equal paths. */
  readonly hash: number;
  /** Its length in the decision (§9.1.2.2 a): a set counts once, confederation segments not at all. */
  readonly hops: number;
  /** The leftmost AS number of a sequence outside the confederation; 0: none. */
  readonly neighborAs: number;
  /** Nothing but one sequence, or empty. */
  readonly plain: boolean;
  /** Whether some of it is a set: deprecated (RFC 9774). */
  readonly hasSet: boolean;
  readonly hasConfed: boolean;
  /** Numbers in front of `#rest`, in a sequence, at most `PIECE`; without a rest the segments are `#own`. */
  readonly #front: readonly number[];
  readonly #rest: AsPath | undefined;
  readonly #own: readonly Segment[];

  /** Either `own`, or `front` before `rest`, where the path without its first number is `tail`. */
  private constructor(own: readonly Segment[], front: readonly number[] = NONE, rest?: AsPath, tail?: AsPath) {
    this.#front = front;
    this.#rest = rest;
    this.#own = own;
    if (tail !== undefined) {
      this.neighborAs = front[0] as number;
      this.hash = mix(tail.hash, this.neighborAs);
      this.hops = tail.hops + 1;
      this.plain = tail.plain;
      this.hasSet = tail.hasSet;
      this.hasConfed = tail.hasConfed;
      return;
    }
    this.hash = hashOf(own);
    this.hops = own.reduce((n, s) => n + (s.type === AS_SEQUENCE ? s.as.length : s.type === AS_SET ? 1 : 0), 0);
    const first = own.find((s) => s.type === AS_SEQUENCE || s.type === AS_SET);
    this.neighborAs = first?.type === AS_SEQUENCE ? (first.as[0] as number) : 0;
    this.plain = own.length === 0 || (own.length === 1 && first?.type === AS_SEQUENCE);
    this.hasSet = own.some((s) => s.type === AS_SET || s.type === CONFED_SET);
    this.hasConfed = own.some((s) => s.type >= CONFED_SEQUENCE);
  }
  /** For `makePath`: segments that are sound. */
  static of(own: readonly Segment[]): AsPath {
    const known = pool.get(hashOf(own));
    return known !== undefined && sameSegments(known.segments, own) ? known : keep(new AsPath(own));
  }

  /** Made anew at every call: for those who look at few paths. */
  get segments(): readonly Segment[] {
    if (this.#rest === undefined) return this.#own;
    const [first, ...others] = this.#base.#own;
    const as = this.pieces().flat();
    return first?.type === AS_SEQUENCE
      ? [{ type: AS_SEQUENCE, as }, ...others]
      : [{ type: AS_SEQUENCE, as }, ...this.#base.#own];
  }
  /** The numbers of its first segment if that is a sequence, in pieces; they are not copied. */
  pieces(): readonly (readonly number[])[] {
    const pieces: (readonly number[])[] = [];
    let p: AsPath = this;
    for (; p.#rest !== undefined; p = p.#rest) pieces.push(p.#front);
    if (p.#own[0]?.type === AS_SEQUENCE) pieces.push(p.#own[0].as);
    return pieces;
  }
  get #base(): AsPath {
    let p: AsPath = this;
    while (p.#rest !== undefined) p = p.#rest;
    return p;
  }
  /** As FRR prints it: `65001 65002 {65003,65004} (64512)`. */
  get text(): string {
    return this.segments.map(segmentText).join(" ");
  }
  same(other: AsPath): boolean {
    if (this === other) return true;
    if (this.hash !== other.hash || this.hops !== other.hops) return false;
    let [a, b]: [AsPath, AsPath] = [this, other];
    while (a.#rest !== undefined && b.#rest !== undefined && a.#front.length === b.#front.length) {
      if (!sameNumbers(a.#front, b.#front)) return false;
      [a, b] = [a.#rest, b.#rest];
      if (a === b) return true;
    }
    return sameSegments(a.segments, b.segments);
  }

  /** How often `as` stands in it; with `confed` in confederation segments only. */
  count(as: number, confed = false): number {
    let n = 0;
    let p: AsPath = this;
    for (; p.#rest !== undefined; p = p.#rest) if (!confed) n += times(as, p.#front);
    for (const s of p.#own) if (!confed || s.type >= CONFED_SEQUENCE) n += times(as, s.as);
    return n;
  }
  /** The first AS number of all, confederation or not; undefined: the path is empty or begins with a set. */
  get first(): number | undefined {
    if (this.#rest !== undefined) return this.#front[0];
    const s = this.#own[0];
    return s === undefined || s.type === AS_SET || s.type === CONFED_SET ? undefined : s.as[0];
  }
  /** The last AS number: where the route came from; undefined: the path is empty. */
  get origin(): number | undefined {
    return this.#base.#own.at(-1)?.as.at(-1);
  }
  /** `as` in front, `times` times (§5.1.2). */
  prepend(as: number, times = 1, type = AS_SEQUENCE): AsPath {
    if (type !== AS_SEQUENCE) return makePath([{ type, as: new Array<number>(times).fill(as) }, ...this.segments]);
    let path: AsPath = this;
    for (let i = 0; i < times; i++) path = path.#behind(as);
    return path;
  }
  #behind(as: number): AsPath {
    if (this.#rest === undefined && this.#own.length === 0) return AsPath.of([{ type: AS_SEQUENCE, as: [as] }]);
    const full = this.#rest === undefined || this.#front.length >= PIECE;
    const [front, rest] = full ? [[as], this] : [[as, ...this.#front], this.#rest];
    const known = pool.get(mix(this.hash, as));
    if (known !== undefined && known.#rest === rest && sameNumbers(known.#front, front)) return known;
    return keep(new AsPath(NO_SEGMENTS, front, rest, this));
  }
  /** Only its sequences. */
  withoutSets(): AsPath {
    return this.hasSet ? makePath(this.segments.filter((s) => s.type !== AS_SET && s.type !== CONFED_SET)) : this;
  }
  /** Without the confederation segments (RFC 5065 §4.1). */
  withoutConfed(): AsPath {
    return this.hasConfed ? makePath(this.segments.filter((s) => s.type < CONFED_SEQUENCE)) : this;
  }
  /** Every AS number through `change`; undefined takes it away. */
  map(change: (as: number) => number | undefined): AsPath {
    return makePath(
      this.segments.map((s) => ({
        type: s.type,
        as: s.as.flatMap((a) => {
          const to = change(a);
          return to === undefined ? [] : [to];
        }),
      })),
    );
  }
  /** Whether all of its AS numbers hold. */
  every(test: (as: number) => boolean): boolean {
    let p: AsPath = this;
    for (; p.#rest !== undefined; p = p.#rest) if (!p.#front.every(test)) return false;
    return p.#own.every((s) => s.as.every(test));
  }
}

/** Paths by hash. Only a saving: of two with one hash the later one stands. */
const pool = new Generations<AsPath>(1 << 16);
/** Numbers that a path keeps itself: few enough to copy, and so many that long paths are read fast. */
const PIECE = 32;
const NO_SEGMENTS: readonly Segment[] = [];
const NONE: readonly number[] = [];

function keep(path: AsPath): AsPath {
  pool.set(path.hash, path);
  return path;
}

/** A number more in front (the finalizer's steps of MurmurHash3 keep numbers that follow each other apart). */
function mix(hash: number, as: number): number {
  const h = Math.imul(hash ^ as, 0x85ebca6b);
  return Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ (h >>> 16);
}
/** From the last number to the first, so that one more in front goes on where the others ended. */
function hashOf(segments: readonly Segment[]): number {
  let h = 0;
  for (let i = segments.length - 1; i >= 0; i--) {
    const { type, as } = segments[i] as Segment;
    for (let j = as.length - 1; j >= 0; j--) h = mix(h, as[j] as number);
    if (type !== AS_SEQUENCE) h = mix(h, ~type);
  }
  return h;
}
const sameNumbers = (a: readonly number[], b: readonly number[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
const times = (as: number, list: readonly number[]): number => {
  let n = 0;
  for (let i = 0; i < list.length; i++) if (list[i] === as) n++;
  return n;
};
const sameSegments = (a: readonly Segment[], b: readonly Segment[]): boolean =>
  a.length === b.length &&
  a.every(({ type, as }, i) => {
    const other = b[i] as Segment;
    return type === other.type && sameNumbers(as, other.as);
  });

/** A path of these segments: neighbouring sequences become one, sets are sorted without repetition, empty segments go. */
export function makePath(segments: readonly Segment[]): AsPath {
  const sound: Segment[] = [];
  for (const s of segments) {
    if (s.as.length === 0) continue;
    const last = sound.at(-1);
    const isSet = s.type === AS_SET || s.type === CONFED_SET;
    if (!isSet && last?.type === s.type) sound[sound.length - 1] = { type: s.type, as: [...last.as, ...s.as] };
    else sound.push(isSet ? { type: s.type, as: [...new Set(s.as)].sort((x, y) => x - y) } : s);
  }
  return AsPath.of(sound);
}

const segmentText = ({ type, as }: Segment): string => {
  switch (type) {
    case AS_SET:
      return `{${as.join(",")}}`;
    case CONFED_SEQUENCE:
      return `(${as.join(" ")})`;
    case CONFED_SET:
      return `[${as.join(",")}]`;
    default:
      return as.join(" ");
  }
};

/** AS numbers in some text, as RFC 5396 writes them: `dot+` always with a dot, `dot` only those that need more than 16 bits. */
export function inNotation(text: string, notation: "plain" | "dot" | "dot+"): string {
  if (notation === "plain") return text;
  return text.replace(/\d+/g, (digits) => {
    const as = Number(digits);
    return notation === "dot" && as <= 0xffff ? digits : `${as >>> 16}.${as & 0xffff}`;
  });
}

export const EMPTY_PATH: AsPath = makePath([]);

/** AS numbers for private use (RFC 6996). */
export const isPrivateAs = (as: number): boolean =>
  (as >= 64512 && as <= 65534) || (as >= 4_200_000_000 && as <= 4_294_967_294);
