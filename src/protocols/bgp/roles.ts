import type { Attributes } from "./attributes.ts";
import type { Peer } from "./peer.ts";

/** Route leaks, as roles prevent them (RFC 9234 §5). */

/** A route that has come in, with its OTC attribute; undefined: it is a leak. */
export function otcIn(from: Peer, a: Attributes): Attributes | undefined {
  const role = from.sort === "ebgp" ? from.settings.localRole?.role : undefined;
  if (role === undefined) return a;
  if (a.otc !== undefined) {
    // It has passed a provider or a peer already: from a customer or a client it can be no more than a leak.
    if (role === "provider" || role === "rs-server") return undefined;
    return role === "peer" && a.otc !== from.as ? undefined : a;
  }
  const down = role === "customer" || role === "peer" || role === "rs-client";
  return down ? a.with({ otc: from.as }) : a;
}

/** A route on its way out; undefined: it would leak. */
export function otcOut(to: Peer, a: Attributes): Attributes | undefined {
  const role = to.sort === "ebgp" ? to.settings.localRole?.role : undefined;
  if (role === undefined) return a;
  if (a.otc !== undefined) return role === "customer" || role === "peer" || role === "rs-client" ? undefined : a;
  const down = role === "provider" || role === "peer" || role === "rs-server";
  return down ? a.with({ otc: to.bgp.globals.as }) : a;
}
