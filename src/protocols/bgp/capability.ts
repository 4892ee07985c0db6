import { hex, u8, u16, u32 } from "../../core/bytes.ts";
import type { BgpOpen, Parameter } from "./wire.ts";

/** Capabilities in an OPEN (RFC 5492). */

export const MULTIPROTOCOL = 1;
export const REFRESH = 2;
export const EXTENDED_MESSAGE = 6;
export const GRACEFUL_RESTART = 64;
export const FOUR_OCTET_AS = 65;
export const ADD_PATH = 69;
export const ENHANCED_REFRESH = 70;
export const LONG_LIVED_RESTART = 71;
export const FQDN = 73;
/** Route refresh before it had a number. */
export const OLD_REFRESH = 128;

/** AS_TRANS (RFC 6793 §9): stands in 16 bits for a larger AS number. */
export const AS_TRANS = 23456;

export interface RawCapability {
  readonly code: number;
  readonly value: Uint8Array;
}

/** What a speaker can do, as its OPEN says. */
export interface Capabilities {
  /** IPv4 unicast: announced, or implied because no multiprotocol capability is there at all (RFC 4760 §8). */
  readonly ipv4Unicast: boolean;
  readonly multiprotocol: readonly { readonly afi: number; readonly safi: number }[];
  readonly refresh: boolean;
  readonly oldRefresh: boolean;
  readonly enhancedRefresh: boolean;
  readonly extendedMessage: boolean;
  readonly as4: number | undefined;
  readonly gracefulRestart: GracefulRestart | undefined;
  readonly longLived: boolean;
  readonly hostname: string | undefined;
  readonly domain: string | undefined;
  readonly addPath: boolean;
  /** All of them in their order, unknown ones too. */
  readonly raw: readonly RawCapability[];
}
export interface GracefulRestart {
  readonly restarted: boolean;
  readonly notification: boolean;
  readonly timeS: number;
  readonly families: readonly { readonly afi: number; readonly safi: number; readonly preserved: boolean }[];
}

/** The capabilities of all parameters of type 2, as far as they are whole; `sound` is false where one was not. */
export function rawCapabilities(parameters: readonly Parameter[]): { list: RawCapability[]; sound: boolean } {
  const list: RawCapability[] = [];
  let sound = true;
  for (const { type, value } of parameters) {
    if (type !== 2) continue;
    for (let at = 0; at < value.length; ) {
      const length = value[at + 1] ?? 256;
      if (at + 2 + length > value.length) {
        sound = false;
        break;
      }
      list.push({ code: u8(value, at), value: value.slice(at + 2, at + 2 + length) });
      at += 2 + length;
    }
  }
  return { list, sound };
}

/** What an OPEN announces. Capabilities of a wrong length are left out, as if they had not been there. */
export function capabilitiesOf(open: BgpOpen): Capabilities {
  const raw = rawCapabilities(open.parameters).list;
  const find = (code: number, length = 0): Uint8Array | undefined =>
    raw.find((c) => c.code === code && c.value.length >= length)?.value;
  const multiprotocol = raw
    .filter((c) => c.code === MULTIPROTOCOL && c.value.length === 4)
    .map((c) => ({ afi: u16(c.value, 0), safi: u8(c.value, 3) }));
  const as4 = find(FOUR_OCTET_AS, 4);
  const names = hostNames(find(FQDN, 2));
  return {
    ipv4Unicast: multiprotocol.length === 0 || multiprotocol.some((f) => f.afi === 1 && f.safi === 1),
    multiprotocol,
    refresh: find(REFRESH) !== undefined,
    oldRefresh: find(OLD_REFRESH) !== undefined,
    enhancedRefresh: find(ENHANCED_REFRESH) !== undefined,
    extendedMessage: find(EXTENDED_MESSAGE) !== undefined,
    as4: as4 === undefined ? undefined : u32(as4, 0),
    gracefulRestart: gracefulRestart(find(GRACEFUL_RESTART, 2)),
    longLived: find(LONG_LIVED_RESTART) !== undefined,
    ...names,
    addPath: find(ADD_PATH) !== undefined,
    raw,
  };
}

function gracefulRestart(v: Uint8Array | undefined): GracefulRestart | undefined {
  if (v === undefined) return undefined;
  const families = [];
  for (let at = 2; at + 4 <= v.length; at += 4)
    families.push({ afi: u16(v, at), safi: u8(v, at + 2), preserved: (u8(v, at + 3) & 0x80) !== 0 });
  const flags = u16(v, 0);
  return { restarted: (flags & 0x8000) !== 0, notification: (flags & 0x4000) !== 0, timeS: flags & 0xfff, families };
}

function hostNames(v: Uint8Array | undefined): { hostname: string | undefined; domain: string | undefined } {
  const none = { hostname: undefined, domain: undefined };
  if (v === undefined) return none;
  const host = u8(v, 0);
  if (host + 2 > v.length) return none;
  const domain = u8(v, 1 + host);
  if (host + 2 + domain > v.length) return none;
  const text = (o: number, n: number): string | undefined =>
    n === 0 ? undefined : new TextDecoder().decode(v.subarray(o, o + n));
  return { hostname: text(1, host), domain: text(2 + host, domain) };
}

/** What a speaker announces of itself. */
export interface Announced {
  readonly as: number;
  readonly hostname: string;
  readonly extendedMessage: boolean;
}

/** The parameters of FRR's OPEN, one capability each, in its order (bgpd/bgp_open.c:bgp_open_capability). */
export function announce({ as, hostname, extendedMessage }: Announced): Parameter[] {
  const name = new TextEncoder().encode(hostname).subarray(0, 64);
  const capability = (code: number, ...value: number[]): Parameter => ({
    type: 2,
    value: Uint8Array.from([code, value.length, ...value]),
  });
  return [
    capability(MULTIPROTOCOL, 0, 1, 0, 1),
    capability(OLD_REFRESH),
    capability(REFRESH),
    capability(ENHANCED_REFRESH),
    capability(FOUR_OCTET_AS, (as >>> 24) & 255, (as >>> 16) & 255, (as >>> 8) & 255, as & 255),
    ...(extendedMessage ? [capability(EXTENDED_MESSAGE)] : []),
    capability(FQDN, name.length, ...name, 0),
    // Helper only: no address family, 120 s (RFC 4724 §3). FRR sets the bits "restarted" and "notification" as well.
    capability(GRACEFUL_RESTART, 0xc0, 0x78),
  ];
}

/** A capability for messages to people: `code 9 (0a:0b)`. */
export const capabilityText = (c: RawCapability): string => `code ${c.code} (${hex(c.value)})`;
