import { type Outcome, refused } from "../../core/errno.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";

/**
 * `ip link set DEV netns NAME`: the device goes to another namespace of the same simulation, down, and without its
 * addresses, routes, neighbours and settings; link address, MTU and cable stay. `name`: the one that it has there
 * (net/core/dev.c:__dev_change_net_namespace).
 */
export function moveDevice(dev: NetDevice, to: Kernel, name = dev.name): Outcome {
  const from = dev.kernel;
  if (from === to) return to.rename(dev, name);
  const allowed = dev.mayMove();
  if (!allowed.ok) return allowed;
  if (to.device(name) !== undefined) {
    return refused("EEXIST", "An interface with the same name exists in the target netns");
  }
  from.release(dev);
  return to.adopt(dev, name);
}
