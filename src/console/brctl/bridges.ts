import { type Refused, refused } from "../../core/errno.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { BridgePort } from "../../nodes/kernel/dev/bridge-port.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";

/** A bridge by name, or how the kernel refuses an ioctl on what is none (net/bridge/br_ioctl.c). */
export function findBridge(kernel: Kernel, name: string): BridgeDevice | Refused {
  const dev = kernel.device(name);
  if (dev === undefined) return refused("ENODEV");
  return dev instanceof BridgeDevice ? dev : refused("EOPNOTSUPP");
}

/**
 * A port by name. The program finds it without the bridge, which only a refusal tells of (libbridge/libbridge_devif.c:port_set).
 */
export function findPort(kernel: Kernel, bridge: string, name: string): BridgePort | Refused {
  const dev = kernel.device(name);
  if (dev === undefined) return refused("ENODEV");
  if (dev.rxHandler instanceof BridgePort) return dev.rxHandler;
  const found = findBridge(kernel, bridge);
  return found instanceof BridgeDevice ? refused("ENOENT") : found;
}

/** Names in the order of `alphasort`. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
