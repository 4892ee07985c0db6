import { z } from "zod";
import type { Net } from "../src/lab/net.ts";
import { scenario } from "../src/lab/scenario.ts";
import { bare, buildTenant, CHOSEN_SIZES, resize, type Sizes } from "../src/lab/vpc/build.ts";
import { overflowMacTable } from "../src/lab/vpc/mac-table.ts";
import { extendSubnet, HYPERVISOR, type Plan, plan, type Segment, type Tenant } from "../src/lab/vpc/plan.ts";
import { planTables } from "../src/lab/vpc/tables.ts";
import { exhaustVlans } from "../src/lab/vpc/vlan-limit.ts";

const parameters = z.object({
  tenants: z.coerce.number().int().min(1).max(20).default(2).describe("tenants, all with the same subnets"),
  vpcs: z.coerce.number().int().min(2).max(9).default(2).describe("VPCs of each tenant"),
  pings: z.coerce.number().int().min(1).max(100).default(4).describe("echo requests on each datapath"),
  hop: z.string().default("20us").describe("what crossing a veth pair takes: the document's host needs about this"),
  machines: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(24)
    .describe("machines on each hypervisor when the MAC table overflows"),
  macs: z.coerce.number().int().min(1).max(10_000).default(32).describe("addresses that the physical switch learns"),
});
type Parameters = z.infer<typeof parameters>;

const SUBNETS = [21, 31];
/** What a full-size ping carries on an Ethernet of MTU 1500. */
const FULL_SIZE = 1472;

export default scenario({
  name: "vpc-overlay",
  title: "A multi-tenant VPC overlay: VXLAN per subnet over GRE per pair of VPCs.",
  parameters,
  captures: ["ns25-a25_t1", "ns1_t1-a1_t1", "ns1_t1-gre12_t1", "ns1_t1-vx_s21_12_t1", "ns?_t1-s21_vm-ns?_t1-s21_if1"],
  story(net, p) {
    const plans = Array.from({ length: p.tenants }, (_, i) => plan(tenantOf(i + 1, p)));
    for (const each of plans) buildTenant(net, each, p.hop);
    const first = plans[0] as Plan;
    for (const table of planTables(first)) net.table(table);
    migration(net);
    datapaths(net, first, p.pings);
    isolation(net, plans);
    fullSize(net, first);
    macTable(net, p);
    vlans(net);
  },
});

const tenantOf = (id: number, p: Parameters): Tenant => {
  const vpcs = Array.from({ length: p.vpcs }, (_, i) => i + 1);
  return { id, vpcs: p.vpcs, subnets: SUBNETS.map((subnet) => ({ id: subnet, vpcs })) };
};

/** The document's second listing: tenant 3 extends subnet 10 from VPC 1 to VPC 3. */
function migration(net: Net): void {
  const before: Tenant = { id: 3, vpcs: 3, subnets: [{ id: 10, vpcs: [1] }] };
  const tables = planTables(plan(extendSubnet(before, 10, 1, 3)));
  for (const table of tables)
    net.table({ ...table, title: `${table.title}, after subnet 10 went from VPC 1 to VPC 3` });
}

/** The three datapaths by ping, the first with the capture that the document prints. */
function datapaths(net: Net, p: Plan, count: number): void {
  const at = (vpc: number, subnet: number): Segment =>
    p.segments.find((s) => s.vpc.id === vpc && s.subnet === subnet) as Segment;
  const vm = net.node(at(1, 21).machine);
  const watch = net.node(HYPERVISOR).spawn("tcpdump -i a25_t1 -nn");
  const paths = [
    { name: "same subnet, two VPCs", to: at(2, 21), ttl: 64, document: "ttl=64, VXLAN 2112 in GRE" },
    { name: "two subnets, two VPCs", to: at(2, 31), ttl: 63, document: "ttl=63, VXLAN 3112 there, 2112 back" },
    { name: "two subnets, one VPC", to: at(1, 31), ttl: 63, document: "ttl=63, the bridge routes" },
  ];
  const rows = paths.map(({ name, to, ttl, document }, i) => {
    const output = vm.exec(`ping -c ${count} ${bare(to.machineAddress)}`).output;
    net.say(`${vm.name}# ping -c ${count} ${bare(to.machineAddress)}\n${output}`);
    const seen = [...output.matchAll(/ttl=(\d+) time=([\d.]+)/g)];
    const ttls = [...new Set(seen.map((m) => Number(m[1])))];
    net.check(
      `datapath ${i + 1}: ${name}: ${count} answers with ttl ${ttl}`,
      seen.length === count && ttls.length === 1 && ttls[0] === ttl,
    );
    return [i + 1, name, ttls.join(","), document];
  });
  watch.interrupt();
  net.say(`${HYPERVISOR}# tcpdump -i a25_t1 -nn\n${watch.output}`);
  net.say(
    "The document's capture shows 21.0.0.111 as the inner source, perhaps its gateway, with bridged packets masqueraded. Here it is the machine's own 21.0.0.1.\n",
  );
  checkCapture(net, p, watch.output);
  net.table({ title: "datapaths", columns: ["path", "what", "ttl", "document"], rows });
}

