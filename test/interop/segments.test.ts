import { expect } from "vitest";
import { eventually, itLive, joinPeer, type LiveLab, PEER, runLive } from "../harness/live-lab.ts";
import { haveFrr, startFrr } from "../harness/routing-peers.ts";

/** Prefix segments told to a real ospfd, and by one (its kernel need not know labels: what counts is what the daemons make of each other's words). */

const SECONDS = 45;
const HELLO = " ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const segments = (self: string, lower: number, index: number): string => `
router ospf
 ospf router-id ${self}
 network ${self}/32 area 0
 network 10.2.0.0/24 area 0
 capability opaque
 router-info area
 segment-routing on
 segment-routing global-block ${lower} ${lower + 999}
 segment-routing node-msd 8
 segment-routing prefix ${self}/32 index ${index} no-php-flag
`;

const LAB: LiveLab = {
  daemons: ["zebra", "ospfd"],
  nodes: {
    r1: {
      exec: ["sysctl -q -w net.mpls.platform_labels=100000"],
      frr: `
interface eth5
 ip address 10.2.0.1/24
${HELLO}interface lo
 ip address 10.255.0.1/32
${segments("10.255.0.1", 17_000, 10)}`,
    },
  },
};

itLive(haveFrr, "a real ospfd and a simulated one learn each other's segments", SECONDS + 60, async (w) => {
  joinPeer(w);
  w.run(PEER, "ip addr add 10.255.0.9/32 dev lo");
  const exec = [
    "sleep 30",
    "r1: vtysh -c 'show ip ospf database segment-routing'",
    "r1: ip -f mpls route",
    "r1: ip route show 10.255.0.9",
  ];
  const live = runLive(w, LAB, { exec, seconds: SECONDS });
  const show = await startFrr(w, PEER, "ospfd", `interface vx0\n${HELLO}${segments("10.255.0.9", 18_000, 90)}`);
  const ofReal = (): string => show("show ip ospf database segment-routing");
  await eventually(30, ofReal).toContain("Swap(18010, 17010)");
  expect(ofReal()).toMatch(
    /SR-Node: 10\.255\.0\.1\s+SRGB: \[17000\/17999\]\s+SRLB: \[15000\/15999\]\s+Algo\.\(s\): SPF\s+MSD: 8/,
  );
  expect(ofReal()).toMatch(/10\.255\.0\.1\/32 +SR Pfx \(idx 10\) +Swap\(18010, 17010\) +vx0 +10\.2\.0\.1/);
  await eventually(40, live.output).toContain("10.255.0.9 ");
  expect(live.output()).toMatch(/SR-Node: 10\.255\.0\.9\s+SRGB: \[18000\/18999\]/);
  expect(live.output()).toMatch(/10\.255\.0\.9\/32 +SR Pfx \(idx 90\) +Swap\(17090, 18090\) +eth5 +10\.2\.0\.2/);
  expect(live.output()).toContain("17090 as to 18090 via inet 10.2.0.2 dev eth5");
  expect(live.output()).toMatch(/10\.255\.0\.9 .*encap mpls +18090 .*via 10\.2\.0\.2/);
});
