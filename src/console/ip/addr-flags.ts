import { NEVER } from "../../core/time.ts";
import type { Ifaddr } from "../../nodes/kernel/address-routes.ts";

/** A flag of addresses (`IFA_F_…`) under iproute2's name. */
export interface AddressFlag {
  readonly name: string;
  readonly bit: number;
  /** Only the kernel sets it. */
  readonly readonly: boolean;
  readonly v6only: boolean;
}

const SECONDARY = 0x01;
const DEPRECATED = 0x20;
export const PERMANENT = 0x80;
const NO_PREFIX_ROUTE = 0x200;

const flag = (name: string, bit: number, readonly: boolean, v6only: boolean): AddressFlag => ({
  name,
  bit,
  readonly,
  v6only,
});

/** In the order in which they are printed (ip/ipaddress.c:ifa_flag_data). */
export const ADDRESS_FLAGS: readonly AddressFlag[] = [
  flag("secondary", SECONDARY, true, false),
  flag("temporary", SECONDARY, true, false),
  flag("nodad", 0x02, false, true),
  flag("optimistic", 0x04, false, true),
  flag("dadfailed", 0x08, true, true),
  flag("home", 0x10, false, true),
  flag("deprecated", DEPRECATED, true, true),
  flag("tentative", 0x40, true, true),
  flag("permanent", PERMANENT, true, true),
  flag("mngtmpaddr", 0x100, false, true),
  flag("noprefixroute", NO_PREFIX_ROUTE, false, false),
  flag("autojoin", 0x400, false, false),
  flag("stable-privacy", 0x800, true, true),
];

export const readFlag = (word: string): AddressFlag | undefined => ADDRESS_FLAGS.find((f) => f.name === word);

/** The flags that an address has. */
export const flagsOf = (a: Ifaddr): number =>
  (a.secondary ? SECONDARY : 0) |
  (a.deprecated ? DEPRECATED : 0) |
  (a.validUntil === NEVER ? PERMANENT : 0) |
  (a.noPrefixRoute ? NO_PREFIX_ROUTE : 0);

/** Which flags are wanted, set or not. */
export interface FlagFilter {
  flags: number;
  mask: number;
}

/** Reads `secondary`, `-deprecated`, `primary`, `dynamic` into a filter; false for another word (ip/ipaddress.c:get_filter). */
export function readFlagFilter(filter: FlagFilter, word: string): boolean {
  let inverse = word.startsWith("-");
  let name = inverse ? word.slice(1) : word;
  if (name === "dynamic" || name === "primary") {
    inverse = !inverse;
    name = name === "dynamic" ? "permanent" : "secondary";
  }
  const found = readFlag(name);
  if (found === undefined) return false;
  filter.flags = inverse ? filter.flags & ~found.bit : filter.flags | found.bit;
  filter.mask |= found.bit;
  return true;
}
/** Whether only primary addresses are wanted. */
export const wantsPrimary = (f: FlagFilter): boolean => (f.flags & SECONDARY) === 0 && (f.mask & SECONDARY) !== 0;
