import type { Ipv4 } from "../../core/addr.ts";
import { setU8, setU16, setU24, setU32, u8, u16, u24, u32 } from "../../core/bytes.ts";

/** Link state advertisements (RFC 2328 appendix A.4, RFC 3101 appendix A, RFC 5250) as values. */

export const LSA_ROUTER = 1;
export const LSA_NETWORK = 2;
export const LSA_SUMMARY = 3;
export const LSA_ASBR_SUMMARY = 4;
export const LSA_EXTERNAL = 5;
export const LSA_NSSA = 7;
export const LSA_OPAQUE_LINK = 9;
export const LSA_OPAQUE_AREA = 10;
export const LSA_OPAQUE_AS = 11;

/** Octets of the header. */
export const LSA_HEADER = 20;
/** An advertisement of this age is being withdrawn (RFC 2328 appendix B). */
export const MAX_AGE = 3600;
/** A bit of the age field (RFC 1793 §2.2). */
export const DO_NOT_AGE = 0x8000;
/** The first and the last sequence number; as signed numbers they only grow (RFC 2328 §12.1.6). */
export const INITIAL_SEQUENCE = 0x80000001;
export const MAX_SEQUENCE = 0x7fffffff;
/** "Unreachable" (RFC 2328 appendix B). */
export const LS_INFINITY = 0xffffff;

/** The kinds of a router's links (RFC 2328 appendix A.4.2). */
export const LINK_POINT_TO_POINT = 1;
export const LINK_TRANSIT = 2;
export const LINK_STUB = 3;
export const LINK_VIRTUAL = 4;

/** Flags of a router advertisement: border of areas, border of the system, end of virtual links, translator (RFC 3101 appendix B). */
export const ROUTER_B = 1;
export const ROUTER_E = 2;
export const ROUTER_V = 4;
export const ROUTER_NT = 0x10;

export interface LsaHeader {
  /** Seconds, with the bit of advertisements that do not age. */
  readonly age: number;
  readonly options: number;
  readonly type: number;
  /** Link State ID. */
  readonly id: Ipv4;
  /** The advertising router. */
  readonly adv: Ipv4;
  /** 32 bits, unsigned. */
  readonly seq: number;
  readonly checksum: number;
  /** Octets, header included. */
  readonly length: number;
}

export interface TosMetric {
  readonly tos: number;
  readonly reserved: number;
  readonly metric: number;
}
export interface RouterLink {
  readonly id: Ipv4;
  readonly data: Ipv4;
  readonly type: number;
  readonly metric: number;
  readonly tos: readonly TosMetric[];
}
export interface RouterBody {
  readonly kind: "router";
  readonly flags: number;
  readonly reserved: number;
  readonly links: readonly RouterLink[];
}
export interface NetworkBody {
  readonly kind: "network";
  readonly mask: Ipv4;
  readonly attached: readonly Ipv4[];
}
export interface SummaryBody {
  readonly kind: "summary";
  readonly mask: Ipv4;
  /** By type of service; the first is that of 0. 24 bits each. */
  readonly metrics: readonly { readonly tos: number; readonly metric: number }[];
}
export interface ExternalRoute {
  /** The E bit (0x80) and the type of service. */
  readonly flags: number;
  readonly metric: number;
  readonly forward: Ipv4;
  readonly tag: number;
}
export interface ExternalBody {
  readonly kind: "external";
  readonly mask: Ipv4;
  readonly routes: readonly ExternalRoute[];
}
/** Opaque contents, types that are not known, and bodies whose lengths make no sense. */
export interface RawBody {
  readonly kind: "raw";
  readonly bytes: Uint8Array;
}
export type LsaBody = RouterBody | NetworkBody | SummaryBody | ExternalBody | RawBody;

/** A whole advertisement. */
export interface LsaValue {
  readonly header: LsaHeader;
  readonly body: LsaBody;
}

/** E bit of an external route: its metric counts before every internal distance. */
export const EXTERNAL_TYPE2 = 0x80;

/** Reads a header, whose 20 octets are there. */
export const decodeLsaHeader = (b: Uint8Array, o: number): LsaHeader => ({
  age: u16(b, o),
  options: u8(b, o + 2),
  type: u8(b, o + 3),
  id: u32(b, o + 4),
  adv: u32(b, o + 8),
  seq: u32(b, o + 12),
  checksum: u16(b, o + 16),
  length: u16(b, o + 18),
});

export function encodeLsaHeader(h: LsaHeader, b: Uint8Array, o: number): void {
  setU16(b, o, h.age);
  setU8(b, o + 2, h.options);
  setU8(b, o + 3, h.type);
  setU32(b, o + 4, h.id);
  setU32(b, o + 8, h.adv);
  setU32(b, o + 12, h.seq);
  setU16(b, o + 16, h.checksum);
  setU16(b, o + 18, h.length);
}

