import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { complete, knowsAll, type Line, learnt, networkOf, SPARE, startRouters, until } from "./line.ts";

/** How many routers the Linux with FRR 8.4 had whose times stand in the table: AS 34 to 57, in namespaces of one machine. */
const MEASURED_ROUTERS = 24;
const TOLERANCE = 0.15;
/** What FRR needed, in seconds: least and most of several runs with the traditional and the datacenter profile. */
const FRR = {
  start: [4.06, 6.83],
  announce: [1.33, 1.41],
  withdraw: [1.3, 1.41],
  down: [0.64, 0.67],
  up: [1.82, 2.81],
} as const;
type Event = keyof typeof FRR;

/** Starts the routers and waits until both ends know every network. Returns seconds. */
export function start(line: Line): number {
  const { net, first, last, routers } = line;
  net.say(
    `${routers.length} routers, AS ${first} to ${last}; behind AS n is ${networkOf(first)} for ${first}, ${networkOf(last)} for ${last}: 10.(199 + n / 256).(n mod 256).0/24.\n`,
  );
  startRouters(line);
  const seconds = until(net, "the routers' start", () => complete(line));
  net.untilConverged();
  const wanting = routers.filter((_, i) => !knowsAll(line, i));
  net.check(
    "every router of the line knows every network of it",
    wanting.length === 0,
    wanting.length === 0 ? `at both ends after ${seconds.toFixed(2)} s` : `${wanting.length} do not`,
  );
  return seconds;
}

/** Announces, withdraws, cuts and mends, and shows how long each took beside FRR's times on Linux. */
export function pace(line: Line, started: number): void {
  const { net, routers, first } = line;
  const [head, tail] = [routers[0] as LabNode, routers.at(-1) as LabNode];
  const settled = (): void => net.untilConverged();
  settled();
  const before = learnt(tail);
  const type = (command: string): void =>
    void head.sh(`vtysh -c "configure terminal" -c "router bgp ${first}" -c "${command}"`);
  type(`network ${SPARE}`);
  const announce = until(net, "an announcement", () => learnt(tail) === before + 1);
  settled();
  type(`no network ${SPARE}`);
  const withdraw = until(net, "a withdrawal", () => learnt(tail) === before);
  settled();
  const cut = Math.floor(routers.length / 2) - 1;
  line.cables[cut]?.setUp(false);
  const down = until(net, "a cable's end", () => learnt(tail) === before - cut - 1);
  net.run("10s");
  line.cables[cut]?.setUp(true);
  const up = until(net, "a cable's return", () => complete(line));
  settled();
  const hops = routers.length - 1;
  const between = `${first + cut} and ${first + cut + 1}`;
  report(net, routers.length, [
    ["start", "start of bgpd until both ends are complete", started],
    ["announce", `announced at AS ${first}, in AS ${line.last}'s kernel after ${hops} hops`, announce],
    ["withdraw", "withdrawn there, gone here", withdraw],
    ["down", `cable between AS ${between} cut: AS ${line.last} has lost ${cut + 1} prefixes`, down],
    ["up", "cable mended: both ends are complete", up],
  ]);
}

function report(net: Net, routers: number, measured: readonly (readonly [Event, string, number])[]): void {
  net.table({
    title: "simulated seconds, and those of 24 FRR routers on Linux",
    columns: ["event", "here", "FRR", "per hop here, ms"],
    rows: measured.map(([event, what, s]) => [
      what,
      s.toFixed(2),
      FRR[event].map((t) => t.toFixed(2)).join(" to "),
      ((s * 1000) / (routers - 1)).toFixed(1),
    ]),
  });
  if (routers !== MEASURED_ROUTERS) return;
  for (const [event, what, s] of measured) {
    const [low, high] = FRR[event];
    net.check(
      `as fast as FRR within 15 %: ${what}`,
      s >= low * (1 - TOLERANCE) && s <= high * (1 + TOLERANCE),
      `${s.toFixed(2)} s; FRR ${low} to ${high} s`,
    );
  }
}
