import type { Nanos } from "../../core/time.ts";
import type { CableOptions } from "../net.ts";
import type { Site } from "./yaml.ts";

/** A containerlab topology as netloom understands it: inheritance resolved, names checked. */
export interface ClabLab {
  readonly path: string;
  readonly name: string;
  /** The seed that the file names. */
  readonly seed: number | undefined;
  /** Interfaces to capture: `r1-eth1`, `r2-*`, `all`. */
  readonly captures: readonly string[];
  readonly nodes: readonly ClabNode[];
  readonly links: readonly ClabLink[];
  readonly schedule: readonly ClabEvent[];
  /** What is left out, one line each: said once when the lab is built. */
  readonly notes: readonly string[];
}

export interface ClabNode extends Site {
  readonly name: string;
  readonly kind: "linux" | "bridge";
  /** `network-mode: none`: its eth0 is not the management network's. */
  readonly ownsEth0: boolean;
  readonly binds: readonly ClabBind[];
  readonly sysctls: readonly ClabSysctl[];
  /** Commands run at time 0, in order. */
  readonly exec: readonly ClabCommand[];
  /** The time that one packet keeps its CPU busy; undefined: it has no CPU that could be a bottleneck. */
  readonly serviceNs: Nanos | undefined;
}

/** A file of the host in a node. */
export interface ClabBind extends Site {
  /** Relative to the topology file, or absolute. */
  readonly source: string;
  readonly target: string;
}
export interface ClabSysctl extends Site {
  readonly key: string;
  readonly value: string;
}
export interface ClabCommand extends Site {
  readonly command: string;
}

export interface ClabLink extends Site {
  readonly ends: readonly [ClabEnd, ClabEnd];
  /** Of the devices at both ends. */
  readonly mtu: number;
}
export interface ClabEnd {
  readonly node: string;
  readonly device: string;
  readonly mac: string | undefined;
  /** What the cable does to frames that leave here. */
  readonly line: CableOptions;
}

/** Something that happens while the lab runs. */
export interface ClabEvent extends Site {
  readonly at: Nanos;
  readonly action: ClabAction;
}
export type ClabAction =
  | { readonly kind: "down" | "up" | "cut" | "mend"; readonly node: string; readonly device: string }
  | { readonly kind: "tune"; readonly node: string; readonly device: string; readonly line: CableOptions }
  | { readonly kind: "power-off" | "power-on"; readonly node: string }
  | { readonly kind: "exec"; readonly node: string; readonly command: string };
