import { configuration, type OspfRing } from "./ring.ts";

/** Medians of FRR 8.4.4 on Linux in seconds from the start of the processes: all neighbours Full, all routes in all kernels. */
const FRR: { readonly [mode: string]: readonly [number, number] } = {
  "broadcast 1": [9.45, 14.26],
  "point-to-point 1": [6.45, 11.24],
  "broadcast 10": [47.87, 50.27],
  "point-to-point 10": [15.38, 20.19],
};
/** A shell starts one process after the other. */
const BETWEEN_STARTS = "4ms";
const LOOK_EVERY = "50ms";
const LOOKS_MAX = 2400;

/** Starts the routers and shows when neighbours are adjacent and routes complete. */
export function startUp(ring: OspfRing): void {
  const { net, routers, mode } = ring;
  const from = net.now;
  for (const [i, router] of routers.entries()) {
    router.frr(configuration(ring, i + 1));
    net.run(BETWEEN_STARTS);
  }
  const full =
    until(ring, () => routers.every((r) => count(r.sh('vtysh -c "show ip ospf neighbor"'), / Full\//g) === 2)) - from;
  const routes = until(ring, () => routers.every((r) => complete(r.sh("ip route")))) - from;
  const measured = FRR[`${mode.network} ${mode.helloS}`] as readonly [number, number];
  const rows = [
    ["all neighbours Full", full / 1e9, measured[0]],
    ["every route in every kernel, two ways across", routes / 1e9, measured[1]],
  ] as const;
  net.table({
    title: `start, ${mode.network} interfaces, a hello every ${mode.helloS} s`,
    columns: ["what", "here, s", "FRR's median, s"],
    rows: rows.map(([what, here, there]) => [what, here.toFixed(2), there.toFixed(2)]),
  });
  // one run of FRR is a step of five seconds off at most: a description or an advertisement that has to come again
  for (const [what, here, there] of rows)
    net.check(
      `${what}: as FRR, give or take one retransmission`,
      Math.abs(here - there) < 5.8,
      `${here.toFixed(2)} s; FRR ${there} s`,
    );
}

/** Five networks that are not its own: two far cables, three other routers; two ways to the router across. */
const complete = (routes: string): boolean => count(routes, /proto ospf/g) === 5 && count(routes, /nexthop via/g) === 2;
const count = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

function until({ net }: OspfRing, holds: () => boolean): number {
  for (let looks = 0; looks < LOOKS_MAX && !holds(); looks++) net.run(LOOK_EVERY);
  return net.now;
}
