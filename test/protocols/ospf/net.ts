import type { Daemon } from "../../../src/core/os.ts";
import { type Nanos, S } from "../../../src/core/time.ts";
import { FrrDaemon } from "../../../src/frr/daemon.ts";
import { VtySession } from "../../../src/frr/vty.ts";
import { ZEBRA } from "../../../src/frr/zebra/program.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { OSPFD, type OspfDaemon, type OspfOptions } from "../../../src/protocols/ospf/daemon.ts";
import { address, device, Lab } from "../../harness/kernels.ts";

/** A router with zebra and ospfd. */
export interface Router {
  readonly kernel: Kernel;
  readonly zebra: Daemon;
  readonly frr: FrrDaemon<OspfOptions>;
  readonly ospfd: OspfDaemon;
}

/** Routers with FRR's daemons. Time begins when they are started. */
export class OspfLab extends Lab {
  readonly routers = new Map<string, Router>();

  /** Starts zebra and ospfd of a node with a configuration; `loopback`: an address of lo. */
  frr(kernel: Kernel, text: string, loopback?: string, options: OspfOptions = {}): Router {
    const lo = device(kernel, "lo");
    kernel.setUp(lo, true);
    if (loopback !== undefined) address(kernel, lo, loopback);
    const config = { path: "frr.conf", text };
    const family = [ZEBRA.commands, OSPFD.commands];
    const zebra = new FrrDaemon(kernel.os, ZEBRA, {}, config, family);
    zebra.start();
    const frr = new FrrDaemon(kernel.os, OSPFD, options, config, family);
    frr.start();
    if (frr.complaint !== undefined) throw new Error(frr.complaint);
    const router: Router = {
      kernel,
      zebra,
      frr,
      get ospfd() {
        return frr.root as OspfDaemon;
      },
    };
    this.routers.set(kernel.name, router);
    return router;
  }

  /** Lets time pass until no daemon has anything to finish, at most `within`. Returns when. */
  converge(within: Nanos = 120 * S): Nanos {
    const end = this.sim.now + within;
    while (this.sim.now < end) {
      this.run(S / 10);
      if ([...this.routers.values()].every((r) => !r.frr.busy() && !r.zebra.busy())) return this.sim.now;
    }
    throw new Error(`still busy after ${within / S} s`);
  }
}

/** What an operational command prints. */
export function show(router: Router, line: string): string {
  const { frr } = router;
  const session = new VtySession([{ commands: frr.commands, root: frr.root }]);
  const got = session.view(line.split(" "));
  if (got.status !== "ok") throw new Error(`${line}: ${got.status} ${got.output}`);
  return got.output;
}

/** Types lines of configuration. */
export function configure(router: Router, ...lines: readonly string[]): void {
  const { frr } = router;
  const session = new VtySession([{ commands: frr.commands, root: frr.root }]);
  session.configure();
  for (const line of lines) {
    const got = session.line(line.trim().split(/\s+/));
    if (got.status !== "ok") throw new Error(`${line}: ${got.status} ${got.output}`);
  }
}

/** States of a router's neighbours, by router id and interface. */
export function neighborStates(router: Router): Record<string, string> {
  const states: Record<string, string> = {};
  for (const oi of router.ospfd.ospf.interfaces)
    for (const n of oi.neighbors.all) states[`${oi.ifname} ${n.routerId >>> 0}`] = n.state;
  return states;
}
