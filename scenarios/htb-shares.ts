import { z } from "zod";
import type { Net } from "../src/lab/net.ts";
import type { LabNode } from "../src/lab/node.ts";
import { scenario } from "../src/lab/scenario.ts";
import { UdpFlow, UdpMeter } from "../src/lab/udp-flow.ts";

const parameters = z.object({
  seconds: z.coerce.number().int().min(15).max(120).default(20).describe("how long each case runs"),
  load: z.string().default("20mbit").describe("what each sender offers"),
});
type Parameters = z.infer<typeof parameters>;

/** The classes, and what each holds of the sum of their rates. */
const CLASSES = [
  { id: "1:10", options: "rate 6mbit ceil 10mbit prio 0" },
  { id: "1:20", options: "rate 3mbit ceil 10mbit prio 1" },
  { id: "1:30", options: "rate 1mbit ceil 10mbit prio 2" },
] as const;

/** Linux 6.18: Mbit/s at layer 2, and the standing delay in seconds where it was measured. */
interface Reference {
  readonly mbit: number;
  readonly delayS?: number;
}
interface Case {
  readonly name: string;
  readonly local: boolean;
  /** By class; undefined: it sends nothing. */
  readonly linux: readonly (Reference | undefined)[];
}
const CASES: readonly Case[] = [
  {
    name: "forwarded, all three",
    local: false,
    linux: [
      { mbit: 5.999, delayS: 2.02 },
      { mbit: 3.001, delayS: 4.04 },
      { mbit: 1.0, delayS: 12.1 },
    ],
  },
  { name: "forwarded, 1:20 and 1:30", local: false, linux: [undefined, { mbit: 8.98 }, { mbit: 1.0, delayS: 12.1 }] },
  { name: "forwarded, 1:30", local: false, linux: [undefined, undefined, { mbit: 9.997, delayS: 1.21 }] },
  {
    name: "local, all three",
    local: true,
    linux: [
      { mbit: 6.001, delayS: 0.186 },
      { mbit: 3.001, delayS: 0.375 },
      { mbit: 1.0, delayS: 1.126 },
    ],
  },
  { name: "local, 1:20 and 1:30", local: true, linux: [undefined, { mbit: 9.002 }, { mbit: 1.0, delayS: 1.126 }] },
  { name: "local, 1:30", local: true, linux: [undefined, undefined, { mbit: 9.996 }] },
];

/** `tc -d class show` of Linux with the commands below: what it chose where nothing was said. */
const DEFAULTS = `class htb 1:1 root rate 10Mbit ceil 10Mbit linklayer ethernet burst 1600b/1 mpu 0b cburst 1600b/1 mpu 0b level 7
class htb 1:10 parent 1:1 prio 0 quantum 75000 rate 6Mbit ceil 10Mbit linklayer ethernet burst 1599b/1 mpu 0b cburst 1600b/1 mpu 0b level 0
class htb 1:20 parent 1:1 prio 1 quantum 37500 rate 3Mbit ceil 10Mbit linklayer ethernet burst 1599b/1 mpu 0b cburst 1600b/1 mpu 0b level 0
class htb 1:30 parent 1:1 prio 2 quantum 12500 rate 1Mbit ceil 10Mbit linklayer ethernet burst 1600b/1 mpu 0b cburst 1600b/1 mpu 0b level 0`;

/** Full-size datagrams. */
const PAYLOAD_BYTES = 1472;
const OUT = "r-eth1";
const TOLERANCE = 0.03;
/** When measuring begins. A queue of 1,000 packets needs 12.1 s to pass at 1 Mbit/s. */
const SETTLED_S = 2;
const QUEUE_PASSED_S = 13;

export default scenario({
  name: "htb-shares",
  title: "HTB divides a line as Linux does: shares, standing delays and defaults beside measured ones.",
  parameters,
  captures: ["h0-*"],
  story(net, p) {
    const [r, senders, d] = build(net);
    const rows = CASES.flatMap((c) => run(net, p, c, r, senders, d));
    net.table({
      title: "HTB beside Linux 6.18",
      columns: ["case", "class", "Mbit/s", "Linux", "delay s", "Linux"],
      rows,
    });
    pingThroughFullClass(net, p, r, senders);
  },
});

/** h0 to h3 — s1 — r — d; what r sends to d is queued. r has an address for each class of its own packets. */
function build(net: Net): [LabNode, readonly LabNode[], LabNode] {
  const [s1, r, d] = [net.switch("s1"), net.router("r"), net.host("d")];
  const senders = [0, 1, 2, 3].map((i) => {
    const h = net.host(`h${i}`);
    net.link(h, s1, { ip: `10.0.1.${i + 1}/24` });
    return h;
  });
  net.link(r, s1, { ip: "10.0.1.254/24" });
  net.link(r, d, { ip: "10.0.2.254/24", peerIp: "10.0.2.1/24" });
  for (const i of [1, 2, 3]) r.addAddress(OUT, `10.0.2.${10 * i}/24`);
  for (const h of senders) h.sh("ip route add default via 10.0.1.254");
  d.sh("ip route add default via 10.0.2.254");
  for (const h of [...senders, r]) h.ping("10.0.2.1");
  return [r, senders, d];
}

