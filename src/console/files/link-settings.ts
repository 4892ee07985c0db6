import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { EthernetDevice } from "../../nodes/kernel/dev/ethernet.ts";
import { VlanDevice } from "../../nodes/kernel/dev/vlan.ts";
import { VxlanDevice } from "../../nodes/kernel/dev/vxlan.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";

/** What a driver tells of its line (`struct ethtool_link_settings`). */
export interface LinkSettings {
  /** −1: unknown. */
  readonly speedMbps: number;
  readonly duplex: "full" | "unknown";
  readonly port: "twisted pair" | "other";
}

const UNKNOWN: LinkSettings = { speedMbps: -1, duplex: "unknown", port: "other" };

/** Undefined for devices whose drivers tell nothing: the loopback, dummies, most tunnels. */
export function linkSettings(dev: NetDevice): LinkSettings | undefined {
  if (dev instanceof EthernetDevice) {
    const known = dev.kind === "veth" || dev.carrier; // a card without carrier has not agreed on anything
    return { ...(known ? { speedMbps: mbps(dev), duplex: "full" } : UNKNOWN), port: "twisted pair" };
  }
  if (dev instanceof BridgeDevice) return { ...UNKNOWN, speedMbps: mbps(dev) };
  if (dev instanceof VlanDevice) return below(dev.lowers()[0]);
  if (dev instanceof VxlanDevice) return below(dev.kernel.deviceByIndex(dev.config.link));
  return undefined;
}

const below = (lower: NetDevice | undefined): LinkSettings =>
  (lower === undefined ? undefined : linkSettings(lower)) ?? UNKNOWN;

const mbps = (dev: NetDevice): number => (dev.speedBps === 0 ? -1 : Math.floor(dev.speedBps / 1e6));
