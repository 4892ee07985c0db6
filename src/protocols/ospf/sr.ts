import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { NEVER } from "../../core/time.ts";
import type { ZebraLabelWay } from "../../frr/zapi.ts";
import type { Dest } from "./destinations.ts";
import { flush } from "./flood.ts";
import { LSA_OPAQUE_AREA, MAX_AGE } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { originateIfChanged } from "./originate.ts";
import type { Routing } from "./routing.ts";
import {
  decodePrefixSegments,
  decodeRouterInformation,
  encodePrefixSegment,
  encodeRouterInformation,
  type LabelBlock,
  OPAQUE_EXTENDED_PREFIX,
  OPAQUE_ROUTER_INFORMATION,
  opaqueId,
  opaqueType,
  PREFIX_E,
  PREFIX_L,
  PREFIX_NP,
  PREFIX_V,
  type PrefixSegment,
  SPF,
  type SrInformation,
} from "./sr-tlv.ts";

/** Segment routing over MPLS with prefix segments (RFC 8665; ospfd/ospf_sr.c). */

/** A prefix of this router that has a segment. */
export interface OwnSegment {
  readonly prefix: Prefix;
  readonly index: number;
  /** Who passes packets to this router pops the label unless told not to, or puts explicit null in its place. */
  readonly last: "pop" | "keep" | "null";
  /** Which of the router's own extended prefix advertisements tells of it. */
  readonly instance: number;
}
/** What the configuration says, with FRR's defaults. */
export class SrSettings {
  on = false;
  /** `router-info area`: told even without segment routing. */
  routerInfo = false;
  global: LabelBlock = GLOBAL_DEFAULT;
  local: LabelBlock = LOCAL_DEFAULT;
  depth = 0;
  readonly segments = new Map<string, OwnSegment>();
}
export const GLOBAL_DEFAULT: LabelBlock = { lower: 16_000, size: 8000 };
export const LOCAL_DEFAULT: LabelBlock = { lower: 15_000, size: 1000 };
/** It can be a stub router (RFC 7770 §2.4, bit 2), and does segment routing no more than that says. */
const CAPABLE = 0x2000_0000;
const INSIDE_AREA = 1;
/** Nothing takes the label's place; explicit null does (RFC 3032 §2.1). */
const [IMPLICIT_NULL, EXPLICIT_NULL] = [3, 0] as const;

/** A router that takes part. */
export interface SrNode {
  readonly id: Ipv4;
  readonly information: SrInformation;
  readonly segments: readonly PrefixSegment[];
}
/** What becomes of packets for a segment here. */
export interface Forwarding {
  /** Undefined: the index lies outside this router's block. */
  readonly label: number | undefined;
  /** Undefined label: the neighbour takes no part, or cannot be told. */
  readonly ways: readonly { readonly gateway: Ipv4; readonly ifname: string; readonly label: number | undefined }[];
}

export const keyOf = ({ address, length }: Prefix): string => `${address}/${length}`;

export class SegmentRouting {
  settings = new SrSettings();
  /** By router, and by prefix of another router: made anew by every computation. */
  nodes = new Map<Ipv4, SrNode>();
  forwarding = new Map<string, Forwarding>();
  readonly #ospf: Ospf;
  readonly #routing: () => Routing;
  readonly #installRoute: (dest: Dest) => void;
  readonly #timer: OsAlarm;
  /** What zebra was told, as text. */
  #told = new Map<number, string>();

  constructor(ospf: Ospf, routing: () => Routing, installRoute: (dest: Dest) => void) {
    this.#ospf = ospf;
    this.#routing = routing;
    this.#installRoute = installRoute;
    this.#timer = ospf.alarm(() => this.#compute());
  }

  get waiting(): boolean {
    return this.#timer.deadline !== NEVER;
  }
  /** `no router ospf`. */
  reset(): void {
    this.settings = new SrSettings();
    this.schedule();
  }

