import { u8, u16, u32 } from "../../core/bytes.ts";
import { type BgpOpen, isIpv4Unicast, type Parameter } from "./wire.ts";

/** Capabilities in an OPEN (RFC 5492). */

const MULTIPROTOCOL = 1; // RFC 4760 §8
const REFRESH = 2; // RFC 2918 §2
const OUTBOUND_FILTER = 3; // RFC 5291 §5
const EXTENDED_MESSAGE = 6; // RFC 8654 §3
const ROLE = 9; // RFC 9234 §4.1
const GRACEFUL_RESTART = 64; // RFC 4724 §3
const FOUR_OCTET_AS = 65; // RFC 6793 §3
const ADD_PATH = 69; // RFC 7911 §4
const ENHANCED_REFRESH = 70; // RFC 7313 §3.1
const LONG_LIVED_RESTART = 71; // RFC 9494 §3.1
const FQDN = 73; // draft-walton-bgp-hostname-capability
const SOFTWARE = 75; // draft-abraitis-bgp-version-capability
const PATHS_LIMIT = 76; // draft-abraitis-idr-addpath-paths-limit
/** Route refresh before it had a number. */
const OLD_REFRESH = 128;

/** The type of the parameter that holds capabilities (RFC 5492 §4). */
export const PARAMETER_CAPABILITIES = 2;

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
  /** Seconds that stale routes of IPv4 unicast may be kept beyond a restart (RFC 9494 §3); 0: none. */
  readonly longLivedS: number;
  readonly hostname: string | undefined;
  readonly domain: string | undefined;
  readonly software: string | undefined;
  /** For IPv4 unicast (RFC 7911 §4): it sends several paths, takes them. */
  readonly addPath: Directions;
  /** How many paths to a prefix it takes at most; 0: it does not say. */
  readonly pathsLimit: number;
  /** Number of its role (RFC 9234 §4.1); `roleFault`: it tells two different ones. */
  readonly role: number | undefined;
  readonly roleFault: boolean;
  /** For IPv4 unicast (RFC 5291): it sends outbound route filters, takes them. */
  readonly orf: Directions;
  /** All of them in their order, unknown ones too. */
  readonly raw: readonly RawCapability[];
}
export interface GracefulRestart {
  readonly restarted: boolean;
  readonly notification: boolean;
  readonly timeS: number;
  readonly families: readonly { readonly afi: number; readonly safi: number; readonly preserved: boolean }[];
}

