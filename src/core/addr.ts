/** Addresses as numbers and as text. An IPv4 address is an unsigned 32-bit number, a MAC an unsigned 48-bit one. */

export type Ipv4 = number;
export type Mac = number;

export const ANY: Ipv4 = 0;
export const LIMITED_BROADCAST: Ipv4 = 0xffffffff;
export const BROADCAST_MAC: Mac = 0xffff_ffff_ffff;

/** An address with a prefix length, as `ip addr` writes it: 10.0.0.1/24. */
export interface Prefix {
  readonly address: Ipv4;
  readonly length: number;
}

/** Without leading zeros, which some programs would read as octal (`inet_pton`). */
const OCTETS = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Dotted quad to number; `undefined` when it is none. */
export function parseIp(text: string): Ipv4 | undefined {
  const m = OCTETS.exec(text);
  if (!m) return undefined;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(m[i]);
    if (octet > 255) return undefined;
    address = address * 256 + octet;
  }
  return address;
}

export const formatIp = (a: Ipv4): string => `${(a >>> 24) & 255}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;

/** `10.0.0.0/8`, or a bare address, whose length is then `bare` (32 unless told). `undefined` when malformed. */
export function parsePrefix(text: string, bare = 32): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, length: bare };
  const tail = text.slice(slash + 1);
  if (!/^\d{1,2}$/.test(tail) || Number(tail) > 32) return undefined;
  return { address, length: Number(tail) };
}

export const formatPrefix = (p: Prefix): string => `${formatIp(p.address)}/${p.length}`;

/** The netmask of a prefix length, unsigned. */
export const maskOf = (length: number): Ipv4 => (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);
/** The prefix length of a contiguous netmask; `undefined` for any other. */
export function lengthOfMask(mask: Ipv4): number | undefined {
  const length = Math.clz32(~mask);
  return maskOf(length) === mask ? length : undefined;
}
export const networkOf = (address: Ipv4, length: number): Ipv4 => (address & maskOf(length)) >>> 0;
export const broadcastOf = (address: Ipv4, length: number): Ipv4 => (address | ~maskOf(length)) >>> 0;

export const isMulticast = (a: Ipv4): boolean => a >>> 28 === 0xe;
export const isLoopback = (a: Ipv4): boolean => a >>> 24 === 127;
/** The MAC of an IPv4 multicast group (RFC 1112 §6.4). */
export const multicastMac = (group: Ipv4): Mac => 0x0100_5e00_0000 + (group & 0x7fffff);

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

export function parseMac(text: string): Mac | undefined {
  return MAC.test(text) ? Number.parseInt(text.replaceAll(":", ""), 16) : undefined;
}
export const formatMac = (mac: Mac): string =>
  mac
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?=.)/g, "$&:");
/** The group bit of a MAC: multicast or broadcast. */
export const isGroupMac = (mac: Mac): boolean => (Math.floor(mac / 0x100_0000_0000) & 1) === 1;
