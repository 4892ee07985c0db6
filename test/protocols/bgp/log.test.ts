import { expect, it } from "vitest";
import { S } from "../../../src/core/time.ts";
import { textOf } from "../../harness/text-file.ts";
import { hub } from "./hub.ts";
import type { Router } from "./routers.ts";

const linesOf = (r: Router): string[] =>
  (textOf(r.kernel.os, "/var/log/frr/bgpd.log") ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.slice("1970/01/01 00:00:00 ".length));
const neighbor = (n: number): string =>
  `bgp log-neighbor-changes\n neighbor 10.0.0.${n} remote-as 6500${n}\n neighbor 10.0.0.${n} timers connect 1`;
const LOG = "log daemon bgpd file /var/log/frr/bgpd.log informational\n";

it("the log tells of sessions and of what ends them, in FRR's words", () => {
  const { lab, all } = hub([
    { as: 65001, lines: neighbor(2), before: LOG },
    { as: 65002, lines: neighbor(1), before: LOG },
  ]);
  const [r1, r2] = all as [Router, Router];
  lab.run(5 * S);
  const up = [
    "BGP: [N9HHH-F8H1M] %ADJCHANGE: neighbor 10.0.0.2(r1) in vrf default Up",
    "BGP: [M59KS-A3ZXZ] bgp_update_receive: rcvd End-of-RIB for IPv4 Unicast from 10.0.0.2 in vrf default",
  ].map((line) => line.replace("(r1)", "(r2)"));
  expect(linesOf(r1).filter((line) => !line.includes("6/7"))).toEqual(up);
  const before = linesOf(r1).length;
  r1.show("clear ip bgp *");
  lab.run(S / 10);
  expect(linesOf(r1).slice(before)).toEqual([
    'BGP: [H7QV4-WR3ZD] %NOTIFICATION(Hard Reset): sent to neighbor 10.0.0.2 6/4 (Cease/Administrative Reset) ""',
    "BGP: [PXVXG-TFNNT] %ADJCHANGE: neighbor 10.0.0.2(r2) in vrf default Down User reset",
  ]);
  expect(linesOf(r2).slice(-2)).toEqual([
    'BGP: [H7QV4-WR3ZD] %NOTIFICATION(Hard Reset): received from neighbor 10.0.0.1 6/4 (Cease/Administrative Reset) ""',
    "BGP: [PXVXG-TFNNT] %ADJCHANGE: neighbor 10.0.0.1(r1) in vrf default Down BGP Notification received",
  ]);
  lab.run(10 * S);
  r2.type("router bgp 65002", "neighbor 10.0.0.1 shutdown message good night");
  lab.run(S / 10);
  expect(linesOf(r1).at(-2)).toBe(
    'BGP: [H7QV4-WR3ZD] %NOTIFICATION(Hard Reset): received from neighbor 10.0.0.2 6/2 (Cease/Administrative Shutdown) "good night"',
  );
});

it("a refused OPEN is told with its octets, and without the setting nothing is", () => {
  const { lab, all } = hub(
    [
      { as: 65001, lines: neighbor(3).replace("10.0.0.3", "10.0.0.2").replace("10.0.0.3", "10.0.0.2"), before: LOG },
      { as: 65002, lines: neighbor(1).replace("bgp log-neighbor-changes\n", ""), before: LOG },
    ],
    10,
  );
  const [r1, r2] = all as [Router, Router];
  lab.run(S);
  expect(linesOf(r1)).toContain(
    "BGP: [HZN6M-XRM1G] %NOTIFICATION: sent to neighbor 10.0.0.2 2/2 (OPEN Message Error/Bad Peer AS) 2 bytes fd ea",
  );
  expect(linesOf(r2)).toEqual([]);
});

it("the profile datacenter logs unless told not to", () => {
  const plain = (n: number): string => neighbor(n).replace("bgp log-neighbor-changes\n", "");
  const { all } = hub([
    { as: 65001, lines: plain(2), before: `frr defaults datacenter\n${LOG}` },
    { as: 65002, lines: plain(1), before: LOG },
  ]);
  const [r1, r2] = all as [Router, Router];
  expect(linesOf(r1).some((line) => line.includes("ADJCHANGE"))).toBe(true);
  expect(linesOf(r2).some((line) => line.includes("ADJCHANGE"))).toBe(false);
});
