import type { U32Key, U32Options } from "../../../nodes/kernel/tc/filters/u32.ts";
import { type Args, abbreviates } from "../../ip/args.ts";
import { notBuilt } from "../context.ts";
import { parseSigned, parseUnsigned } from "../units.ts";

/** Keys in the order in which words of the packet were first named: what names the same word joins it (tc/f_u32.c:pack_key). */
export class KeyList {
  readonly keys: U32Key[] = [];

  /** False: it contradicts an earlier one, or its offset is no multiple of four. */
  add(value: number, mask: number, offset: number, next: boolean): boolean {
    const masked = (value & mask) >>> 0;
    const at = this.keys.findIndex((k) => k.offset === offset && k.next === next);
    const old = this.keys[at];
    if (old !== undefined) {
      if (((masked ^ old.value) & old.mask & mask) !== 0) return false;
      this.keys[at] = { offset, next, value: (old.value | masked) >>> 0, mask: (old.mask | mask) >>> 0 };
      return true;
    }
    if (offset % 4 !== 0 || this.keys.length >= KEYS_MAX) return false;
    this.keys.push({ value: masked, mask: mask >>> 0, offset, next });
    return true;
  }

  /** A part of 1, 2 or 4 octets at an offset, moved to its place in the word around it. */
  addPart(value: number, mask: number, offset: number, next: boolean, octets: 1 | 2 | 4): boolean {
    if (octets === 4) return this.add(value, mask, offset, next);
    const limit = octets === 1 ? 0xff : 0xffff;
    if (value > limit || mask > limit) return false;
    const shift = octets === 2 ? ((offset & 3) === 0 ? 16 : 0) : 8 * (3 - (offset & 3));
    return this.add((value << shift) >>> 0, (mask << shift) >>> 0, offset & ~3, next);
  }
}
const KEYS_MAX = 128;

/** Where fields of the IP header stand, and of what follows it where it has no options: octets, offset. */
const IP_FIELDS: Readonly<Record<string, readonly [1 | 2, number]>> = {
  ihl: [1, 0],
  protocol: [1, 9],
  dport: [2, 22],
  sport: [2, 20],
  icmp_type: [1, 20],
  icmp_code: [1, 21],
};
/** Flags and fragment offset as words of their own: value, mask. */
const IP_FLAGS: Readonly<Record<string, readonly [number, number]>> = {
  nofrag: [0, 0x3fff],
  firstfrag: [0x2000, 0x3fff],
  df: [0x4000, 0x4000],
  mf: [0x2000, 0x2000],
};

/**
 * Reads what stands behind `match` or `sample`, and leaves it behind; false: it cannot be read (tc/f_u32.c:parse_selector).
 * A `mark` goes to `options`.
 */
export function parseSelector(args: Args, keys: KeyList, options: { mark?: U32Options["mark"] }): boolean {
  const kind = args.word;
  const is = (name: string): boolean => abbreviates(kind, name);
  args.step();
  if (is("u32")) return part(args, keys, 0, false, 4);
  if (is("u16")) return part(args, keys, 0, false, 2);
  if (is("u8")) return part(args, keys, 0, false, 1);
  if (is("ip")) return ipField(args, keys);
  if (is("ip6")) throw notBuilt("u32 match ip6");
  if (is("udp") || is("tcp")) return port(args, keys);
  if (is("icmp")) return icmp(args, keys);
  if (is("mark")) return mark(args, options);
  return is("ether") && ether(args, keys);
}

/** VALUE MASK [ at OFFSET | at nexthdr+OFFSET ]; the mask is hexadecimal. */
function part(args: Args, keys: KeyList, offset: number, next: boolean, octets: 1 | 2 | 4): boolean {
  const value = parseUnsigned(args.word, 0);
  args.step();
  const mask = parseUnsigned(args.word, 16);
  if (value === undefined || mask === undefined) return false;
  args.step();
  const at = place(args, offset, next);
  return at !== undefined && keys.addPart(value, mask, at.offset, at.next, octets);
}

