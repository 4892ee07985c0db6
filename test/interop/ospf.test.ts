import { expect } from "vitest";
import { eventually, itLive, joinPeer, type LiveLab, PEER, runLive } from "../harness/live-lab.ts";
import type { World } from "../harness/namespaces.ts";
import { haveBird, haveFrr, type Show, startBird, startFrr } from "../harness/routing-peers.ts";
import { haveProgram } from "../harness/shared.ts";

/** A real ospfd and a real BIRD on the other side of a gateway: netloom has two routers and a host, the peer 10.9.0.1/24 to announce. */

const SECONDS = 60;
const HELLO = " ip ospf area 0\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const R1 = `
interface eth1
 ip address 10.0.12.1/24
${HELLO}interface eth5
 ip address 10.2.0.1/24
${HELLO}interface lo
 ip address 10.255.0.1/32
 ip ospf area 0
router ospf
 ospf router-id 10.255.0.1
`;
const R2 = `
interface eth1
 ip address 10.0.12.2/24
${HELLO}interface eth2
 ip address 10.1.0.1/24
 ip ospf area 0
 ip ospf passive
router ospf
 ospf router-id 10.255.0.2
`;
const LAB: LiveLab = {
  daemons: ["zebra", "ospfd"],
  nodes: {
    r1: { frr: R1 },
    r2: { frr: R2 },
    h1: { exec: ["ip addr add 10.1.0.2/24 dev eth1", "ip route add default via 10.1.0.1"] },
  },
  cables: [
    ["r1:eth1", "r2:eth1"],
    ["r2:eth2", "h1:eth1"],
  ],
};
const EXEC = [
  "h1: dd if=/dev/urandom of=/srv/big bs=1M count=10 status=none",
  "h1: md5sum /srv/big",
  "h1: python3 -m http.server --directory /srv 80 &",
  "sleep 25",
  "r1: vtysh -c 'show ip ospf neighbor'",
  "h1: ping -c 3 10.9.0.1",
  "r2: ip route show",
];

/** What any peer must do: the routes are in the kernel, a ping crosses, a file arrives, and netloom has the peer's network. */
async function crosses(w: World, start: () => Promise<Show>): Promise<Show> {
  joinPeer(w);
  w.run(PEER, "ip link add br9 type bridge && ip addr add 10.9.0.1/24 dev br9 && ip link set br9 up");
  const live = runLive(w, LAB, { exec: EXEC, seconds: SECONDS });
  const show = await start();
  await eventually(30, () => w.attempt(PEER, "ip route show 10.1.0.0/24") ?? "").toContain("via 10.2.0.1");
  // the way back may take a retransmission more
  await eventually(20, () => w.attempt(PEER, "ping -c 1 -W 1 10.1.0.2") ?? "").toContain(" 1 received");
  expect(w.run(PEER, "ping -c 5 -i 0.1 -W 2 10.1.0.2")).toContain("5 packets transmitted, 5 received");
  const got = w.run(PEER, "curl -s http://10.1.0.2/big | md5sum");
  expect(live.output()).toContain(got.slice(0, 32));
  await eventually(40, live.output).toMatch(/10\.9\.0\.0\/24 .*via 10\.0\.12\.1/);
  expect(live.output()).toMatch(/Full\/(DR|Backup)/);
  expect(live.output()).toContain("3 packets transmitted, 3 received");
  return show;
}

const FRR = `
interface vx0
${HELLO}interface br9
 ip ospf area 0
 ip ospf passive
router ospf
 ospf router-id 10.255.0.9
`;
itLive(
  haveFrr && haveProgram("curl"),
  "a real ospfd of FRR is Full with a simulated router, and both sides install routes",
  SECONDS + 60,
  async (w) => {
    const show = await crosses(w, () => startFrr(w, PEER, "ospfd", FRR));
    expect(show("show ip ospf neighbor")).toMatch(/10\.255\.0\.1 .*Full/);
  },
);

const BIRD = `
router id 10.255.0.9;
protocol device { }
protocol kernel { ipv4 { export all; }; }
protocol ospf v2 {
  area 0 {
    interface "vx0" { type broadcast; hello 1; dead 4; };
    interface "br9" { stub yes; };
  };
}
`;
itLive(
  haveBird && haveProgram("curl"),
  "a real BIRD is Full with a simulated router, and both sides install routes",
  SECONDS + 60,
  async (w) => {
    const show = await crosses(w, () => startBird(w, PEER, BIRD));
    expect(show("show ospf neighbors")).toMatch(/10\.255\.0\.1\s.*Full/);
  },
);
