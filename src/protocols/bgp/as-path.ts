import { setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { AS_TRANS } from "./capability.ts";

/** AS_PATH as a value (RFC 4271 §4.3, §9.2.2.2; RFC 5065 confederation segments; RFC 6793 four-octet numbers). */

export const AS_SET = 1;
export const AS_SEQUENCE = 2;
export const CONFED_SEQUENCE = 3;
export const CONFED_SET = 4;

export interface Segment {
  readonly type: number;
  readonly as: readonly number[];
}

/** AS numbers of one path, at most: more is a fault. */
export const PATH_AS_MAX = 10_000;
const SEGMENT_MAX = 255;

/** An AS path. Equal paths are mostly the same object: compare with `===` first, then by `text`. */
export class AsPath {
  readonly segments: readonly Segment[];
  /** As FRR prints it: `65001 65002 {65003,65004} (64512)`. */
  readonly text: string;
  /** Its length in the decision (§9.1.2.2 a): a set counts once, confederation segments not at all. */
  readonly hops: number;
  /** The leftmost AS number of a sequence outside the confederation; 0: none. */
  readonly neighborAs: number;
  /** Whether some of it is a set: deprecated (RFC 9774). */
  readonly hasSet: boolean;
  #front: AsPath | undefined;

  constructor(segments: readonly Segment[], text: string) {
    this.segments = segments;
    this.text = text;
    this.hops = segments.reduce((n, s) => n + (s.type === AS_SEQUENCE ? s.as.length : s.type === AS_SET ? 1 : 0), 0);
    const first = segments.find((s) => s.type === AS_SEQUENCE || s.type === AS_SET);
    this.neighborAs = first?.type === AS_SEQUENCE ? (first.as[0] as number) : 0;
    this.hasSet = segments.some((s) => s.type === AS_SET || s.type === CONFED_SET);
    this.#front = undefined;
  }

  /** How often `as` stands in it; with `confed` in confederation segments only. */
  count(as: number, confed = false): number {
    let n = 0;
    for (const s of this.segments) {
      if (confed && s.type < CONFED_SEQUENCE) continue;
      for (const a of s.as) if (a === as) n++;
    }
    return n;
  }
  /** The first AS number of all, confederation or not; undefined: the path is empty or begins with a set. */
  get first(): number | undefined {
    const s = this.segments[0];
    return s === undefined || s.type === AS_SET || s.type === CONFED_SET ? undefined : s.as[0];
  }
  /** The last AS number: where the route came from; undefined: the path is empty. */
  get origin(): number | undefined {
    return this.segments.at(-1)?.as.at(-1);
  }
  /** `as` in front, `times` times (§5.1.2). */
  prepend(as: number, times = 1, type = AS_SEQUENCE): AsPath {
    const front = this.#front;
    if (times === 1 && type === AS_SEQUENCE && front !== undefined && front.segments[0]?.as[0] === as) return front;
    const made = makePath([{ type, as: new Array<number>(times).fill(as) }, ...this.segments]);
    if (times === 1 && type === AS_SEQUENCE) this.#front = made;
    return made;
  }
  /** Only its sequences. */
  withoutSets(): AsPath {
    return makePath(this.segments.filter((s) => s.type !== AS_SET && s.type !== CONFED_SET));
  }
  /** Without the confederation segments (RFC 5065 §4.1). */
  withoutConfed(): AsPath {
    return this.segments.some((s) => s.type >= CONFED_SEQUENCE)
      ? makePath(this.segments.filter((s) => s.type < CONFED_SEQUENCE))
      : this;
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
    return this.segments.every((s) => s.as.every(test));
  }
}

/** Paths by text. Only a saving: it is emptied when it is full. */
const pool = new Map<string, AsPath>();
const POOL_MAX = 1 << 19;

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
  const text = sound.map(segmentText).join(" ");
  const known = pool.get(text);
  if (known !== undefined) return known;
  if (pool.size >= POOL_MAX) pool.clear();
  const path = new AsPath(sound, text);
  pool.set(text, path);
  return path;
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

/** Reads an AS_PATH's value in [o, end); undefined: it is malformed (RFC 7606 §7.2). `as4`: numbers of four octets. */
export function decodePath(b: Uint8Array, o: number, end: number, as4: boolean): AsPath | undefined {
  const segments: Segment[] = [];
  const size = as4 ? 4 : 2;
  let total = 0;
  for (let at = o; at < end; ) {
    if (at + 2 > end) return undefined;
    const type = u8(b, at);
    const count = u8(b, at + 1);
    const next = at + 2 + size * count;
    total += count;
    if (type < AS_SET || type > CONFED_SET || count === 0 || next > end || total > PATH_AS_MAX) return undefined;
    const as = new Array<number>(count);
    for (let i = 0; i < count; i++) as[i] = as4 ? u32(b, at + 2 + 4 * i) : u16(b, at + 2 + 2 * i);
    segments.push({ type, as });
    at = next;
  }
  return makePath(segments);
}

/** Octets of the value of an AS_PATH. */
export function pathLength(path: AsPath, as4: boolean): number {
  let length = 0;
  for (const s of path.segments) length += 2 * Math.ceil(s.as.length / SEGMENT_MAX) + (as4 ? 4 : 2) * s.as.length;
  return length;
}

/** Writes the value of an AS_PATH; a segment of more than 255 numbers becomes several. Returns where it ends. */
export function encodePath(path: AsPath, as4: boolean, b: Uint8Array, o: number): number {
  let at = o;
  for (const s of path.segments) {
    for (let from = 0; from < s.as.length; from += SEGMENT_MAX) {
      const count = Math.min(SEGMENT_MAX, s.as.length - from);
      setU8(b, at, s.type);
      setU8(b, at + 1, count);
      at += 2;
      for (let i = from; i < from + count; i++) {
        const as = s.as[i] as number;
        if (as4) setU32(b, at, as);
        else setU16(b, at, as > 0xffff ? AS_TRANS : as);
        at += as4 ? 4 : 2;
      }
    }
  }
  return at;
}

/** Whether a path has AS numbers that do not fit into 16 bits: then AS4_PATH goes along to old speakers (RFC 6793 §4.2.2). */
export const needsAs4 = (path: AsPath): boolean => !path.every((as) => as <= 0xffff);

/** What an old speaker passed on, with the numbers that it could not see (RFC 6793 §4.2.3). */
export function mergePaths(path: AsPath, as4Path: AsPath): AsPath {
  const clean = as4Path.withoutConfed();
  const all = path.segments.reduce((n, s) => n + (s.type === AS_SET || s.type === CONFED_SET ? 1 : s.as.length), 0);
  let keep = all - clean.segments.reduce((n, s) => n + (s.type === AS_SET ? 1 : s.as.length), 0);
  if (keep < 0) return path;
  const front: Segment[] = [];
  for (const s of path.segments) {
    if (keep === 0) break;
    const isSet = s.type === AS_SET || s.type === CONFED_SET;
    const take = isSet ? s.as : s.as.slice(0, keep);
    front.push({ type: s.type, as: take });
    keep -= isSet ? 1 : take.length;
  }
  return makePath([...front, ...clean.segments]);
}

/** AS numbers for private use (RFC 6996). */
export const isPrivateAs = (as: number): boolean =>
  (as >= 64512 && as <= 65534) || (as >= 4_200_000_000 && as <= 4_294_967_294);
