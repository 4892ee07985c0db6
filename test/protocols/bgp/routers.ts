import { expect } from "vitest";
import { formatIp } from "../../../src/core/addr.ts";
import { S } from "../../../src/core/time.ts";
import type { FrrDaemon } from "../../../src/frr/daemon.ts";
import { VtySession } from "../../../src/frr/vty.ts";
import { startDaemon } from "../../../src/nodes/daemons.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import type { Cable } from "../../../src/nodes/link.ts";
import type { BgpDaemon } from "../../../src/protocols/bgp/daemon.ts";
import { Lab } from "../../harness/kernels.ts";

/** Routers with zebra and bgpd on one simulation. */

export interface Router {
  readonly kernel: Kernel;
  readonly bgpd: BgpDaemon;
  /** An operational command, its output. */
  show(command: string): string;
  /** Lines typed after `configure terminal`. */
  type(...lines: readonly string[]): void;
  view(what: string, query?: { readonly peer?: string; readonly prefixes?: readonly string[] }): unknown;
}

/** Starts zebra, staticd and bgpd on a node that has its cables. */
export function router(kernel: Kernel, config: string): Router {
  for (const name of ["zebra", "staticd", "bgpd"]) {
    const started = startDaemon(kernel.os, name, { path: "frr.conf", config });
    if (!started.ok) throw new Error(started.detail);
  }
  const vty = kernel.os.local.find<FrrDaemon<unknown>>("vty bgpd") as FrrDaemon<unknown>;
  const zebra = kernel.os.local.find<FrrDaemon<unknown>>("vty zebra") as FrrDaemon<unknown>;
  const staticd = kernel.os.local.find<FrrDaemon<unknown>>("vty staticd") as FrrDaemon<unknown>;
  const session = (): VtySession => new VtySession([zebra, staticd, vty]);
  return {
    kernel,
    get bgpd() {
      return vty.root as BgpDaemon;
    },
    show: (command) => {
      const got = session().view(command.split(" "));
      if (got.status !== "ok") throw new Error(`${command}: ${got.status} ${got.output}`);
      return got.output;
    },
    type: (...lines) => {
      const s = session();
      s.configure();
      for (const line of lines) {
        const got = s.line(line.trim().split(/\s+/));
        if (got.status !== "ok") throw new Error(`${line}: ${got.status} ${got.output}`);
      }
    },
    view: (what, query = {}) => (vty.root as BgpDaemon).view(what, query),
  };
}

/** Routers in a line: router i has 10.0.i.1/24 to the right and 10.0.(i-1).2/24 to the left, AS 65000 + i, and announces 10.i.0.0/16. */
export function line(
  count: number,
  extra: (i: number) => string = () => "",
): { readonly lab: Lab; readonly routers: Router[]; readonly cables: Cable[] } {
  const lab = new Lab();
  const kernels = Array.from({ length: count }, (_, i) => lab.router(`r${i}`));
  const cables = kernels
    .slice(1)
    .map((right, i) => lab.cable([kernels[i] as Kernel, `e${i} 10.0.${i}.1/24`], [right, `w${i + 1} 10.0.${i}.2/24`]));
  const routers = kernels.map((kernel, i) => router(kernel, lineConfig(i, count, extra(i))));
  return { lab, routers, cables };
}

function lineConfig(i: number, count: number, extra: string): string {
  const left = i > 0 ? `neighbor 10.0.${i - 1}.1 remote-as ${65000 + i - 1}` : "";
  const right = i < count - 1 ? `neighbor 10.0.${i}.2 remote-as ${65000 + i + 1}` : "";
  return `
router bgp ${65000 + i}
 bgp router-id 1.1.1.${i + 1}
 no bgp ebgp-requires-policy
 no bgp network import-check
 ${left}
 ${right}
 address-family ipv4 unicast
  network 10.${i + 1}.0.0/16
  ${extra}
 exit-address-family
`;
}

/** The AS path of the best path to a prefix; undefined: there is none. */
export function bestPath(r: Router, prefix: string): string | undefined {
  const paths = (r.view("bgp table", { prefixes: [prefix] }) as Record<string, { best: boolean; as_path: string }[]>)[
    prefix
  ];
  return paths?.find((p) => p.best)?.as_path;
}

/** Waits until nothing is left to do. */
export function settle(lab: Lab, routers: readonly Router[], withinS = 60): number {
  const start = lab.sim.now;
  const busy = (): boolean => routers.some((r) => r.bgpd.busy());
  while (lab.sim.now < start + withinS * S) {
    lab.run(0.1 * S);
    if (!busy()) return (lab.sim.now - start) / S;
  }
  expect.fail(
    `still busy: ${routers.map((r) => [...(r.bgpd.bgp?.peers.values() ?? [])].map((p) => `${formatIp(p.address)} ${p.role}`).join(", ")).join("; ")}`,
  );
}
