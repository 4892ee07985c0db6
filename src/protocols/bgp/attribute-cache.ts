import { u8, u16 } from "../../core/bytes.ts";
import { type ReadAttributes, readAttributes, type Sender } from "./attribute-decode.ts";
import { MP_REACH, MP_UNREACH, NEXT_HOP } from "./attribute-types.ts";
import type { Attributes } from "./attributes.ts";
import { ATTRIBUTE_EXTENDED } from "./wire.ts";

/** Attributes by their octets: neighbours of one speaker get the same ones but for the next hop, which does not count here. */

interface Entry {
  readonly octets: Uint8Array;
  readonly sort: string;
  readonly as4: boolean;
  readonly read: ReadAttributes;
}

/** By hash. Only a saving: it is emptied when it is full. */
const entries = new Map<number, Entry>();
const ENTRIES_MAX = 1 << 19;

/** As `readAttributes`, from memory where the same octets have been read before. The next hop is read anew. */
export function readCached(b: Uint8Array, o: number, end: number, sender: Sender, announces: boolean): ReadAttributes {
  const nextHopAt = findNextHop(b, o, end);
  if (nextHopAt < 0 || !announces || sender.special !== undefined) return readAttributes(b, o, end, sender, announces);
  const hash = hashOf(b, o, end, nextHopAt) ^ (sender.as4 ? 1 : 0);
  const known = entries.get(hash);
  if (
    known !== undefined &&
    known.sort === sender.sort &&
    known.as4 === sender.as4 &&
    isSame(known, b, o, end, nextHopAt)
  )
    return known.read;
  const read = readAttributes(b, o, end, sender, announces);
  if (read.verdict !== "good") return read;
  if (entries.size >= ENTRIES_MAX) entries.clear();
  entries.set(hash, { octets: b.slice(o, end), sort: sender.sort, as4: sender.as4, read });
  return read;
}

/**
 * Octets that this program has written itself, in [o, end): they need not be read. They must be what `readAttributes` would make of them: nothing in
 * `attributes` that is not sent, and no unknown attribute.
 */
export function remember(
  b: Uint8Array,
  o: number,
  end: number,
  nextHopAt: number,
  sender: Sender,
  attributes: Attributes,
): void {
  const first = b[nextHopAt] as number;
  if (entries.size >= ENTRIES_MAX) entries.clear();
  const hash = hashOf(b, o, end, nextHopAt) ^ (sender.as4 ? 1 : 0);
  const verdict = "good";
  const none = undefined;
  const read = { verdict, answer: none, why: "", attributes, nextHop: first, reach: none, unreach: none } as const;
  entries.set(hash, { octets: b.slice(o, end), sort: sender.sort, as4: sender.as4, read });
}

/** Where the address of NEXT_HOP stands; -1: nowhere, or the attributes are of a kind that is not kept. */
export function findNextHop(b: Uint8Array, o: number, end: number): number {
  let found = -1;
  for (let at = o; at + 4 <= end; ) {
    const type = u8(b, at + 1);
    const extended = (u8(b, at) & ATTRIBUTE_EXTENDED) !== 0;
    const length = extended ? u16(b, at + 2) : u8(b, at + 2);
    const value = at + (extended ? 4 : 3);
    if (type === MP_REACH || type === MP_UNREACH) return -1;
    if (type === NEXT_HOP) {
      if (length !== 4 || value + 4 > end || found >= 0) return -1;
      // Addresses that are no next hop are judged where they are read.
      if (b[value] === 0 || b[value] === 127 || (b[value] as number) >= 224) return -1;
      found = value;
    }
    at = value + length;
    if (at > end) return -1;
  }
  return found;
}

/** FNV-1a over the octets but for the four of the next hop. */
function hashOf(b: Uint8Array, o: number, end: number, skip: number): number {
  let h = 0x811c9dc5;
  for (let i = o; i < skip; i++) h = Math.imul(h ^ (b[i] as number), 0x01000193);
  for (let i = skip + 4; i < end; i++) h = Math.imul(h ^ (b[i] as number), 0x01000193);
  return h;
}

function isSame(e: Entry, b: Uint8Array, o: number, end: number, skip: number): boolean {
  const { octets } = e;
  if (octets.length !== end - o) return false;
  const gap = skip - o;
  for (let i = 0; i < octets.length; i++) if (octets[i] !== b[o + i] && (i < gap || i >= gap + 4)) return false;
  return true;
}