/** The classes, and filters by source: h1 and 10.0.2.10 are 1:10, and so on. */
function queue(r: LabNode): void {
  r.sh(`tc qdisc add dev ${OUT} root handle 1: htb`);
  r.sh(`tc class add dev ${OUT} parent 1: classid 1:1 htb rate 10mbit`);
  for (const [i, { id, options }] of CLASSES.entries()) {
    r.sh(`tc class add dev ${OUT} parent 1:1 classid ${id} htb ${options}`);
    for (const source of [`10.0.1.${i + 2}`, `10.0.2.${10 * (i + 1)}`])
      r.sh(`tc filter add dev ${OUT} parent 1: protocol ip prio 1 u32 match ip src ${source}/32 flowid ${id}`);
  }
}

function run(net: Net, p: Parameters, c: Case, r: LabNode, senders: readonly LabNode[], d: LabNode): Row[] {
  queue(r);
  if (c === CASES[0]) defaults(net, r);
  const began = net.now;
  const active = CLASSES.flatMap(({ id }, i) => {
    const linux = c.linux[i];
    if (linux === undefined) return [];
    const port = 5000 + CASES.indexOf(c) * 10 + i;
    const from = c.local ? r : (senders[i + 1] as LabNode);
    const pace = { rate: p.load, ...(c.local ? { source: `10.0.2.${10 * (i + 1)}` } : {}) };
    const meter = new UdpMeter(net, d, port);
    return [
      { id, linux, meter, flow: new UdpFlow(net, from, { to: "d", port, payloadBytes: PAYLOAD_BYTES, ...pace }) },
    ];
  });
  net.run(p.seconds);
  const rows = active.map(({ id, linux, meter, flow }) => {
    flow.stop();
    const { mbit } = meter.between(began + SETTLED_S * 1e9, net.now);
    const delayS = meter.between(began + QUEUE_PASSED_S * 1e9, net.now).delayS;
    compare(net, `${c.name}: ${id} gets what Linux gives it`, mbit, linux.mbit, "Mbit/s");
    if (linux.delayS !== undefined) compare(net, `${c.name}: ${id} waits as long`, delayS, linux.delayS, "s");
    return [c.name, id, mbit.toFixed(3), linux.mbit.toFixed(3), delayS.toFixed(3), linux.delayS?.toString() ?? ""];
  });
  if (c === CASES[0]) net.say(`r# tc -s -d class show dev ${OUT}\n${r.sh(`tc -s -d class show dev ${OUT}`)}`);
  r.sh(`tc qdisc del dev ${OUT} root`);
  net.run("1s");
  return rows;
}
type Row = readonly (string | number)[];

function compare(net: Net, what: string, ours: number, linux: number, unit: string): void {
  const off = (ours / linux - 1) * 100;
  net.check(what, Math.abs(off) <= 100 * TOLERANCE, `${ours.toFixed(3)} ${unit}, Linux ${linux}: ${off.toFixed(1)} %`);
}

function defaults(net: Net, r: LabNode): void {
  const shown = r.sh(`tc -d class show dev ${OUT}`).replace(/ +$/gm, "").trim().split("\n").sort().join("\n");
  net.check("bursts, quanta and levels that nobody chose are printed as Linux prints them", shown === DEFAULTS, shown);
}

/** h0 pings through the class that h1 fills. */
function pingThroughFullClass(net: Net, p: Parameters, r: LabNode, senders: readonly LabNode[]): void {
  queue(r);
  r.sh(`tc filter add dev ${OUT} parent 1: protocol ip prio 1 u32 match ip src 10.0.1.1/32 flowid 1:10`);
  const [h0, h1] = senders as [LabNode, LabNode];
  const flow = new UdpFlow(net, h1, { to: "d", port: 9, payloadBytes: PAYLOAD_BYTES, rate: p.load });
  net.run("3s");
  const ping = h0.exec("ping -c 40 -i 0.1 -W 3 10.0.2.1");
  flow.stop();
  r.sh(`tc qdisc del dev ${OUT} root`);
  net.say(`h0# ping -c 40 -i 0.1 10.0.2.1\n${ping.output}`);
  const times = [...ping.output.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]));
  const inTime = times.every((ms) => ms > 1150 && ms < 1250);
  net.check(
    "a ping through a full class of 10 Mbit waits behind 1,000 packets, or is lost",
    times.length > 0 && inTime,
    `${times.length} of 40 answered, after ${Math.round(times[0] ?? 0)} ms`,
  );
}
