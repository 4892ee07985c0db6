import { afterEach, expect } from "vitest";
import { haveNamespaces, type Started, World, within } from "../harness/namespaces.ts";
import { haveProgram, itNeeds } from "../harness/shared.ts";
import { BirdPeer, FrrPeer, haveBird, haveFrr } from "./peers.ts";

/** A real ospfd and a real BIRD on the other side of a gateway. */

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

const SECONDS = 60;
const GATEWAY = "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2";

const LAB = `
name: routers
topology:
  defaults: {image: frr}
  nodes:
    r1:
      kind: linux
      binds: ["r1.conf:/etc/frr/frr.conf", "daemons:/etc/frr/daemons"]
    r2:
      kind: linux
      binds: ["r2.conf:/etc/frr/frr.conf", "daemons:/etc/frr/daemons"]
    h1:
      kind: linux
      exec: ["ip addr add 10.1.0.2/24 dev eth1", "ip route add default via 10.1.0.1"]
  links:
    - endpoints: ["r1:eth1", "r2:eth1"]
    - endpoints: ["r2:eth2", "h1:eth1"]
`;

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

/** netloom's two routers behind a gateway in one namespace, an empty kernel with 10.9.0.1/24 to announce in the other. */
function joined(): { w: World; live: () => Started } {
  const w = new World();
  world = w;
  w.namespace("a");
  w.namespace("b");
  w.veth("a:v0", "b:v0", "10.9.9.1/24", "10.9.9.2/24");
  w.run("b", "ip link add vx0 type vxlan id 42 dstport 4789 remote 10.9.9.1 local 10.9.9.2 dev v0");
  w.run("b", "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up");
  w.run("b", "ip link add br9 type bridge && ip addr add 10.9.0.1/24 dev br9 && ip link set br9 up");
  const lab = w.file("routers.clab.yml", LAB);
  w.file("daemons", "zebra=yes\nospfd=yes\n");
  w.file("r1.conf", R1);
  w.file("r2.conf", R2);
  const shows = ["sleep 25", "r1: vtysh -c 'show ip ospf neighbor'", "h1: ping -c 3 10.9.0.1", "r2: ip route show"];
  const execs = [
    "h1: dd if=/dev/urandom of=/srv/big bs=1M count=10 status=none",
    "h1: md5sum /srv/big",
    "h1: python3 -m http.server --directory /srv 80 &",
    ...shows,
  ].flatMap((e) => ["--exec", e]);
  return { w, live: () => w.netloom("a", ["live", lab, "--gateway", GATEWAY, ...execs, "--for", `${SECONDS}s`]) };
}

/** What both peers must do: the routes are in the kernel, a ping crosses, a file arrives, and netloom has the peer's network. */
async function crosses(w: World, live: Started): Promise<void> {
  expect(await within(30, () => (w.attempt("b", "ip route show 10.1.0.0/24") ?? "").includes("via 10.2.0.1"))).toBe(
    true,
  );
  // the way back may take a retransmission more
  expect(await within(20, () => (w.attempt("b", "ping -c 1 -W 1 10.1.0.2") ?? "").includes(" 1 received"))).toBe(true);
  expect(w.run("b", "ping -c 5 -i 0.1 -W 2 10.1.0.2")).toContain("5 packets transmitted, 5 received");
  const got = w.run("b", "curl -s http://10.1.0.2/big | md5sum");
  expect(live.output()).toContain(got.slice(0, 32));
  expect(await within(40, () => /10\.9\.0\.0\/24 .*via 10\.0\.12\.1/.test(live.output()))).toBe(true);
  expect(live.output()).toMatch(/Full\/(DR|Backup)/);
  expect(live.output()).toContain("3 packets transmitted, 3 received");
}

itNeeds(haveNamespaces && haveFrr && haveProgram("curl"))(
  "a real ospfd of FRR is Full with a simulated router, and both sides install routes",
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const { w, live } = joined();
    const frr = new FrrPeer(w, "b");
    const running = live();
    await frr.start(
      "ospfd",
      `interface vx0\n${HELLO}interface br9\n ip ospf area 0\n ip ospf passive\nrouter ospf\n ospf router-id 10.255.0.9\n`,
    );
    await crosses(w, running);
    expect(frr.show("show ip ospf neighbor")).toMatch(/10\.255\.0\.1 .*Full/);
  },
);

itNeeds(haveNamespaces && haveBird && haveProgram("curl"))(
  "a real BIRD is Full with a simulated router, and both sides install routes",
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const { w, live } = joined();
    const bird = new BirdPeer(w, "b");
    const running = live();
    await bird.start(`
router id 10.255.0.9;
protocol device { }
protocol kernel { ipv4 { export all; }; }
protocol ospf v2 {
  area 0 {
    interface "vx0" { type broadcast; hello 1; dead 4; };
    interface "br9" { stub yes; };
  };
}
`);
    await crosses(w, running);
    expect(bird.show("show ospf neighbors")).toMatch(/10\.255\.0\.1\s.*Full/);
  },
);