/** The layers that the document's capture shows, each with its length. */
function checkCapture(net: Net, p: Plan, text: string): void {
  const gre = p.gres.find((g) => g.source.id === 1 && g.destination.id === 2) as Plan["gres"][number];
  const other = p.gres.find((g) => g.name === gre.pair) as Plan["gres"][number];
  const [near, far] = [bare(gre.address), bare(other.address)];
  const outer = (length: number): string =>
    `IP 1.1.1.1 > 2.2.1.1: GREv0, length ${length}: IP ${near}.<port> > ${far}.4789: VXLAN, flags [I] (0x08), vni 2112`;
  const plain = text.replace(/\.\d+ > ([\d.]+)\.4789/g, ".<port> > $1.4789");
  const echo = new RegExp(
    `${escapeText(outer(138))}\nIP 21\\.0\\.0\\.1 > 21\\.0\\.0\\.2: ICMP echo request, id \\d+, seq \\d+, length 64`,
  );
  net.check("the capture on a25_t1 has the document's layers: GREv0 length 138, vni 2112", echo.test(plain));
  net.check(
    "and ARP inside it, GREv0 length 82",
    plain.includes(`${outer(82)}\nARP, Request who-has 21.0.0.2 tell 21.0.0.1, length 28`),
  );
  net.check(
    "the second datapath goes out in vni 3112 and comes back in 2112",
    text.includes("vni 3112\nIP 21.0.0.1 > 31.0.0.2: ICMP echo request") &&
      text.includes("vni 2112\nIP 31.0.0.2 > 21.0.0.1: ICMP echo reply"),
  );
}

/** Text as a pattern that matches it alone. */
const escapeText = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");

/** Equal subnets, equal VNIs, equal inner GRE addresses: what a tenant sends never reaches another. */
function isolation(net: Net, plans: readonly Plan[]): void {
  const [a, b] = plans;
  if (a === undefined || b === undefined) return;
  const vms = (p: Plan) => p.segments.map((s) => net.node(s.machine));
  const received = () =>
    vms(b).reduce(
      (sum, vm) =>
        sum + vm.kernel.loopback.stats.rxPackets + [...vm.kernel.devices()].reduce((n, d) => n + d.stats.rxPackets, 0),
      0,
    );
  const before = received();
  const from = net.node((a.segments[0] as Segment).machine);
  const same = from.ping(bare((a.segments.find((s) => s.vpc.id === 2) as Segment).machineAddress));
  const across = from.exec(`ping -c 1 -W 1 ${bare((b.vpcs[0] as Plan["vpcs"][number]).address)}`);
  net.check(
    "tenant 1 reaches its own 21.0.0.2, and no frame of it shows at tenant 2's machine of the same address",
    same.received === 1 && received() === before,
  );
  net.check(
    "the hypervisor refuses to route between tenants",
    / Packet filtered|100% packet loss/.test(across.output) && across.status !== 0,
    across.output.split("\n")[1] ?? "",
  );
}