/** Reads the body [o, end) of an advertisement of `type`; what does not fit the type is `raw`. */
export function decodeLsaBody(type: number, b: Uint8Array, o: number, end: number): LsaBody {
  return structured(type, b, o, end) ?? { kind: "raw", bytes: b.slice(o, end) };
}

export function lsaBodyLength(body: LsaBody): number {
  switch (body.kind) {
    case "router":
      return body.links.reduce((sum, link) => sum + 12 + 4 * link.tos.length, 4);
    case "network":
      return 4 + 4 * body.attached.length;
    case "summary":
      return 4 + 4 * body.metrics.length;
    case "external":
      return 4 + 12 * body.routes.length;
    case "raw":
      return body.bytes.length;
  }
}

export function encodeLsaBody(body: LsaBody, b: Uint8Array, o: number): void {
  switch (body.kind) {
    case "router":
      return encodeRouter(body, b, o);
    case "network":
      setU32(b, o, body.mask);
      for (const [i, router] of body.attached.entries()) setU32(b, o + 4 + 4 * i, router);
      return;
    case "summary":
      setU32(b, o, body.mask);
      for (const [i, { tos, metric }] of body.metrics.entries()) {
        setU8(b, o + 4 + 4 * i, tos);
        setU24(b, o + 5 + 4 * i, metric);
      }
      return;
    case "external":
      setU32(b, o, body.mask);
      for (const [i, route] of body.routes.entries()) {
        setU8(b, o + 4 + 12 * i, route.flags);
        setU24(b, o + 5 + 12 * i, route.metric);
        setU32(b, o + 8 + 12 * i, route.forward);
        setU32(b, o + 12 + 12 * i, route.tag);
      }
      return;
    case "raw":
      b.set(body.bytes, o);
  }
}

function structured(type: number, b: Uint8Array, o: number, end: number): LsaBody | undefined {
  const length = end - o;
  switch (type) {
    case LSA_ROUTER:
      return decodeRouter(b, o, end);
    case LSA_NETWORK: {
      if (length < 4 || length % 4 !== 0) return undefined;
      const attached = Array.from({ length: length / 4 - 1 }, (_, i) => u32(b, o + 4 + 4 * i));
      return { kind: "network", mask: u32(b, o), attached };
    }
    case LSA_SUMMARY:
    case LSA_ASBR_SUMMARY: {
      if (length < 8 || length % 4 !== 0) return undefined;
      const metrics = Array.from({ length: length / 4 - 1 }, (_, i) => ({
        tos: u8(b, o + 4 + 4 * i),
        metric: u24(b, o + 5 + 4 * i),
      }));
      return { kind: "summary", mask: u32(b, o), metrics };
    }
    case LSA_EXTERNAL:
    case LSA_NSSA: {
      if (length < 16 || length % 12 !== 4) return undefined;
      const routes = Array.from({ length: (length - 4) / 12 }, (_, i) => externalRoute(b, o + 4 + 12 * i));
      return { kind: "external", mask: u32(b, o), routes };
    }
    default:
      return undefined;
  }
}

const externalRoute = (b: Uint8Array, o: number): ExternalRoute => ({
  flags: u8(b, o),
  metric: u24(b, o + 1),
  forward: u32(b, o + 4),
  tag: u32(b, o + 8),
});

function decodeRouter(b: Uint8Array, o: number, end: number): RouterBody | undefined {
  if (end - o < 4) return undefined;
  const links: RouterLink[] = [];
  let at = o + 4;
  for (let left = u16(b, o + 2); left > 0; left--) {
    if (end - at < 12) return undefined;
    const count = u8(b, at + 9);
    if (end - at < 12 + 4 * count) return undefined;
    links.push({
      id: u32(b, at),
      data: u32(b, at + 4),
      type: u8(b, at + 8),
      metric: u16(b, at + 10),
      tos: count === 0 ? NO_TOS : Array.from({ length: count }, (_, i) => tosMetric(b, at + 12 + 4 * i)),
    });
    at += 12 + 4 * count;
  }
  return at === end ? { kind: "router", flags: u8(b, o), reserved: u8(b, o + 1), links } : undefined;
}

const NO_TOS: readonly TosMetric[] = [];
const tosMetric = (b: Uint8Array, o: number): TosMetric => ({
  tos: u8(b, o),
  reserved: u8(b, o + 1),
  metric: u16(b, o + 2),
});

function encodeRouter(body: RouterBody, b: Uint8Array, o: number): void {
  setU8(b, o, body.flags);
  setU8(b, o + 1, body.reserved);
  setU16(b, o + 2, body.links.length);
  let at = o + 4;
  for (const link of body.links) {
    setU32(b, at, link.id);
    setU32(b, at + 4, link.data);
    setU8(b, at + 8, link.type);
    setU8(b, at + 9, link.tos.length);
    setU16(b, at + 10, link.metric);
    at += 12;
    for (const { tos, reserved, metric } of link.tos) {
      setU8(b, at, tos);
      setU8(b, at + 1, reserved);
      setU16(b, at + 2, metric);
      at += 4;
    }
  }
}
