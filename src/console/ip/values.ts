import type { Ipv4, Mac } from "../../core/addr.ts";
import { LABEL_MAX } from "../../protocols/mpls/wire.ts";
import { failure, notBuilt } from "./exit.ts";

/** A number of C (`strtoul` with base 0): decimal, hexadecimal after 0x, octal after 0. Undefined above `max`. */
export function parseUnsigned(text: string, max = 0xffff_ffff): number | undefined {
  const value = parseCNumber(text.replace(/^\s*\+?/, ""));
  return value !== undefined && value <= max ? value : undefined;
}

/** As `parseUnsigned`, but a C `int`. */
export function parseInteger(text: string): number | undefined {
  const m = /^\s*([-+]?)(.*)$/s.exec(text) as RegExpExecArray;
  const size = parseCNumber(m[2] as string);
  if (size === undefined) return undefined;
  const value = m[1] === "-" ? -size : size;
  return value >= -0x8000_0000 && value <= 0x7fff_ffff ? value : undefined;
}

function parseCNumber(text: string): number | undefined {
  const hex = /^0x([0-9a-f]+)$/i.exec(text);
  if (hex) return Number.parseInt(hex[1] as string, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

/** A hexadecimal number up to `max`, with or without 0x. */
export function parseHex(text: string, max: number): number | undefined {
  const m = /^(?:0x)?([0-9a-f]+)$/i.exec(text);
  const value = m ? Number.parseInt(m[1] as string, 16) : Number.NaN;
  return value <= max ? value : undefined;
}

/** `-4` and the like; empty: any family. */
export type Family = "" | "inet" | "link" | "mpls";

/** An address with what was said of its length. */
export interface PrefixArgument {
  readonly address: Ipv4;
  readonly length: number;
  /** The length was written, or `default` said that it is 0. */
  readonly specified: boolean;
}

const familyWords = (family: Family): string => (family === "" ? "any valid" : family);

/** Words that stand for every address of every family. */
export const isAnyWord = (text: string): boolean => text === "default" || text === "all" || text === "any";

/** An address (lib/utils.c:get_addr); `default`, `all` and `any` are 0.0.0.0. */
export function parseAddress(text: string, family: Family): Ipv4 {
  if (isAnyWord(text)) return 0;
  const address = family === "link" ? undefined : readIpv4(text, family);
  if (address === undefined) throw failure(`Error: ${familyWords(family)} address is expected rather than "${text}".`);
  return address;
}

/** An address for which there is no other family (lib/utils.c:get_addr32). */
export function parseAddress32(text: string): Ipv4 {
  if (isAnyWord(text)) return 0;
  const address = readIpv4(text, "inet");
  if (address === undefined) throw failure(`Error: an IP address is expected rather than "${text}"`);
  return address;
}

/** Labels that one address may have. */
const LABELS_MAX = 16;

/** MPLS labels, top first (lib/mpls_pton.c): `16001/16002`; undefined when they are none. */
export function parseLabels(text: string): readonly number[] | undefined {
  const labels = text.split("/").map((part) => parseUnsigned(part, LABEL_MAX));
  if (labels.length > LABELS_MAX) throw failure(`Error: too many labels.\n${mplsExpected(text, "address")}`);
  return labels.every((label) => label !== undefined) ? labels : undefined;
}

/** Labels where the family says that there must be some. */
export function parseMpls(text: string, what: "address" | "prefix"): readonly number[] {
  const labels = parseLabels(text);
  if (labels === undefined) throw failure(mplsExpected(text, what));
  return labels;
}
const mplsExpected = (text: string, what: string): string => `Error: mpls ${what} is expected rather than "${text}".`;

/** A prefix (lib/utils.c:get_prefix): `10.0.0.0/8`, `10/8`, `10.0.0.0/255.0.0.0`, `default`; without a length 32. */
export function parsePrefix(text: string, family: Family): PrefixArgument {
  if (family === "link") {
    throw failure(`Error: "${text}" may be inet prefix, but it is not allowed in this context.`);
  }
  const prefix = readPrefix(text, family);
  if (prefix === undefined) throw failure(`Error: ${familyWords(family)} prefix is expected rather than "${text}".`);
  return prefix;
}

function readPrefix(text: string, family: Family): PrefixArgument | undefined {
  const slash = text.indexOf("/");
  const name = slash < 0 ? text : text.slice(0, slash);
  if (isAnyWord(name)) return slash < 0 ? { address: 0, length: 0, specified: name === "default" } : undefined;
  const address = readIpv4(name, family);
  if (address === undefined) return undefined;
  if (slash < 0) return { address, length: 32, specified: false };
  const tail = text.slice(slash + 1);
  const length = parseUnsigned(tail) ?? maskLength(tail);
  return length === undefined || length > 32 ? undefined : { address, length, specified: true };
}

function maskLength(text: string): number | undefined {
  const mask = readIpv4(text, "inet");
  if (mask === undefined) return undefined;
  const length = Math.clz32(~mask);
  return mask === (length === 0 ? 0 : (-1 << (32 - length)) >>> 0) ? length : undefined;
}

/** Up to four numbers with dots between; those left out are 0, so that 10.8 is 10.8.0.0 (lib/utils.c:get_addr_ipv4). */
function readIpv4(text: string, family: Family): Ipv4 | undefined {
  if (text.includes(":")) {
    if (family === "inet") return undefined;
    throw notBuilt(`IPv6 ("${text}")`);
  }
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  let address = 0;
  for (let i = 0; i < 4; i++) {
    const octet = i < parts.length ? parseUnsigned(parts[i] as string, 255) : 0;
    if (octet === undefined) return undefined;
    address = address * 256 + octet;
  }
  return address;
}

/** A link address of any length. */
export interface LinkAddress {
  readonly value: Mac;
  readonly octets: number;
}

/** lib/ll_addr.c:ll_addr_a2n: octets in hexadecimal with colons between, or an IPv4 address. */
export function parseLinkAddress(text: string): LinkAddress {
  const invalid = (part: string) => failure(`"${part}" is invalid lladdr.`);
  if (text.includes(".")) {
    const address = readIpv4(text, "inet");
    if (address === undefined) throw invalid(text);
    return { value: address, octets: 4 };
  }
  const parts = text.split(":");
  let value = 0;
  for (const part of parts) {
    const digits = /^\s*\+?(?:0x)?([0-9a-f]+)/i.exec(part); // as sscanf takes it: what follows the digits is not looked at
    const octet = digits ? Number.parseInt(digits[1] as string, 16) : 256;
    if (octet > 255) throw invalid(part);
    value = value * 256 + octet;
  }
  return { value, octets: parts.length };
}
