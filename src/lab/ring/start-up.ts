import { S } from "../../core/time.ts";
import { Net } from "../net.ts";
import { configuration, layRing, type Mode, type OspfRing } from "./ring.ts";

/** Seconds from the start of the first router. */
export interface StartTimes {
  readonly fullS: number;
  readonly routesS: number;
}

/** Medians of FRR 8.4.4 on Linux: all neighbours Full, all routes in all kernels. */
const FRR: { readonly [mode: string]: StartTimes } = {
  "broadcast 1": { fullS: 9.45, routesS: 14.26 },
  "point-to-point 1": { fullS: 6.45, routesS: 11.24 },
  "point-to-point 10": { fullS: 15.38, routesS: 20.19 },
  "broadcast 10": { fullS: 47.87, routesS: 50.27 },
};
/** The modes in which FRR was measured. */
export const MODES: readonly Mode[] = [
  { network: "broadcast", helloS: 1 },
  { network: "point-to-point", helloS: 1 },
  { network: "point-to-point", helloS: 10 },
  { network: "broadcast", helloS: 10 },
];
export const frrStartTimes = ({ network, helloS }: Mode): StartTimes => FRR[`${network} ${helloS}`] as StartTimes;

/** A shell starts one process after the other; each then takes some milliseconds more or less to begin (ospfd's own start). */
const BETWEEN_STARTS = "8ms";
const LOOK_EVERY = "50ms";
const LOOKS_MAX = 2400;

/** Starts the routers of a ring and waits until all have all routes. */
export function start(ring: OspfRing): StartTimes {
  const { net, routers } = ring;
  const from = net.now;
  for (const [i, router] of routers.entries()) {
    router.frr(configuration(ring, i + 1));
    net.run(BETWEEN_STARTS);
  }
  const full = until(ring, () =>
    routers.every((r) => count(r.sh('vtysh -c "show ip ospf neighbor"'), / Full\//g) === 2),
  );
  const routes = until(ring, () => routers.every((r) => complete(r.sh("ip route"))));
  return { fullS: (full - from) / S, routesS: (routes - from) / S };
}

/** The same in a network of its own. */
export const startAlone = (mode: Mode, seed: number): StartTimes => start(layRing(new Net(seed), mode));

/** Starts the routers and shows when neighbours are adjacent and routes complete. */
export function startUp(ring: OspfRing): void {
  const { net, mode } = ring;
  const here = start(ring);
  const frr = frrStartTimes(mode);
  const rows = [
    ["all neighbours Full", here.fullS, frr.fullS],
    ["every route in every kernel, two ways across", here.routesS, frr.routesS],
  ] as const;
  net.table({
    title: `start, ${mode.network} interfaces, a hello every ${mode.helloS} s`,
    columns: ["what", "here, s", "FRR's median, s"],
    rows: rows.map(([what, ours, theirs]) => [what, ours.toFixed(2), theirs.toFixed(2)]),
  });
  // one run is a step of five seconds off, or two: descriptions and advertisements that have to come again
  for (const [what, ours, theirs] of rows)
    net.check(
      `${what}: as FRR, give or take two retransmissions`,
      Math.abs(ours - theirs) < 10.8,
      `${ours.toFixed(2)} s; FRR ${theirs} s`,
    );
}

/** Five networks that are not its own: two far cables, three other routers; two ways to the router across. */
const complete = (routes: string): boolean => count(routes, /proto ospf/g) === 5 && count(routes, /nexthop via/g) === 2;
const count = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

function until({ net }: OspfRing, holds: () => boolean): number {
  for (let looks = 0; looks < LOOKS_MAX && !holds(); looks++) net.run(LOOK_EVERY);
  return net.now;
}
