import type { Ipv4, Mac } from "../../core/addr.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import type { Kernel } from "./kernel.ts";
import type { NeighState } from "./neigh.ts";
import type { NetDevice } from "./netdev.ts";

/** What the administrator says of a neighbour. */
export interface NeighSpec {
  readonly ip: Ipv4;
  readonly mac?: Mac;
  /** `permanent` when left out. */
  readonly state?: NeighState;
}

/** States in which the link address is known. */
const VALID: readonly NeighState[] = ["permanent", "noarp", "reachable", "probe", "stale", "delay"];

/** `ip neigh add`, `change`, `replace` (net/core/neighbour.c:neigh_add). */
export function setNeighbour(
  kernel: Kernel,
  dev: NetDevice,
  spec: NeighSpec,
  mode: "add" | "change" | "replace",
): Outcome {
  const { ip, mac, state = "permanent" } = spec;
  const known = kernel.neigh.find(dev, ip);
  if (known === undefined && mode === "change") return refused("ENOENT");
  if (known !== undefined && mode === "add") return refused("EEXIST");
  // net/ipv4/arp.c:arp_constructor: there is one neighbour, whoever it is.
  const alone = dev === kernel.loopback || dev.pointToPoint;
  const n = known ?? kernel.neigh.findOrCreate(dev, alone ? 0 : ip);
  if (n === undefined) return refused("ENOBUFS");
  if (mac === undefined && VALID.includes(state) && !n.valid) return refused("EINVAL", "No link layer address given");
  n.update(mac, state, true, true);
  return done;
}

/** `ip neigh del` (neigh_delete). */
export function deleteNeighbour(kernel: Kernel, dev: NetDevice, ip: Ipv4): Outcome {
  const n = kernel.neigh.find(dev, ip);
  if (n === undefined) return refused("ENOENT");
  kernel.neigh.remove(n);
  return done;
}

const key = (dev: NetDevice | undefined, ip: Ipv4): string => `${dev?.ifindex ?? 0} ${ip}`;

/** `ip neigh add proxy`: requests for `ip` are answered on a device, or on all (pneigh_lookup). */
export function addProxyNeighbour(kernel: Kernel, dev: NetDevice | undefined, ip: Ipv4): void {
  kernel.proxyNeighbours.add(key(dev, ip));
}

/** `ip neigh del proxy` (pneigh_delete). */
export const deleteProxyNeighbour = (kernel: Kernel, dev: NetDevice | undefined, ip: Ipv4): Outcome =>
  kernel.proxyNeighbours.delete(key(dev, ip)) ? done : refused("ENOENT");

/** A proxied address; ifindex 0 stands for every device. */
export interface ProxyNeighbour {
  readonly ifindex: number;
  readonly ip: Ipv4;
}

/** `ip neigh show proxy`, in the order in which they were added. */
export const proxyNeighbours = (kernel: Kernel): ProxyNeighbour[] =>
  [...kernel.proxyNeighbours].map((text) => {
    const [ifindex, ip] = text.split(" ").map(Number) as [number, number];
    return { ifindex, ip };
  });
