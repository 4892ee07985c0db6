import { afterEach, expect } from "vitest";
import { haveNamespaces, World, within } from "../harness/namespaces.ts";
import { itNeeds } from "../harness/shared.ts";
import { FrrPeer, haveFrr } from "./peers.ts";

/** Prefix segments told to a real ospfd, and by one (its kernel need not know labels: what counts is what the daemons make of each other's words). */

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

const SECONDS = 45;
const GATEWAY = "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2";
const LAB = `
name: segments
topology:
  defaults: {image: frr}
  nodes:
    r1:
      kind: linux
      binds: ["r1.conf:/etc/frr/frr.conf", "daemons:/etc/frr/daemons"]
      exec: ["sysctl -q -w net.mpls.platform_labels=100000"]
`;
const HELLO = " ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n";
const segments = (self: string, lower: number, index: number): string =>
  `router ospf\n ospf router-id ${self}\n network ${self}/32 area 0\n capability opaque\n router-info area\n segment-routing on\n` +
  ` segment-routing global-block ${lower} ${lower + 999}\n segment-routing node-msd 8\n segment-routing prefix ${self}/32 index ${index} no-php-flag\n`;

itNeeds(haveNamespaces && haveFrr)(
  "a real ospfd and a simulated one learn each other's segments",
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const w = new World();
    world = w;
    w.namespace("a");
    w.namespace("b");
    w.veth("a:v0", "b:v0", "10.9.9.1/24", "10.9.9.2/24");
    w.run("b", "ip link add vx0 type vxlan id 42 dstport 4789 remote 10.9.9.1 local 10.9.9.2 dev v0");
    w.run("b", "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up && ip addr add 10.255.0.9/32 dev lo");
    const lab = w.file("segments.clab.yml", LAB);
    w.file("daemons", "zebra=yes\nospfd=yes\n");
    const vx0 = `interface eth5\n ip address 10.2.0.1/24\n${HELLO.replaceAll(" ip ospf area 0\n", "")}`;
    const lo = "interface lo\n ip address 10.255.0.1/32\n";
    w.file("r1.conf", `${vx0}${lo}${segments("10.255.0.1", 17_000, 10)} network 10.2.0.0/24 area 0\n`);
    const shows = [
      "sleep 30",
      "r1: vtysh -c 'show ip ospf database segment-routing'",
      "r1: ip -f mpls route",
      "r1: ip route show 10.255.0.9",
    ].flatMap((e) => ["--exec", e]);
    const live = w.netloom("a", ["live", lab, "--gateway", GATEWAY, ...shows, "--for", `${SECONDS}s`]);
    const frr = new FrrPeer(w, "b");
    await frr.start(
      "ospfd",
      `interface vx0\n${HELLO.replaceAll(" ip ospf area 0\n", "")}${segments("10.255.0.9", 18_000, 90)} network 10.2.0.0/24 area 0\n`,
    );
    const ofReal = (): string => frr.show("show ip ospf database segment-routing");
    expect(await within(30, () => ofReal().includes("Swap(18010, 17010)"))).toBe(true);
    expect(ofReal()).toMatch(
      /SR-Node: 10\.255\.0\.1\s+SRGB: \[17000\/17999\]\s+SRLB: \[15000\/15999\]\s+Algo\.\(s\): SPF\s+MSD: 8/,
    );
    expect(ofReal()).toMatch(/10\.255\.0\.1\/32 +SR Pfx \(idx 10\) +Swap\(18010, 17010\) +vx0 +10\.2\.0\.1/);
    expect(await within(40, () => live.output().includes("10.255.0.9 "))).toBe(true);
    expect(live.output()).toMatch(/SR-Node: 10\.255\.0\.9\s+SRGB: \[18000\/18999\]/);
    expect(live.output()).toMatch(/10\.255\.0\.9\/32 +SR Pfx \(idx 90\) +Swap\(17090, 18090\) +eth5 +10\.2\.0\.2/);
    expect(live.output()).toContain("17090 as to 18090 via inet 10.2.0.2 dev eth5");
    expect(live.output()).toMatch(/10\.255\.0\.9 .*encap mpls +18090 .*via 10\.2\.0\.2/);
  },
);