/** The capabilities of all parameters that hold some, as far as they are whole; `sound` is false where one was not. */
export function rawCapabilities(parameters: readonly Parameter[]): { list: RawCapability[]; sound: boolean } {
  const list: RawCapability[] = [];
  let sound = true;
  for (const { type, value } of parameters) {
    if (type !== PARAMETER_CAPABILITIES) continue;
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
    ipv4Unicast: multiprotocol.length === 0 || multiprotocol.some(isIpv4Unicast),
    multiprotocol,
    refresh: find(REFRESH) !== undefined,
    oldRefresh: find(OLD_REFRESH) !== undefined,
    enhancedRefresh: find(ENHANCED_REFRESH) !== undefined,
    extendedMessage: find(EXTENDED_MESSAGE) !== undefined,
    as4: as4 === undefined ? undefined : u32(as4, 0),
    gracefulRestart: gracefulRestart(find(GRACEFUL_RESTART, 2)),
    longLived: find(LONG_LIVED_RESTART) !== undefined,
    longLivedS: longLivedTime(find(LONG_LIVED_RESTART)),
    ...names,
    software: softwareName(find(SOFTWARE, 1)),
    addPath: addPath(find(ADD_PATH)),
    pathsLimit: pathsLimit(find(PATHS_LIMIT)),
    role: find(ROLE, 1)?.[0],
    roleFault: new Set(raw.filter((c) => c.code === ROLE && c.value.length === 1).map((c) => c.value[0])).size > 1,
    orf: outboundFilter(find(OUTBOUND_FILTER)),
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

/** What entries of `size` octets, each of which begins with a family, hold of IPv4 unicast; undefined: nothing. `read` is given the place behind the family. */
function ofIpv4Unicast<T>(
  v: Uint8Array | undefined,
  size: number,
  read: (v: Uint8Array, at: number) => T | undefined,
): T | undefined {
  for (let at = 0; v !== undefined && at + size <= v.length; at += size) {
    if (!isIpv4Unicast({ afi: u16(v, at), safi: u8(v, at + 2) })) continue;
    const found = read(v, at + 3);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The time has the low 24 bits, behind an octet of flags (RFC 9494 §3.1). */
const longLivedTime = (v: Uint8Array | undefined): number => ofIpv4Unicast(v, 7, (b, at) => u32(b, at) & 0xffffff) ?? 0;

/** Who sends, of paths and of filters (RFC 7911 §4, RFC 5291 §5). */
interface Directions {
  readonly sends: boolean;
  readonly takes: boolean;
}
const RECEIVE = 1;
const SEND = 2;
const NEITHER: Directions = { sends: false, takes: false };
const directionsOf = (how: number): Directions => ({ sends: (how & SEND) !== 0, takes: (how & RECEIVE) !== 0 });

/** Other values than those of the two bits are passed over (RFC 7911 §4). */
const addPath = (v: Uint8Array | undefined): Directions =>
  ofIpv4Unicast(v, 4, (b, at) => (u8(b, at) <= (SEND | RECEIVE) ? directionsOf(u8(b, at)) : undefined)) ?? NEITHER;

const pathsLimit = (v: Uint8Array | undefined): number => ofIpv4Unicast(v, 5, (b, at) => u16(b, at)) ?? 0;

/** The only type of outbound route filter that is known: prefixes (RFC 5292). */
export const ORF_PREFIX = 64;

/** RFC 5291 §5: families, each with types and who sends. */
function outboundFilter(v: Uint8Array | undefined): Directions {
  for (let at = 0; v !== undefined && at + 5 <= v.length; ) {
    const count = u8(v, at + 4);
    const family = isIpv4Unicast({ afi: u16(v, at), safi: u8(v, at + 3) });
    for (let i = at + 5; i + 2 <= Math.min(v.length, at + 5 + 2 * count); i += 2) {
      const how = u8(v, i + 1);
      if (family && u8(v, i) === ORF_PREFIX) return directionsOf(how);
    }
    at += 5 + 2 * count;
  }
  return NEITHER;
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

/** Octets of the software's name, at most. */
const SOFTWARE_MAX = 64;

/** With a length before it, as older drafts have it, or without (bgpd/bgp_open.c:bgp_capability_software_version). */
function softwareName(v: Uint8Array | undefined): string | undefined {
  if (v === undefined) return undefined;
  const text = u8(v, 0) + 1 === v.length ? v.subarray(1) : v;
  return new TextDecoder().decode(text.subarray(0, SOFTWARE_MAX));
}

/** What a speaker announces of itself. */
export interface Announced {
  readonly as: number;
  readonly hostname: string | undefined;
  readonly extendedMessage: boolean;
  /** `sized`: with a length of its own, as older drafts have it. */
  readonly software?: { readonly text: string; readonly sized: boolean } | undefined;
  /** Number of the role; undefined: none is told. */
  readonly role?: number | undefined;
  readonly addPath?: Directions;
  readonly pathsLimit?: number | undefined;
  readonly orf?: Directions | undefined;
  /** Undefined: restarts are not spoken of at all. */
  readonly restart?: RestartAnnounced | undefined;
}
export interface RestartAnnounced {
  readonly restarted: boolean;
  readonly notification: boolean;
  readonly timeS: number;
  /** Routes of IPv4 unicast are kept through a restart; `preserved`: and packets were forwarded meanwhile. Undefined: helper only. */
  readonly ipv4?: { readonly preserved: boolean } | undefined;
  /** Seconds that stale routes may be kept beyond that (RFC 9494); undefined: not at all. */
  readonly longLivedS?: number | undefined;
}

/** The parameters of FRR's OPEN, one capability each, in its order (bgpd/bgp_open.c:bgp_open_capability). */
export function announce(a: Announced): Parameter[] {
  const { as, hostname, extendedMessage, role, addPath, pathsLimit: limit, orf, restart, software } = a;
  const octets = (text: string, max: number): Uint8Array => new TextEncoder().encode(text).subarray(0, max);
  const name = octets(hostname ?? "", 64);
  const version = octets(software?.text ?? "", SOFTWARE_MAX);
  return [
    capability(MULTIPROTOCOL, 0, 1, 0, 1),
    capability(OLD_REFRESH),
    capability(REFRESH),
    capability(ENHANCED_REFRESH),
    capability(FOUR_OCTET_AS, (as >>> 24) & 255, (as >>> 16) & 255, (as >>> 8) & 255, as & 255),
    ...(extendedMessage ? [capability(EXTENDED_MESSAGE)] : []),
    ...(role === undefined ? [] : [capability(ROLE, role)]),
    ...(addPath === undefined ? [] : [capability(ADD_PATH, 0, 1, 1, directions(addPath))]),
    ...(limit === undefined ? [] : [capability(PATHS_LIMIT, 0, 1, 1, limit >>> 8, limit & 255)]),
    ...(orf === undefined ? [] : [capability(OUTBOUND_FILTER, 0, 1, 0, 1, 1, ORF_PREFIX, directions(orf))]),
    ...(hostname === undefined ? [] : [capability(FQDN, name.length, ...name, 0)]),
    ...(restart === undefined ? [] : restartCapabilities(restart)),
    ...(software === undefined ? [] : [capability(SOFTWARE, ...(software.sized ? [version.length] : []), ...version)]),
  ];
}

const directions = (d: Directions): number => (d.sends ? SEND : 0) | (d.takes ? RECEIVE : 0);

const capability = (code: number, ...value: number[]): Parameter => ({
  type: PARAMETER_CAPABILITIES,
  value: Uint8Array.from([code, value.length, ...value]),
});

/** RFC 4724 §3, RFC 8538 §2, RFC 9494 §3. */
function restartCapabilities(r: RestartAnnounced): Parameter[] {
  const flags = (r.restarted ? 0x80 : 0) | (r.notification ? 0x40 : 0) | (r.timeS >>> 8);
  const family = r.ipv4 === undefined ? [] : [0, 1, 1, r.ipv4.preserved ? 0x80 : 0];
  const { longLivedS } = r;
  const long =
    longLivedS === undefined
      ? []
      : [capability(LONG_LIVED_RESTART, 0, 1, 1, 0x80, longLivedS >>> 16, (longLivedS >>> 8) & 255, longLivedS & 255)];
  return [capability(GRACEFUL_RESTART, flags, r.timeS & 255, ...family), ...long];
}
