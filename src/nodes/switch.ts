import type { Simulation } from "../core/sim.ts";
import { addBridge } from "./kernel/dev/bridge.ts";
import { Kernel } from "./kernel/kernel.ts";

/** A machine that is all bridge: every port that is added joins the bridge named like it. `macsMax`: addresses that it can learn. */
export function networkSwitch(sim: Simulation, name: string, macsMax?: number): Kernel {
  const kernel = new Kernel(sim, name);
  const bridge = addBridge(kernel, name);
  if (!bridge.ok) throw new Error(`switch ${name}: ${bridge.detail ?? bridge.errno}`);
  if (macsMax !== undefined) bridge.value.fdb.maxLearned = macsMax;
  kernel.setUp(bridge.value, true);
  kernel.watchDevices((dev, event) => {
    if (event === "registered" && dev.kind === "veth") bridge.value.addPort(dev);
  });
  return kernel;
}
