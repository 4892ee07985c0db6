import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { AttributeFields, Attributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { communitiesText, extendedsText, largesText } from "./community.ts";
import { linkBandwidth } from "./link-bandwidth.ts";
import { type CommunityKind, type PolicyListTable, valueText } from "./lists.ts";
import type { Peer } from "./peer.ts";

/** A route in the hands of a route map: what it is asked about, and what it changes. */
export class Route {
  readonly #bgp: Bgp;
  readonly prefix: Prefix;
  /** Whom it comes from; undefined: this router. */
  readonly from: Peer | undefined;
  /** Whom it goes to; undefined: into the table. */
  readonly to: Peer | undefined;
  /** What it was redistributed from: `connected`; else `bgp`. */
  readonly protocol: string;
  attributes: Attributes;
  nextHop: Ipv4;
  /** `set ip next-hop` has had its say: an address, the neighbour's own, or as it came. */
  nextHopSet: "" | "address" | "peer" | "unchanged";

  constructor(
    bgp: Bgp,
    prefix: Prefix,
    attributes: Attributes,
    nextHop: Ipv4,
    from: Peer | undefined,
    to: Peer | undefined,
    protocol: string,
  ) {
    this.#bgp = bgp;
    this.prefix = prefix;
    this.attributes = attributes;
    this.nextHop = nextHop;
    this.from = from;
    this.to = to;
    this.protocol = protocol;
    this.nextHopSet = "";
  }
  /** To be changed without a trace. */
  copy(): Route {
    return new Route(this.#bgp, this.prefix, this.attributes, this.nextHop, this.from, this.to, this.protocol);
  }
  /** Its AS path, as regular expressions look at it. */
  get pathText(): string {
    return this.#bgp.asText(this.attributes.asPath);
  }
  get lists(): PolicyListTable {
    return this.#bgp.lists;
  }
  asText(as: number): string {
    return this.#bgp.asText(as);
  }
  /** The AS number that this router shows the neighbour in question. */
  get ownAs(): number {
    const peer = this.to ?? this.from;
    return peer?.sort === "ebgp" ? peer.localAs : this.#bgp.globals.as;
  }
  /** Paths in use to its prefix. */
  usedPaths(): number {
    return Math.max(1, this.#bgp.usedPaths(this.prefix).length);
  }
  /** What it costs to reach the next hop of the best path to its prefix. */
  igpMetric(): number {
    return this.#bgp.usedPaths(this.prefix)[0]?.nextHop.metric ?? 0;
  }
  /** Octets per second of link that those tell of; 0: none does. */
  usedBandwidth(): number {
    return this.#bgp.usedPaths(this.prefix).reduce((sum, p) => sum + linkBandwidth(p.attributes.extended), 0);
  }
  /** A number in [0, 1) for `match probability`. */
  draw(): number {
    return this.#bgp.draw();
  }
  /** Its communities as text, as expanded lists look at them. */
  communityText(kind: CommunityKind): string {
    const a = this.attributes;
    if (kind === "community") return communitiesText(a.communities);
    return kind === "large-community" ? largesText(a.large) : extendedsText(a.extended);
  }
  oneText(kind: CommunityKind, value: number | string): string {
    return valueText(kind, value);
  }
  change(changes: Partial<AttributeFields>): void {
    this.attributes = this.attributes.with(changes);
  }
}