  /** Settings, interfaces or areas have changed: what this router says is said anew where it differs. */
  update(): void {
    const { settings } = this;
    for (const area of this.#ospf.areas.values()) {
      const wanted = new Map<Ipv4, Uint8Array>();
      if (area.interfaces.length > 0 && this.#ospf.settings.opaque && !this.#ospf.stopping) {
        if (settings.on || settings.routerInfo)
          wanted.set(opaqueId(OPAQUE_ROUTER_INFORMATION, 0), encodeRouterInformation(this.#information()));
        if (settings.on)
          for (const own of settings.segments.values())
            if (isAt(area, own.prefix)) wanted.set(opaqueId(OPAQUE_EXTENDED_PREFIX, own.instance), encodeOwn(own));
      }
      for (const slot of this.#ownOf(area)) if (!wanted.has(slot.lsa.id)) flush(this.#ospf, area, slot);
      for (const [id, bytes] of wanted)
        originateIfChanged(this.#ospf, area, {
          ...{ type: LSA_OPAQUE_AREA, id, options: area.options, body: { kind: "raw", bytes } },
        });
    }
    this.schedule();
  }
  /** An advertisement says something else than before. */
  changed(slot: Slot): void {
    if (slot.lsa.type === LSA_OPAQUE_AREA && isOurs(slot)) this.schedule();
  }
  /** Routes have changed, or what is known of segments: labels are computed anew. */
  schedule(): void {
    if (this.settings.on || this.#told.size > 0) this.#timer.set(this.#ospf.now);
  }
  /** Something newer than what this router says of itself was heard. Returns whether this is what says it. */
  claimed(area: Area, slot: Slot): boolean {
    if (slot.lsa.type !== LSA_OPAQUE_AREA || !isOurs(slot)) return false;
    flush(this.#ospf, area, slot);
    this.#ospf.later(() => this.update());
    return true;
  }

  /** The labels that packets for a prefix get on the ways to it, by gateway; undefined: none. */
  labelsOf(prefix: Prefix): ReadonlyMap<Ipv4, number> | undefined {
    const known = this.forwarding.size === 0 ? undefined : this.forwarding.get(keyOf(prefix));
    if (known === undefined) return undefined;
    const labels = new Map(known.ways.flatMap((w) => (w.label === undefined ? [] : [[w.gateway, w.label] as const])));
    return labels.size === 0 ? undefined : labels;
  }

  #information() {
    const { on, global, local, depth } = this.settings;
    return { capabilities: CAPABLE, sr: on ? { algorithms: [SPF], global, local, depth } : undefined };
  }
  #ownOf(area: Area): readonly Slot[] {
    return area.lsdb.sorted(LSA_OPAQUE_AREA).filter((s) => s.self && isOurs(s) && s.age < MAX_AGE);
  }

  #compute(): void {
    this.#timer.set(NEVER);
    const { on, global } = this.settings;
    this.nodes = on ? this.#nodes() : new Map();
    const before = this.forwarding;
    this.forwarding = new Map();
    const labels = new Map<number, readonly ZebraLabelWay[]>();
    for (const node of this.nodes.values())
      for (const segment of node.segments) {
        const f = node.id === this.#ospf.routerId ? undefined : this.#forward(node, segment, global);
        if (f === undefined || this.forwarding.has(keyOf(segment.prefix))) continue;
        this.forwarding.set(keyOf(segment.prefix), f);
        const ways = f.ways.flatMap(({ gateway, label }) => (label === undefined ? [] : [{ gateway, label }]));
        if (f.label !== undefined && ways.length > 0) labels.set(f.label, ways);
      }
    if (on)
      for (const { index, last } of this.settings.segments.values())
        if (last === "keep") labels.set(global.lower + index, [{ gateway: 0, label: IMPLICIT_NULL }]);
    this.#tell(labels);
    for (const key of new Set([...before.keys(), ...this.forwarding.keys()]))
      if (textOf(before.get(key)) !== textOf(this.forwarding.get(key))) this.#reinstall(key);
  }

  /** Who takes part, by what stands in the areas' databases. */
  #nodes(): Map<Ipv4, SrNode> {
    const nodes = new Map<Ipv4, SrNode>();
    for (const area of this.#ospf.areas.values()) {
      const alive = area.lsdb.sorted(LSA_OPAQUE_AREA).filter((s) => s.age < MAX_AGE);
      const bytesOf = (s: Slot): Uint8Array => (s.lsa.body.kind === "raw" ? s.lsa.body.bytes : NOTHING);
      for (const s of alive) {
        if (opaqueType(s.lsa.id) !== OPAQUE_ROUTER_INFORMATION) continue;
        const { sr } = decodeRouterInformation(bytesOf(s));
        if (sr === undefined || nodes.has(s.lsa.adv)) continue;
        const told = alive.filter((t) => t.lsa.adv === s.lsa.adv && opaqueType(t.lsa.id) === OPAQUE_EXTENDED_PREFIX);
        const segments = told.flatMap((t) => decodePrefixSegments(bytesOf(t)));
        nodes.set(s.lsa.adv, { id: s.lsa.adv, information: sr, segments });
      }
    }
    return nodes;
  }

