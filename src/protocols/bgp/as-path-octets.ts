import { setU8, setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { AS_SEQUENCE, AS_SET, type AsPath, CONFED_SET, makePath, type Segment } from "./as-path.ts";
import { AS_TRANS } from "./capability.ts";

/** The octets of AS_PATH and AS4_PATH (RFC 4271 §4.3, RFC 6793). */

/** AS numbers of one path, at most: more is a fault. */
export const PATH_AS_MAX = 10_000;
const SEGMENT_MAX = 255;

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
  if (path.plain) return 2 * Math.ceil(path.hops / SEGMENT_MAX) + (as4 ? 4 : 2) * path.hops;
  let length = 0;
  for (const s of path.segments) length += 2 * Math.ceil(s.as.length / SEGMENT_MAX) + (as4 ? 4 : 2) * s.as.length;
  return length;
}

/** Writes the value of an AS_PATH; a segment of more than 255 numbers becomes several. Returns where it ends. */
export function encodePath(path: AsPath, as4: boolean, b: Uint8Array, o: number): number {
  if (path.plain) return encodeSegment(AS_SEQUENCE, path.pieces(), path.hops, as4, b, o);
  return path.segments.reduce((at, s) => encodeSegment(s.type, [s.as], s.as.length, as4, b, at), o);
}

/** `pieces` have `count` numbers. */
function encodeSegment(
  type: number,
  pieces: readonly (readonly number[])[],
  count: number,
  as4: boolean,
  b: Uint8Array,
  o: number,
): number {
  let at = o;
  let left = count;
  let room = 0;
  for (const piece of pieces)
    for (let i = 0; i < piece.length; i++) {
      if (room === 0) {
        room = Math.min(SEGMENT_MAX, left);
        setU8(b, at, type);
        setU8(b, at + 1, room);
        at += 2;
      }
      const as = piece[i] as number;
      if (as4) setU32(b, at, as);
      else setU16(b, at, as > 0xffff ? AS_TRANS : as);
      at += as4 ? 4 : 2;
      room--;
      left--;
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