/** MTU 1500 cannot be carried by VXLAN over GRE over MTU 1500: what a full-size packet meets, and what helps. */
function fullSize(net: Net, p: Plan): void {
  const roomy: Sizes = { ...CHOSEN_SIZES, vxlan: 1500 };
  const cases: readonly (readonly [string, Sizes, "do" | "dont"])[] = [
    ["as Linux chooses for the document's commands", CHOSEN_SIZES, "do"],
    ["every interface at 1500", { ...roomy, gre: 1500 }, "dont"],
    ["GRE at 1476, which it can carry", roomy, "dont"],
    ["the same, and the packet must not be fragmented", roomy, "do"],
    ["the cure: machines at 1426", { ...CHOSEN_SIZES, machine: 1426 }, "do"],
  ];
  const rows = cases.map(([what, sizes, fragment]) => {
    resize(net, p, sizes);
    return [what, ...fullSizePing(net, p, sizes.machine, fragment)];
  });
  resize(net, p, CHOSEN_SIZES);
  net.table({
    title: "a full-size packet from VPC 1 to VPC 2",
    columns: ["interfaces", "payload", "answered", "what it met"],
    rows,
  });
  const [chosen, all, fragmented, told, cured] = rows.map(([, , answered, met]) => ({ answered, met: String(met) }));
  net.check(
    "a full-size packet is lost without a word: a black hole",
    chosen?.answered === "0 of 3" && chosen.met.includes("black hole"),
  );
  net.check(
    "with every interface at 1500 the GRE tells the VXLAN's route what it can carry, and what follows is fragmented",
    all?.met.includes("fragments") === true,
    all?.met,
  );
  net.check(
    "with the right MTU on the GRE it arrives in fragments",
    fragmented?.answered === "3 of 3" && fragmented.met.includes("fragments"),
    fragmented?.met,
  );
  net.check(
    "where it must not be fragmented its sender is told",
    told?.met.includes("Frag needed") === true,
    told?.met,
  );
  net.check(
    "with machines at 1426 nothing has to be fragmented",
    cured?.answered === "3 of 3" && !cured.met.includes("fragments"),
  );
}

/** Pings with the largest packet that the machine sends whole. Returns payload, answers, and what was seen. */
function fullSizePing(net: Net, p: Plan, mtu: number, fragment: "do" | "dont"): [number, string, string] {
  for (const name of [...p.segments.map((s) => s.machine), ...p.vpcs.map((v) => v.namespace)])
    net.node(name).sh("ip route flush cache");
  const payload = FULL_SIZE - 1500 + mtu;
  const vm = net.node("ns1_t1-s21_vm");
  const sent = (): number => net.node("ns1_t1").dev("a1_t1").stats.txPackets;
  vm.ping("21.0.0.2");
  const before = sent();
  const ping = vm.exec(`ping -c 3 -W 1 -s ${payload} -M ${fragment} 21.0.0.2`);
  const answered = / (\d+) received/.exec(ping.output)?.[1] ?? "0";
  const said = ping.output.split("\n").find((line) => /need|too long/i.test(line));
  const packets = sent() - before;
  const met =
    said ??
    (answered === "0"
      ? "silence: a black hole"
      : packets > 4
        ? `${packets} fragments on the underlay for ${answered} packets`
        : "nothing: it fits");
  return [payload, `${answered} of 3`, met];
}

/** The first problem that the document opens with, and its cure. */
function macTable(net: Net, p: Parameters): void {
  const plain = overflowMacTable(net, "plain", p.machines, p.macs, false);
  const tunnelled = overflowMacTable(net, "vxlan", p.machines, p.macs, true);
  const row = (what: string, o: typeof plain) => [what, o.learnt, o.limit, o.exchanged, o.flooded];
  net.table({
    title: `the switch's MAC table, with ${2 * p.machines} machines on two hypervisors`,
    columns: [
      "machines' frames",
      "learnt",
      "table holds",
      "unicast frames exchanged",
      "of them flooded to a third hypervisor",
    ],
    rows: [row("as they are", plain), row("in VXLAN", tunnelled)],
  });
  if (2 * p.machines > p.macs)
    net.check("a switch whose MAC table is full floods", plain.flooded > 0, `${plain.flooded} frames`);
  net.check(
    "tunnels cure it: the switch learns the hypervisors only, and floods nothing",
    tunnelled.flooded === 0 && tunnelled.learnt <= 3,
    `${tunnelled.learnt} addresses`,
  );
}

/** The second one. */
function vlans(net: Net): void {
  const more = 5000;
  const o = exhaustVlans(net, more);
  net.table({
    title: "segments on one cable",
    columns: ["by", "made", "then"],
    rows: [
      ["802.1Q", o.vlans, o.refusal],
      ["VXLAN", o.vxlans, "2^24 of them"],
    ],
  });
  net.check("4,094 VLANs exhaust a cable", o.vlans === 4094 && o.refusal !== "", o.refusal);
  net.check(`tunnels cure it: ${more} VXLAN segments beside them`, o.vxlans === more);
}
