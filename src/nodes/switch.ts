import { granted, type Outcome } from "../core/errno.ts";
import type { Simulation } from "../core/sim.ts";
import { addBridge } from "./kernel/dev/bridge.ts";
import { Kernel } from "./kernel/kernel.ts";

/**
 * A machine that is all bridge: every port that is added joins the bridge named like it, which must be a device's name.
 * `macsMax`: addresses that it can learn.
 */
export function networkSwitch(sim: Simulation, name: string, macsMax?: number): Outcome<Kernel> {
  const kernel = new Kernel(sim, name);
  const bridge = addBridge(kernel, name);
  if (!bridge.ok) return bridge;
  if (macsMax !== undefined) bridge.value.fdb.maxLearned = macsMax;
  kernel.setUp(bridge.value, true);
  kernel.watchDevices((dev, event) => {
    if (event === "registered" && dev.kind === "veth") bridge.value.addPort(dev);
  });
  return granted(kernel);
}
