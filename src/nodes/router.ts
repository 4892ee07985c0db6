import type { Simulation } from "../core/sim.ts";
import { Kernel } from "./kernel/kernel.ts";

/** A machine that forwards: `net.ipv4.ip_forward=1`. */
export function router(sim: Simulation, name: string): Kernel {
  const kernel = new Kernel(sim, name);
  kernel.setForwarding(true);
  return kernel;
}
