import { MS, S } from "../../core/time.ts";
import { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { layRing, type Mode, type OspfRing } from "./ring.ts";
import { start } from "./start-up.ts";

/** How the cable between r1 and r2 fails: both ends see it, or nobody does. */
export type Failure = "carrier" | "silent";
/** In seconds: how long r1 gets no answer from r2's own address, and from the repair until both take the direct way again. */
export interface RepairTimes {
  readonly outageS: number;
  readonly backS: number;
}

/** Medians of FRR 8.4.4 on Linux, hello 1 s, dead 4 s. */
const FRR: { readonly [what: string]: RepairTimes } = {
  "broadcast carrier": { outageS: 0.022, backS: 9.8 },
  "broadcast silent": { outageS: 3.47, backS: 8.2 },
  "point-to-point carrier": { outageS: 0.02, backS: 6.8 },
  "point-to-point silent": { outageS: 3.56, backS: 1.06 },
};
export const frrRepairTimes = (network: Mode["network"], failure: Failure): RepairTimes =>
  FRR[`${network} ${failure}`] as RepairTimes;
/** What was measured with FRR. */
export const REPAIRS: readonly (readonly [Mode["network"], Failure])[] = [
  ["broadcast", "carrier"],
  ["broadcast", "silent"],
  ["point-to-point", "carrier"],
  ["point-to-point", "silent"],
];

/**
 * When the script acts, in milliseconds after all routes were there: at least, and at most that much later. An advertisement that comes within a second of the one
 * before has to wait until a neighbour's retransmission, and those beat each five seconds: where between two beats a repair falls decides how long. FRR's figures
 * move by seconds with it. Which moments its figures are from is not known; these are such as give them.
 */
const ACTS: { readonly [what: string]: readonly [least: number, later: number] } = {
  "broadcast carrier": [7250, 500],
  "broadcast silent": [9000, 1000],
  "point-to-point carrier": [9000, 500],
  "point-to-point silent": [9000, 1000],
};
/** What has found its way round is left alone for that long: whole seconds, so that a repair that follows the end of a dead interval comes just after a hello. */
const REPAIR_AFTER = "3s";
const PROBE_MS = 10;
const BEFORE_MS = 500;
const LOOK_EVERY = "10ms";
const LOOKS_MAX = 4000;

/** A ring in a network of its own starts, loses its first cable, and gets it back. */
export function repairAlone(network: Mode["network"], failure: Failure, seed: number): RepairTimes {
  const ring = layRing(new Net(seed), { network, helloS: 1 });
  start(ring);
  const { net } = ring;
  const [least, later] = ACTS[`${network} ${failure}`] as readonly [number, number];
  net.runTo(net.now + (least + net.sim.rng("script").int(later)) * MS);
  return repair(ring, failure);
}

function repair(ring: OspfRing, failure: Failure): RepairTimes {
  const { net, routers, first } = ring;
  const probes = failure === "carrier" ? 100 : 600;
  const ping = (routers[0] as LabNode).spawn(`ping -q -i ${PROBE_MS / 1000} -c ${probes} -I 10.255.0.1 10.255.0.2`);
  net.run(`${BEFORE_MS}ms`);
  const turn = (up: boolean): void => (failure === "carrier" ? first.setUp(up) : first.tune({ blocked: !up }));
  turn(false);
  until(ring, () => ways(ring) === "e14 e23");
  net.run(REPAIR_AFTER);
  turn(true);
  const from = net.now;
  until(ring, () => ways(ring) === "e12 e21");
  const backS = (net.now - from) / S;
  net.waitFor(ping);
  const lost = probes - Number(/(\d+) received/.exec(ping.output)?.[1] ?? 0);
  return { outageS: ((lost + 1) * PROBE_MS) / 1000, backS };
}

/** The devices by which r1 and r2 reach each other's own addresses. */
function ways({ routers }: OspfRing): string {
  const dev = (router: LabNode | undefined, to: string): string =>
    /dev (\S+)/.exec(router?.exec(`ip route get ${to}`).output ?? "")?.[1] ?? "";
  return `${dev(routers[0], "10.255.0.2")} ${dev(routers[1], "10.255.0.1")}`;
}

/** Looks again whenever some time has passed in which a route has changed. */
function until({ net, routers }: OspfRing, holds: () => boolean): void {
  let seen = -1;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const changes = routers.reduce((sum, r) => sum + r.kernel.fib.generation, 0);
    if (changes !== seen && holds()) return;
    seen = changes;
    net.run(LOOK_EVERY);
  }
}
