import { afterEach, expect } from "vitest";
import { haveNamespaces, type Started, World, within } from "../harness/namespaces.ts";
import { itNeeds } from "../harness/shared.ts";
import { BirdPeer, FrrPeer, haveBird, haveFrr } from "./peers.ts";

/** A real bgpd and a real BIRD exchange a thousand prefixes with a simulated speaker, both ways, withdraw them, and survive a reset. */

let world: World | undefined;
afterEach(async () => {
  await world?.end();
  world = undefined;
});

const PREFIXES = 1000;
const SECONDS = 80;
const GATEWAY = "r1:eth5=vxlan:42@10.9.9.1,10.9.9.2";

const LAB = `
name: speakers
topology:
  defaults: {image: frr}
  nodes:
    r1:
      kind: linux
      binds: ["r1.conf:/etc/frr/frr.conf", "daemons:/etc/frr/daemons"]
    r2:
      kind: linux
      binds: ["r2.conf:/etc/frr/frr.conf", "daemons:/etc/frr/daemons"]
  links:
    - endpoints: ["r1:eth1", "r2:eth1"]
`;

const numbered = (first: number, text: (prefix: string) => string): string =>
  Array.from({ length: PREFIXES }, (_, i) => text(`${first}.${i >> 8}.${i & 255}.0/24`)).join("");

const R1 = `
interface eth1
 ip address 10.0.12.1/24
interface eth5
 ip address 10.2.0.1/24
router bgp 65001
 bgp router-id 10.255.0.1
 no bgp ebgp-requires-policy
 neighbor 10.0.12.2 remote-as 65002
 neighbor 10.2.0.2 remote-as 65009
`;
/** What r2 announces comes from static routes, so that one line withdraws all. */
const R2 = `
${numbered(20, (prefix) => `ip route ${prefix} blackhole\n`)}
interface eth1
 ip address 10.0.12.2/24
router bgp 65002
 bgp router-id 10.255.0.2
 no bgp ebgp-requires-policy
 neighbor 10.0.12.1 remote-as 65001
 address-family ipv4 unicast
  redistribute static
 exit-address-family
`;

function joined(): { w: World; live: () => Started } {
  const w = new World();
  world = w;
  w.namespace("a");
  w.namespace("b");
  w.veth("a:v0", "b:v0", "10.9.9.1/24", "10.9.9.2/24");
  w.run("b", "ip link add vx0 type vxlan id 42 dstport 4789 remote 10.9.9.1 local 10.9.9.2 dev v0");
  w.run("b", "ip addr add 10.2.0.2/24 dev vx0 && ip link set vx0 mtu 1500 up");
  const lab = w.file("speakers.clab.yml", LAB);
  w.file("daemons", "zebra=yes\nbgpd=yes\n");
  w.file("r1.conf", R1);
  w.file("r2.conf", R2);
  const execs = [
    "sleep 16",
    "r2: ip route show proto bgp",
    "r2: echo that was before",
    "r1: vtysh -c 'clear ip bgp 10.2.0.2'",
    "sleep 12",
    "r2: ip route show proto bgp",
    "r2: echo that was after",
    "r2: vtysh -c 'configure terminal' -c 'router bgp 65002' -c 'no redistribute static'",
  ].flatMap((e) => ["--exec", e]);
  return { w, live: () => w.netloom("a", ["live", lab, "--gateway", GATEWAY, ...execs, "--for", `${SECONDS}s`]) };
}

const count = (w: World): number => Number(w.attempt("b", "ip route show root 20.0.0.0/8 | wc -l") ?? 0);

/** How many routes to the peer's prefixes r2 has shown so far; undefined: `mark` was not said yet. */
const shown = (live: Started, mark: string): number | undefined => {
  const [before, after] = live.output().split(`that was ${mark}\n`);
  return after === undefined ? undefined : (before?.match(/^30\.\d+\.\d+\.0\/24 via 10\.0\.12\.1 /gm)?.length ?? 0);
};

async function exchange(w: World, live: Started): Promise<void> {
  expect(await within(28, () => count(w) === PREFIXES)).toBe(true);
  await within(40, () => shown(live, "before") !== undefined);
  expect(shown(live, "before")).toBe(PREFIXES);
  await within(40, () => shown(live, "after") !== undefined);
  expect(shown(live, "after")).toBe(2 * PREFIXES);
  expect(await within(20, () => count(w) === 0)).toBe(true);
}

itNeeds(haveNamespaces && haveFrr)(
  "a real bgpd of FRR: a thousand prefixes both ways, a reset, a withdrawal",
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const { w, live } = joined();
    const running = live();
    await new FrrPeer(w, "b").start(
      "bgpd",
      `router bgp 65009
 bgp router-id 10.255.0.9
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.2.0.1 remote-as 65001
 neighbor 10.2.0.1 timers connect 2
 address-family ipv4 unicast
${numbered(30, (prefix) => `  network ${prefix}\n`)} exit-address-family
`,
    );
    await exchange(w, running);
  },
);

itNeeds(haveNamespaces && haveBird)(
  "a real BIRD: a thousand prefixes both ways, a reset, a withdrawal",
  { timeout: (SECONDS + 60) * 1000 },
  async () => {
    const { w, live } = joined();
    const running = live();
    await new BirdPeer(w, "b").start(`
router id 10.255.0.9;
protocol device { }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol static { ipv4;
${numbered(30, (prefix) => `  route ${prefix} blackhole;\n`)}}
protocol bgp {
  local 10.2.0.2 as 65009;
  neighbor 10.2.0.1 as 65001;
  connect retry time 2;
  error wait time 1, 5;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`);
    await exchange(w, running);
  },
);
