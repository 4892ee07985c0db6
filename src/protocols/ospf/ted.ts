import type { Ipv4, Prefix } from "../../core/addr.ts";
import { u32 } from "../../core/bytes.ts";
import { CLASSES } from "../../frr/link-params.ts";
import {
  LINK_POINT_TO_POINT,
  LINK_STUB,
  LSA_HEADER,
  LSA_OPAQUE_AREA,
  LSA_OPAQUE_AS,
  LSA_ROUTER,
  MAX_AGE,
  ROUTER_B,
  ROUTER_E,
  ROUTER_V,
} from "./lsa-codec.ts";
import type { Lsdb, Slot } from "./lsdb.ts";
import type { Ospf } from "./model.ts";
import {
  decodePrefixSegments,
  decodeRouterInformation,
  OPAQUE_EXTENDED_PREFIX,
  OPAQUE_ROUTER_INFORMATION,
  opaqueType,
  type PrefixSegment,
  type SrInformation,
} from "./sr-tlv.ts";
import { floatAt, LINK, OPAQUE_INTER_AS, OPAQUE_TE, type TlvAt, tlvsIn } from "./te-tlv.ts";

/** The database of traffic engineering (lib/link_state.c, ospfd/ospf_te.c): what stands in the databases of advertisements, as a graph. It is made anew each time somebody looks at it. */
export interface Ted {
  /** By router id, in order. */
  readonly vertices: ReadonlyMap<Ipv4, Vertex>;
  /** By local address, in order. */
  readonly edges: ReadonlyMap<Ipv4, Edge>;
  /** By address, in order: all are of one address. */
  readonly subnets: ReadonlyMap<string, Subnet>;
}
export type VertexType = "Standard" | "ABR" | "ASBR" | "Remote ASBR" | "Pseudo";
export interface Vertex {
  readonly id: Ipv4;
  /** A router that was only heard of by its links has no name and no type. */
  named: boolean;
  type: VertexType | undefined;
  as: number | undefined;
  sr: SrInformation | undefined;
}
export interface Edge {
  readonly local: Ipv4;
  /** Who told of it first. */
  readonly adv: Ipv4;
  readonly source: Vertex;
  destination: Vertex | undefined;
  metric: number;
  attributes: Attributes;
}
export interface Subnet {
  readonly prefix: Prefix;
  readonly adv: Ipv4;
  vertex: Vertex;
  metric: number;
  segment: PrefixSegment | undefined;
}
/** What an advertisement says of a link; rates in octets per second, times in microseconds. */
export interface Attributes {
  remote?: Ipv4;
  metric?: number;
  group?: number;
  maxBw?: number;
  maxRsvBw?: number;
  unrsvBw?: readonly number[];
  remoteAs?: number;
  remoteAddress?: Ipv4;
  delay?: number;
  delayRange?: { readonly min: number; readonly max: number };
  jitter?: number;
  /** In units of 0.000003 %. */
  loss?: number;
  avaBw?: number;
  rsvBw?: number;
  usedBw?: number;
}

const HOST = 32;

export function makeTed(ospf: Ospf): Ted {
  const ted = new TedMaker();
  for (const [, area] of [...ospf.areas].sort(([a], [b]) => a - b)) {
    for (const slot of alive(area.lsdb, LSA_ROUTER)) ted.router(slot);
    for (const slot of alive(area.lsdb, LSA_OPAQUE_AREA)) ted.opaque(slot);
  }
  for (const slot of alive(ospf.lsdb, LSA_OPAQUE_AS)) ted.opaque(slot);
  return ted.finished();
}
const alive = (lsdb: Lsdb, type: number): readonly Slot[] => lsdb.sorted(type).filter((slot) => slot.age < MAX_AGE);

class TedMaker {
  readonly #vertices = new Map<Ipv4, Vertex>();
  readonly #edges = new Map<Ipv4, Edge>();
  readonly #subnets = new Map<string, Subnet>();