  /** ospfd/ospf_sr.c:compute_prefix_nhlfe. Undefined: there is no route, or nobody on it takes part. */
  #forward(node: SrNode, segment: PrefixSegment, global: LabelBlock): Forwarding | undefined {
    const { address, length } = segment.prefix;
    const path = this.#routing().dests.find(address, length)?.path;
    if (path === undefined || (path.kind !== "intra" && path.kind !== "inter")) return undefined;
    const ways = path.hops.hops.flatMap(({ gateway, ifname }) => {
      const next = gateway === 0 ? undefined : this.nodes.get(this.#routerAt(gateway));
      return [{ gateway, ifname, label: next === undefined ? undefined : labelAt(next, node, segment) }];
    });
    return { label: inBlock(global, segment.sid), ways };
  }
  /** The neighbour with an address; 0: none. */
  #routerAt(address: Ipv4): Ipv4 {
    for (const oi of this.#ospf.interfaces)
      for (const n of oi.neighbors.all) if (n.address === address) return n.routerId;
    return 0;
  }

  #tell(labels: ReadonlyMap<number, readonly ZebraLabelWay[]>): void {
    const { zebra } = this.#ospf;
    if (zebra === undefined) return;
    const told = new Map([...labels].map(([label, ways]) => [label, JSON.stringify(ways)]));
    for (const label of this.#told.keys()) if (!told.has(label)) zebra.label(label, []);
    for (const [label, ways] of labels) if (told.get(label) !== this.#told.get(label)) zebra.label(label, ways);
    this.#told = told;
  }
  #reinstall(key: string): void {
    const [address = 0, length = 0] = key.split("/").map(Number);
    const dest = this.#routing().dests.find(address, length);
    if (dest?.path !== undefined) this.#installRoute(dest);
  }
}

const NOTHING = new Uint8Array(0);
const isOurs = ({ lsa: { id } }: Slot): boolean =>
  opaqueType(id) === OPAQUE_ROUTER_INFORMATION || opaqueType(id) === OPAQUE_EXTENDED_PREFIX;
const textOf = (f: Forwarding | undefined): string => JSON.stringify(f?.ways ?? []);

/** The label of an index (ospfd/ospf_sr.c:index2label). */
const inBlock = ({ lower, size }: LabelBlock, index: number): number | undefined =>
  index < size ? lower + index : undefined;

/** ospfd/ospf_sr.c:sr_prefix_out_label. */
function labelAt(next: SrNode, owner: SrNode, { sid, flags }: PrefixSegment): number | undefined {
  if (next === owner) {
    if ((flags & PREFIX_NP) === 0) return IMPLICIT_NULL;
    if ((flags & PREFIX_E) !== 0) return EXPLICIT_NULL;
  }
  // Labels mean something to the router that told them, and to its neighbours (RFC 8665 §5).
  if ((flags & (PREFIX_V | PREFIX_L)) !== 0) return next === owner ? sid : undefined;
  return inBlock(next.information.global, sid);
}

const encodeOwn = ({ prefix, index, last }: OwnSegment): Uint8Array =>
  encodePrefixSegment({
    ...{ prefix, routeType: INSIDE_AREA, sid: index },
    flags: last === "pop" ? 0 : last === "keep" ? PREFIX_NP : PREFIX_NP | PREFIX_E,
  });

/** Whether a loopback of this router in the area has the prefix. */
const isAt = (area: Area, { address, length }: Prefix): boolean =>
  area.interfaces.some(
    (oi) =>
      oi.device.loopback &&
      oi.prefix.length === length &&
      networkOf(oi.prefix.address, length) === networkOf(address, length),
  );
