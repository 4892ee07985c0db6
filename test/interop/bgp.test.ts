import { eventually, itLive, joinPeer, type LiveLab, PEER, runLive } from "../harness/live-lab.ts";
import type { Started, World } from "../harness/namespaces.ts";
import { haveBird, haveFrr, type Show, startBird, startFrr } from "../harness/routing-peers.ts";

/** A real bgpd and a real BIRD exchange a thousand prefixes with a simulated speaker, both ways, withdraw them, and survive a reset. */

const PREFIXES = 1000;
const SECONDS = 80;

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
const LAB: LiveLab = {
  daemons: ["zebra", "bgpd"],
  nodes: { r1: { frr: R1 }, r2: { frr: R2 } },
  cables: [["r1:eth1", "r2:eth1"]],
};
const EXEC = [
  "sleep 16",
  "r2: ip route show proto bgp",
  "r2: echo that was before",
  "r1: vtysh -c 'clear ip bgp 10.2.0.2'",
  "sleep 12",
  "r2: ip route show proto bgp",
  "r2: echo that was after",
  "r2: vtysh -c 'configure terminal' -c 'router bgp 65002' -c 'no redistribute static'",
];

/** How many routes to the peer's prefixes r2 has shown so far; undefined: `mark` was not said yet. */
const shown = (live: Started, mark: string): number | undefined => {
  const [before, after] = live.output().split(`that was ${mark}\n`);
  return after === undefined ? undefined : (before?.match(/^30\.\d+\.\d+\.0\/24 via 10\.0\.12\.1 /gm)?.length ?? 0);
};

/** What any peer must do: it has r2's prefixes until they are withdrawn, and r2 has the peer's before a reset and after it. */
async function exchanges(w: World, start: () => Promise<Show>): Promise<void> {
  joinPeer(w);
  const live = runLive(w, LAB, { exec: EXEC, seconds: SECONDS });
  await start();
  const installed = (): number => Number(w.attempt(PEER, "ip route show root 20.0.0.0/8 | wc -l") ?? 0);
  await eventually(28, installed).toBe(PREFIXES);
  await eventually(40, () => shown(live, "before")).toBe(PREFIXES);
  await eventually(40, () => shown(live, "after")).toBe(2 * PREFIXES);
  await eventually(20, installed).toBe(0);
}

const FRR = `router bgp 65009
 bgp router-id 10.255.0.9
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.2.0.1 remote-as 65001
 neighbor 10.2.0.1 timers connect 2
 address-family ipv4 unicast
${numbered(30, (prefix) => `  network ${prefix}\n`)} exit-address-family
`;
itLive(
  haveFrr,
  "a real bgpd of FRR: a thousand prefixes both ways, a reset, a withdrawal",
  SECONDS + 60,
  async (w) => await exchanges(w, () => startFrr(w, PEER, "bgpd", FRR)),
);

const BIRD = `
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
`;
itLive(
  haveBird,
  "a real BIRD: a thousand prefixes both ways, a reset, a withdrawal",
  SECONDS + 60,
  async (w) => await exchanges(w, () => startBird(w, PEER, BIRD)),
);