/** `at OFFSET`, where it stands. */
function place(args: Args, offset: number, next: boolean): { offset: number; next: boolean } | undefined {
  if (!args.is("at")) return { offset, next };
  let text = args.next();
  let behind = next;
  if (text.startsWith("nexthdr+")) {
    behind = true;
    text = text.slice("nexthdr+".length) || args.next();
  } else if (abbreviates(text, "nexthdr+")) {
    behind = true;
    text = args.next();
  }
  const read = parseSigned(text);
  args.step();
  return read === undefined ? undefined : { offset: read, next: behind };
}

function ipField(args: Args, keys: KeyList): boolean {
  const field = args.word;
  args.step();
  if (field === "src" || field === "dst") return address(args, keys, field === "src" ? 12 : 16);
  if (field === "tos" || abbreviates(field, "dsfield") || abbreviates(field, "precedence")) {
    return part(args, keys, 1, false, 1);
  }
  const flags = IP_FLAGS[field];
  if (flags !== undefined) return keys.addPart(flags[0], flags[1], 6, false, 2);
  const known = IP_FIELDS[field];
  return known !== undefined && part(args, keys, known[1], false, known[0]);
}

function address(args: Args, keys: KeyList, offset: number): boolean {
  const prefix = parsePrefixText(args.word);
  args.step();
  const at = place(args, offset, false);
  return prefix !== undefined && at !== undefined && keys.add(prefix.address, prefix.mask, at.offset, at.next);
}

/** `10.0.0.1`, `10.0.0.0/8`, `10/8`, `any` (lib/utils.c:get_prefix_1). */
export function parsePrefixText(text: string): { readonly address: number; readonly mask: number } | undefined {
  if (text === "default" || text === "any" || text === "all") return { address: 0, mask: 0 };
  const [addressText = "", lengthText] = text.split("/");
  const octets = addressText.split(".").map((octet) => parseUnsigned(octet, 0, 255));
  if (octets.length > 4 || octets.includes(undefined)) return undefined;
  const address = [0, 1, 2, 3].reduce((sum, i) => sum * 256 + (octets[i] ?? 0), 0);
  if (lengthText === undefined) return { address, mask: 0xffff_ffff };
  const length = parseUnsigned(lengthText, 0, 32);
  if (length === undefined) return undefined;
  return { address, mask: length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0 };
}

function port(args: Args, keys: KeyList): boolean {
  const side = args.word;
  args.step();
  if (side !== "src" && side !== "dst") return false;
  return part(args, keys, side === "src" ? 0 : 2, true, 2);
}

function icmp(args: Args, keys: KeyList): boolean {
  const field = args.word;
  args.step();
  if (field !== "type" && field !== "code") return false;
  return part(args, keys, field === "type" ? 0 : 1, true, 1);
}

function mark(args: Args, options: { mark?: U32Options["mark"] }): boolean {
  const value = parseUnsigned(args.word, 0);
  args.step();
  const mask = parseUnsigned(args.word, 0);
  args.step();
  if (value === undefined || mask === undefined || (value & mask) >>> 0 !== value) return false;
  options.mark = { value, mask };
  return true;
}

/** MACs stand before the network header: the destination 14 octets, the source 8. */
function ether(args: Args, keys: KeyList): boolean {
  const side = args.word;
  args.step();
  const octets = args.word
    .split(":")
    .map((octet) => (/^[0-9a-f]{1,2}$/i.test(octet) ? Number.parseInt(octet, 16) : -1));
  args.step();
  if ((side !== "src" && side !== "dst") || octets.length !== 6 || octets.includes(-1)) return false;
  const at = place(args, side === "src" ? -8 : -14, false);
  return at !== undefined && octets.every((octet, i) => keys.addPart(octet, 0xff, at.offset + i, at.next, 1));
}
