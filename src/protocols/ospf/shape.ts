import { type Ipv4, lengthOfMask, networkOf, type Prefix } from "../../core/addr.ts";
import type { Lsa } from "./lsa.ts";
import { LINK_POINT_TO_POINT, LINK_STUB, LINK_TRANSIT, type RouterLink } from "./lsa-codec.ts";

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
}
/** What a router or network advertisement says, as computing paths needs it. */
export interface Shape {
  readonly ways: readonly Way[];
  readonly attached: readonly Attached[];
  /** B, E and V bits of a router. */
  readonly flags: number;
}

const NOTHING: Shape = { ways: [], attached: [], flags: 0 };

/** Read once for each instance, whatever the number of routers that have it. */
export function shapeOf(lsa: Lsa): Shape {
  const { body } = lsa;
  if (body.kind === "network") {
    const length = lengthOfMask(body.mask);
    return {
      ways: body.attached.map((id) => ({ id, toNetwork: false, cost: 0, link: undefined })),
      attached: length === undefined ? [] : [{ prefix: { address: networkOf(lsa.id, length), length }, cost: 0 }],
      flags: 0,
    };
  }
  if (body.kind !== "router") return NOTHING;
  const ways: Way[] = [];
  const attached: Attached[] = [];
  for (const link of body.links) {
    const { id, type, metric } = link;
    if (type === LINK_POINT_TO_POINT || type === LINK_TRANSIT)
      ways.push({ id, toNetwork: type === LINK_TRANSIT, cost: metric, link });
    const length = type === LINK_STUB ? lengthOfMask(link.data) : undefined;
    if (length !== undefined) attached.push({ prefix: { address: (id & link.data) >>> 0, length }, cost: metric });
  }
  return { ways, attached, flags: body.flags };
}

/** Whether a shape leads to a router, or a network. */
export function leadsTo(shape: Shape, id: Ipv4, network: boolean): boolean {
  for (const way of shape.ways) if (way.id === id && way.toNetwork === network) return true;
  return false;
}

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
