import type { Cable } from "../../../src/nodes/link.ts";
import { OspfLab, type Router } from "./net.ts";

/** FRR's measured ring, of release 8.4, which takes no opaque advertisements unless told to: r1 to r4, `e12` and `e21` at the ends of a cable, 10.0.12.0/24 on it, 10.255.0.1 on lo. */
export interface Ring {
  readonly lab: OspfLab;
  readonly routers: readonly Router[];
  readonly cables: ReadonlyMap<string, Cable>;
}

export const FAST = " ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
export const POINT_TO_POINT = " ip ospf network point-to-point\n";

/**
 * `interface_`: what stands at every interface. The daemons are started as a shell does it, one after the other some milliseconds apart: `startMs` tells when.
 */
export function ring(seed: number, interface_: string, startMs?: (i: number, lab: OspfLab) => number): Ring {
  const lab = new OspfLab(seed);
  const kernels = [1, 2, 3, 4].map((i) => lab.router(`r${i}`));
  const cables = new Map<string, Cable>();
  const neighbors = new Map<number, number[]>();
  for (const [a, b] of [
    [1, 2],
    [2, 3],
    [3, 4],
    [1, 4],
  ] as const) {
    const [x, y] = [kernels[a - 1], kernels[b - 1]];
    if (x === undefined || y === undefined) throw new Error("no router");
    cables.set(`${a}${b}`, lab.cable([x, `e${a}${b} 10.0.${a}${b}.${a}/24`], [y, `e${b}${a} 10.0.${a}${b}.${b}/24`]));
    neighbors.set(a, [...(neighbors.get(a) ?? []), b]);
    neighbors.set(b, [...(neighbors.get(b) ?? []), a]);
  }
  const routers = kernels.map((kernel, n) => {
    const i = n + 1;
    const ends = (neighbors.get(i) ?? []).map((p) => `interface e${i}${p}\n ip ospf area 0\n${interface_}!\n`).join("");
    const text = `${ends}interface lo\n ip ospf area 0\n ip ospf passive\n!\nrouter ospf\n ospf router-id 10.255.0.${i}\n log-adjacency-changes detail\n no capability opaque\n`;
    const options = startMs === undefined ? {} : { startDelayMs: startMs(i, lab) };
    return lab.frr(kernel, text, `10.255.0.${i}/32`, options);
  });
  return { lab, routers, cables };
}
