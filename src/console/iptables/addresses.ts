import { formatIp, type Ipv4, maskOf } from "../../core/addr.ts";
import type { AddressSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { problem } from "./exit.ts";
import { maskSuffix, whole } from "./numbers.ts";

/** What every Debian has in /etc/hosts and /etc/networks. */
const NAMES: ReadonlyMap<string, Ipv4> = new Map([
  ["localhost", 0x7f000001],
  ["loopback", 0x7f000000],
  ["link-local", 0xa9fe0000],
  ["default", 0],
]);
const NAME_OF: ReadonlyMap<Ipv4, string> = new Map([
  [0, "default"],
  [0x7f000001, "localhost"],
  [0x7f000000, "loopback"],
  [0xa9fe0000, "link-local"],
]);

/** Addresses of one rule, at most: each makes a rule of its own. */
const ADDRESSES_MAX = 1024;

/** `address[/mask][,…]`, as `-s` and `-d` take it (libxtables/xtables.c:xtables_ipparse_multiple). */
export function parseAddresses(text: string): readonly Omit<AddressSpec, "invert">[] {
  const parts = text.split(",");
  if (parts.length > ADDRESSES_MAX) throw problem(`more than ${ADDRESSES_MAX} addresses`);
  return parts.map((part) => parseAddress(part.trimStart()));
}

/** One address with its mask. */
export function parseAddress(text: string): Omit<AddressSpec, "invert"> {
  const slash = text.lastIndexOf("/");
  const mask = slash < 0 ? 0xffff_ffff : parseMask(text.slice(slash + 1));
  // A mask of 0 means any address, whatever stands before it.
  const name = slash >= 0 && mask === 0 ? "0.0.0.0" : text.slice(0, slash < 0 ? undefined : slash);
  return { address: (hostOf(name) & mask) >>> 0, mask };
}

/** One address without a mask. */
function hostOf(name: string): Ipv4 {
  const address = partialAddress(name) ?? NAMES.get(name);
  if (address === undefined) throw problem(`host/network \`${name}' not found`);
  return address;
}

function parseMask(text: string): Ipv4 {
  const mask = maskIn(text);
  if (mask === undefined) throw problem(`invalid mask \`${text}' specified`);
  return mask;
}

/** A mask as a length or in dots; undefined when it is neither. */
export function maskIn(text: string): Ipv4 | undefined {
  const length = whole(text, 32);
  return dotted(text) ?? (length === undefined ? undefined : maskOf(length));
}

/** Four numbers with dots between them; undefined when it is something else. */
export function dotted(text: string): Ipv4 | undefined {
  return text.split(".").length === 4 ? partialAddress(text) : undefined;
}

/** An address whose last octets may be left out: they are 0 then. */
function partialAddress(text: string): Ipv4 | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  let address = 0;
  for (let i = 0; i < 4; i++) {
    const octet = i < parts.length ? whole(parts[i] as string, 255) : 0;
    if (octet === undefined) return undefined;
    address = address * 256 + octet;
  }
  return address;
}

/** As `-L` lists it: `anywhere`, or a name where there is one, unless numbers were asked for. */
export function listAddress(spec: AddressSpec | undefined, numeric: boolean): string {
  if (spec === undefined) return numeric ? "0.0.0.0/0" : "anywhere";
  return hostName(spec.address, numeric) + maskSuffix(spec.mask);
}

export const hostName = (address: Ipv4, numeric: boolean): string =>
  (numeric ? undefined : NAME_OF.get(address)) ?? formatIp(address);

/** An address as C's `inet_aton(3)` reads it: the last of fewer than four numbers fills what is left. Or a name. */
export function anyAddress(text: string): Ipv4 | undefined {
  const parts = text.split(".");
  const last = whole(parts.at(-1) as string, 256 ** (5 - parts.length) - 1);
  const octets = parts.slice(0, -1).map((part) => whole(part, 255));
  if (parts.length > 4 || last === undefined || octets.includes(undefined)) return NAMES.get(text);
  return octets.reduce<number>((sum, octet, i) => sum + (octet as number) * 256 ** (3 - i), last);
}
