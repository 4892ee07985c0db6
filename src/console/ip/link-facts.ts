import { formatIp, formatMac } from "../../core/addr.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { EthernetDevice } from "../../nodes/kernel/dev/ethernet.ts";
import { GreDevice } from "../../nodes/kernel/dev/gre.ts";
import { IpTunnelDevice } from "../../nodes/kernel/dev/ip-tunnel.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { defaultKind } from "../../nodes/kernel/tc/tx-queue.ts";

/** What netlink says of a device where it is not simply a field of it. */

/** The device that another stands on, or its other end: what is printed after `@`. */
export interface LowerLink {
  /** 0: none, printed as NONE. */
  readonly ifindex: number;
  /** The namespace that it is in. */
  readonly kernel: Kernel;
}

/** IFLA_LINK and IFLA_LINK_NETNSID; undefined for a device that stands on nothing. */
export function lowerLink(dev: NetDevice): LowerLink | undefined {
  const { kernel } = dev;
  if (dev instanceof EthernetDevice) {
    const peer = dev.kind === "veth" ? dev.peer : undefined;
    return peer === undefined ? undefined : { ifindex: peer.ifindex, kernel: peer.kernel };
  }
  if (dev instanceof IpTunnelDevice) return { ifindex: dev.parms.link, kernel };
  return dev.lowerIfindex === 0 ? undefined : { ifindex: dev.lowerIfindex, kernel };
}

/** Kinds whose carrier nobody watches: their state is never known. */
const UNWATCHED = new Set(["", "dummy", "vxlan", "geneve", "gre", "gretap"]);

/** RFC 2863's state of an interface (net/core/link_watch.c:default_operstate). */
export function operstate(dev: NetDevice): "UNKNOWN" | "DOWN" | "LOWERLAYERDOWN" | "UP" {
  if (!dev.up) return "DOWN";
  if (dev instanceof BridgeDevice) return dev.operstate;
  if (dev.carrier) return UNWATCHED.has(dev.kind) && !(dev instanceof EthernetDevice) ? "UNKNOWN" : "UP";
  const lower = lowerLink(dev);
  if (lower === undefined || lower.ifindex === dev.ifindex) return "DOWN";
  // Linux looks the other end's number up among its own devices, wherever that end is.
  const below = dev.kernel.deviceByIndex(lower.ifindex);
  return below === undefined || below.carrier ? "DOWN" : "LOWERLAYERDOWN";
}

/** IFF_… flags in the order in which `ip` prints them. */
export function linkFlags(dev: NetDevice): string[] {
  const state = operstate(dev);
  const running = dev.up && (state === "UP" || state === "UNKNOWN");
  const loopback = dev === dev.kernel.loopback;
  const flags: [string, boolean][] = [
    ["NO-CARRIER", dev.up && !running],
    ["LOOPBACK", loopback],
    ["BROADCAST", !loopback && !(dev instanceof GreDevice)],
    ["POINTOPOINT", dev instanceof GreDevice ? dev.parms.remote !== 0 : dev.pointToPoint],
    ["MULTICAST", dev.multicast],
    ["NOARP", dev.noArp && !loopback],
    ["ALLMULTI", dev.wantsAllmulti],
    ["PROMISC", dev.wantsPromisc],
    ["UP", dev.up],
    ["LOWER_UP", dev.up && dev.carrier],
  ];
  return flags.filter(([, set]) => set).map(([name]) => name);
}

/** The queueing discipline's name: `noop` until the device is up for the first time. */
export const qdiscName = (dev: NetDevice): string => dev.qdisc?.kind ?? defaultKind(dev);

/** How link addresses look on it (lib/ll_types.c:ll_type_n2a). */
export const linkType = (dev: NetDevice): string =>
  dev === dev.kernel.loopback ? "loopback" : dev instanceof GreDevice ? "gre" : "ether";

/** Its own link address, and that of everybody or of the other end. */
export function linkAddresses(dev: NetDevice): { readonly address: string; readonly broadcast: string } {
  if (dev instanceof GreDevice) {
    return { address: formatIp(dev.parms.local), broadcast: formatIp(dev.parms.remote) };
  }
  return { address: formatMac(dev.mac), broadcast: formatMac(dev.broadcast) };
}

/** Numbers of namespaces as one of them sees the others (`ip netns list-id`), given out when first needed. */
const ids = new WeakMap<Kernel, Kernel[]>();
export function namespaceId(of: Kernel, other: Kernel): number {
  const known = ids.get(of) ?? [];
  ids.set(of, known);
  const at = known.indexOf(other);
  return at >= 0 ? at : known.push(other) - 1;
}
/** The number that a namespace has been given already. */
export function knownNamespaceId(of: Kernel, other: Kernel): number | undefined {
  const at = ids.get(of)?.indexOf(other) ?? -1;
  return at < 0 ? undefined : at;
}
