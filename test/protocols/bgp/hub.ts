import { S } from "../../../src/core/time.ts";
import type { FrrDaemon } from "../../../src/frr/daemon.ts";
import { Lab } from "../../harness/kernels.ts";
import { type Router, router, settle } from "./routers.ts";

export type PathView = Readonly<Record<string, unknown>>;
export const table = (r: Router): Record<string, PathView[]> => r.view("bgp table") as Record<string, PathView[]>;
export const prefixes = (r: Router): string[] => Object.keys(table(r));
export const stateOf = (r: Router, peer: string): unknown =>
  (r.view("bgp neighbors") as Record<string, { state: string }>)[peer]?.state;

/** A hub: router i has 10.0.0.i/24 and the AS of that place; `lines`: what is said inside `router bgp`; `before`: outside of it. */
export function hub(
  routers: readonly { readonly as: number | string; readonly lines: string; readonly before?: string }[],
  waitS = 0,
): { readonly lab: Lab; readonly all: Router[] } {
  const lab = new Lab();
  const kernels = routers.map((_, i) => lab.router(`r${i + 1}`));
  lab.hub(...kernels.map((k, i) => [k, `e0 10.0.0.${i + 1}/24`] as const));
  const all = routers.map(({ as, lines, before = "" }, i) =>
    router(
      kernels[i] as (typeof kernels)[0],
      `${before}
router bgp ${as}
 bgp router-id ${i + 1}.${i + 1}.${i + 1}.${i + 1}
 no bgp ebgp-requires-policy
 no bgp network import-check
 ${lines}
`,
    ),
  );
  if (waitS > 0) lab.run(waitS * S);
  else settle(lab, all);
  return { lab, all };
}
export const announce = (...networks: string[]): string =>
  `address-family ipv4 unicast\n  ${networks.map((n) => `network ${n}`).join("\n  ")}\n exit-address-family`;

/** The bgpd of a router, to be stopped and started again. */
export const bgpdOf = (r: Router): FrrDaemon<unknown> =>
  r.kernel.os.local.find<FrrDaemon<unknown>>("vty bgpd") as FrrDaemon<unknown>;
