import type { Simulation } from "../core/sim.ts";
import { Kernel } from "./kernel/kernel.ts";

/** A machine that sends and receives for itself. */
export const host = (sim: Simulation, name: string): Kernel => new Kernel(sim, name);