  /** ospfd/ospf_te.c:ospf_te_parse_router_lsa. */
  router({ lsa: { adv, body } }: Slot): void {
    if (body.kind !== "router") return;
    const vertex = this.#vertex(adv);
    vertex.named = true;
    vertex.type = typeOf(body.flags);
    for (const { type, id, data, metric } of body.links)
      if (type === LINK_POINT_TO_POINT) {
        const edge = this.#edge(data, adv);
        if (edge !== undefined) edge.metric = metric;
        this.#subnet({ address: data, length: HOST }, vertex, metric);
      } else if (type === LINK_STUB && data === 0xffff_ffff)
        this.#subnet({ address: id, length: HOST }, vertex, metric);
  }
  opaque({ lsa: { type, id, adv, bytes, length } }: Slot): void {
    const kind = opaqueType(id);
    if (kind === OPAQUE_TE || kind === OPAQUE_INTER_AS) {
      const link = [...tlvsIn(bytes, LSA_HEADER, length)].find((t) => t.type === LINK);
      if (link !== undefined) this.#link(bytes, link, adv, kind === OPAQUE_INTER_AS);
    } else if (type === LSA_OPAQUE_AREA && kind === OPAQUE_ROUTER_INFORMATION) {
      const vertex = this.#vertex(adv);
      vertex.named = true;
      vertex.sr = decodeRouterInformation(bytes.subarray(LSA_HEADER, length)).sr ?? vertex.sr;
    } else if (type === LSA_OPAQUE_AREA && kind === OPAQUE_EXTENDED_PREFIX)
      for (const segment of decodePrefixSegments(bytes.subarray(LSA_HEADER, length)))
        this.#subnetOf(segment.prefix, this.#vertex(adv)).segment = segment;
  }
  finished(): Ted {
    return {
      vertices: new Map([...this.#vertices].sort(([a], [b]) => a - b)),
      edges: new Map([...this.#edges].sort(([a], [b]) => a - b)),
      subnets: new Map([...this.#subnets].sort(([, { prefix: a }], [, { prefix: b }]) => order(a, b))),
    };
  }

  /** ospfd/ospf_te.c:ospf_te_parse_te. */
  #link(b: Uint8Array, { o, end }: TlvAt, adv: Ipv4, between: boolean): void {
    const read = readAttributes(b, o, end);
    const edge = read === undefined ? undefined : this.#edge(read.local, adv);
    if (read === undefined || edge === undefined) return;
    edge.attributes = read.attributes;
    const { remote } = read.attributes;
    if (between) this.#between(edge);
    const back = remote === undefined ? undefined : this.#edges.get(remote);
    if (back === undefined) return;
    back.destination ??= edge.source;
    edge.destination ??= back.source;
  }
  /** The link leads to another system (ospfd/ospf_te.c:ospf_te_update_remote_asbr). */
  #between(edge: Edge): void {
    const { remoteAddress, remoteAs, metric } = edge.attributes;
    if (remoteAddress === undefined || remoteAddress === 0) return;
    const other = this.#vertex(remoteAddress);
    other.named = true;
    other.type = "Remote ASBR";
    other.as = remoteAs ?? 0;
    this.#subnet({ address: edge.local, length: HOST }, edge.source, metric ?? 0);
    this.#subnet({ address: remoteAddress, length: HOST }, other, metric ?? 0);
    edge.destination ??= other;
    edge.source.type = "ASBR";
  }

  #vertex(id: Ipv4): Vertex {
    const known = this.#vertices.get(id);
    if (known !== undefined) return known;
    const vertex: Vertex = { id, named: false, type: undefined, as: undefined, sr: undefined };
    this.#vertices.set(id, vertex);
    return vertex;
  }
  /** Undefined: numbers of devices are no addresses. */
  #edge(local: Ipv4, adv: Ipv4): Edge | undefined {
    if (local >>> 24 === 0 || adv >>> 24 === 0) return undefined;
    const known = this.#edges.get(local);
    if (known !== undefined) return known;
    const edge = { local, adv, source: this.#vertex(adv), destination: undefined, metric: 0, attributes: {} };
    this.#edges.set(local, edge);
    return edge;
  }
  /** Of two that tell of it, the later counts. */
  #subnet(prefix: Prefix, vertex: Vertex, metric: number): void {
    const subnet = this.#subnetOf(prefix, vertex);
    subnet.vertex = vertex;
    subnet.metric = metric;
  }
  #subnetOf(prefix: Prefix, vertex: Vertex): Subnet {
    const key = subnetKey(prefix);
    const known = this.#subnets.get(key);
    if (known !== undefined) return known;
    const subnet = { prefix, adv: vertex.id, vertex, metric: 0, segment: undefined };
    this.#subnets.set(key, subnet);
    return subnet;
  }
}

export const subnetKey = ({ address, length }: Prefix): string => `${address}/${length}`;
const order = (a: Prefix, b: Prefix): number => a.length - b.length || a.address - b.address;

function typeOf(flags: number): VertexType {
  if ((flags & ROUTER_V) !== 0) return "Pseudo";
  if ((flags & ROUTER_E) !== 0) return "ASBR";
  return (flags & ROUTER_B) === 0 ? "Standard" : "ABR";
}

/** Undefined: something is too short, or it has no address. */
function readAttributes(b: Uint8Array, o: number, end: number) {
  const attributes: Attributes = {};
  let local: Ipv4 | undefined;
  for (const t of tlvsIn(b, o, end)) {
    if (t.end - t.o < (LEAST.get(t.type) ?? 0)) return undefined;
    if (t.type === LOCAL) local = u32(b, t.o);
    else READERS.get(t.type)?.(attributes, b, t.o);
  }
  return local === undefined ? undefined : { local, attributes };
}
const LOCAL = 3;
/** What a sub-TLV of each type tells. */
const READERS: ReadonlyMap<number, (a: Attributes, b: Uint8Array, o: number) => void> = new Map<
  number,
  (a: Attributes, b: Uint8Array, o: number) => void
>([
  [4, (a, b, o) => (a.remote = u32(b, o))],
  [5, (a, b, o) => (a.metric = u32(b, o))],
  [6, (a, b, o) => (a.maxBw = floatAt(b, o))],
  [7, (a, b, o) => (a.maxRsvBw = floatAt(b, o))],
  [8, (a, b, o) => (a.unrsvBw = Array.from({ length: CLASSES }, (_, i) => floatAt(b, o + 4 * i)))],
  [9, (a, b, o) => (a.group = u32(b, o))],
  [21, (a, b, o) => (a.remoteAs = u32(b, o))],
  [22, (a, b, o) => (a.remoteAddress = u32(b, o))],
  [27, (a, b, o) => (a.delay = u32(b, o))],
  [28, (a, b, o) => (a.delayRange = { min: u32(b, o), max: u32(b, o + 4) })],
  [29, (a, b, o) => (a.jitter = u32(b, o))],
  [30, (a, b, o) => (a.loss = u32(b, o))],
  [31, (a, b, o) => (a.rsvBw = floatAt(b, o))],
  [32, (a, b, o) => (a.avaBw = floatAt(b, o))],
  [33, (a, b, o) => (a.usedBw = floatAt(b, o))],
]);
/** Octets that they need. */
const LEAST: ReadonlyMap<number, number> = new Map([
  ...[LOCAL, ...READERS.keys()].map((type) => [type, 4] as const),
  ...[[8, 4 * CLASSES] as const, [28, 8] as const],
]);
