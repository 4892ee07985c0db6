import type { Prefix } from "../../core/addr.ts";
import { connectedPrefix, type Interface } from "./interfaces.ts";
import type { Routes } from "./routes.ts";

type Kind = "connected" | "local";

/**
 * The routes of an interface's addresses follow them (zebra/connected.c:connected_up, connected_down). `local`: every address has a route
 * of its own beside that of its network, as in FRR 10.
 */
export function followAddresses(routes: Routes, i: Interface, local: boolean): void {
  const { main } = routes;
  const wanted = wantedRoutes(i, local);
  for (const node of main.nodes())
    for (const e of node.entries()) {
      if ((e.kind !== "connected" && e.kind !== "local") || e.facts.nexthops[0]?.ifname !== i.ifname) continue;
      if (e.removed || wanted.delete(keyOf(e.kind, node.prefix))) continue;
      routes.take(main, node.prefix, (other) => other === e);
    }
  for (const { prefix, kind } of wanted.values())
    routes.put(main, prefix, {
      kind,
      session: 0,
      distance: 0,
      metric: 0,
      tag: 0,
      nexthops: [{ gateway: 0, ifname: i.ifname }],
      recursive: false,
      internal: false,
      byDistance: false,
    });
}

function wantedRoutes(i: Interface, local: boolean): Map<string, { readonly prefix: Prefix; readonly kind: Kind }> {
  const wanted = new Map<string, { readonly prefix: Prefix; readonly kind: Kind }>();
  const want = (prefix: Prefix, kind: Kind): void => void wanted.set(keyOf(kind, prefix), { prefix, kind });
  if (!i.operative) return wanted;
  for (const a of i.addresses) {
    const network = connectedPrefix(a);
    if (network.address !== 0) want(network, "connected");
    if (local) want({ address: a.address, length: 32 }, "local");
  }
  return wanted;
}

const keyOf = (kind: Kind, { address, length }: Prefix): string => `${kind} ${address}/${length}`;
