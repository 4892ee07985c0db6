import { type Ipv4, lengthOfMask, networkOf, type Prefix } from "../../core/addr.ts";
import type { Lsa } from "./lsa.ts";
import { LINK_POINT_TO_POINT, LINK_STUB, LINK_TRANSIT, LINK_VIRTUAL, type RouterLink } from "./lsa-codec.ts";

/** A prefix that a router or network attaches. */
export interface Attached {
  readonly prefix: Prefix;
  readonly cost: number;
}
/** A way to another router or network. */
export interface Way {
  /** Router id, or address of the designated router. */
  readonly id: Ipv4;
  readonly toNetwork: boolean;
  readonly cost: number;
  /** The router's link that it stands for; undefined: from a network to a router on it. */
  readonly link: RouterLink | undefined;
  /** What `costBack` found last, and in which shape: all routers ask the same. */
  backIn: Shape | undefined;
  back: number;
}
/** What a router or network advertisement says, as computing paths needs it. */
export interface Shape {
  readonly ways: readonly Way[];
  readonly attached: readonly Attached[];
  /** B, E and V bits of a router. */
  readonly flags: number;
  /** Some way from a router costs nothing. */
  readonly free: boolean;
}

const NOTHING: Shape = { ways: [], attached: [], flags: 0, free: false };

/** Read once for each instance, whatever the number of routers that have it. */
export function shapeOf(lsa: Lsa): Shape {
  const { body } = lsa;
  if (body.kind === "network") {
    const length = lengthOfMask(body.mask);
    return {
      ways: body.attached.map((id) => ({
        id,
        toNetwork: false,
        cost: 0,
        link: undefined,
        backIn: undefined,
        back: -1,
      })),
      attached: length === undefined ? [] : [{ prefix: { address: networkOf(lsa.id, length), length }, cost: 0 }],
      flags: 0,
      free: false,
    };
  }
  if (body.kind !== "router") return NOTHING;
  const ways: Way[] = [];
  const attached: Attached[] = [];
  for (const link of body.links) {
    const { id, type, metric } = link;
    if (type === LINK_POINT_TO_POINT || type === LINK_TRANSIT || type === LINK_VIRTUAL)
      ways.push({ id, toNetwork: type === LINK_TRANSIT, cost: metric, link, backIn: undefined, back: -1 });
    const length = type === LINK_STUB ? lengthOfMask(link.data) : undefined;
    if (length !== undefined) attached.push({ prefix: { address: (id & link.data) >>> 0, length }, cost: metric });
  }
  return { ways, attached, flags: body.flags, free: ways.some((way) => way.cost === 0) };
}

/** What the cheapest way back costs, over which `way` of a vertex is answered by who stands at its other end and says `shape`; −1: none leads back. */
export function costBack(way: Way, shape: Shape, to: { readonly id: Ipv4; readonly network: boolean }): number {
  if (way.backIn === shape) return way.back;
  let least = -1;
  for (const { id, toNetwork, cost } of shape.ways)
    if (id === to.id && toNetwork === to.network && (least < 0 || cost < least)) least = cost;
  way.backIn = shape;
  way.back = least;
  return least;
}

/** Whether the same prefixes are attached. */
export const sameAttached = ({ attached: a }: Shape, { attached: b }: Shape): boolean =>
  a.length === b.length &&
  a.every((x, i) => {
    const y = b[i] as Attached;
    return x.prefix.address === y.prefix.address && x.prefix.length === y.prefix.length && x.cost === y.cost;
  });

/** Whether distances are the same with either. */
export function sameWays(a: Shape, b: Shape): boolean {
  return (
    a === b ||
    (a.flags === b.flags &&
      a.ways.length === b.ways.length &&
      a.ways.every((x, i) => {
        const y = b.ways[i] as Way;
        return x.id === y.id && x.toNetwork === y.toNetwork && x.cost === y.cost && x.link?.data === y.link?.data;
      }))
  );
}
