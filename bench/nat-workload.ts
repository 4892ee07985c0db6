import { parseIp } from "../src/core/addr.ts";
import type { UdpSocket } from "../src/core/os.ts";
import { Payload } from "../src/core/payload.ts";
import { Simulation } from "../src/core/sim.ts";
import { MS, type Nanos, S } from "../src/core/time.ts";
import { Kernel } from "../src/nodes/kernel/kernel.ts";
import { viewFlow } from "../src/nodes/kernel/netfilter/conntrack/view.ts";
import { type Netfilter, netfilter } from "../src/nodes/kernel/netfilter/hooks.ts";
import type { RuleSpec } from "../src/nodes/kernel/netfilter/rule.ts";
import { HEADER, seal, writeHeader } from "../src/protocols/ipv4/wire.ts";
import * as udp from "../src/protocols/udp/wire.ts";
import { buildPath, type Chain, CountingSink, join, must, PAYLOAD_BYTES, PORT } from "./workloads.ts";

/** Connections that the datagrams of the path belong to, by turns. */
const FLOWS = 64;
/** Time from one datagram to the next. */
const INTERVAL_NS = 10_000;
const LINE = { rateBps: 10_000_000_000, delayNs: 1_000, queueFrames: 1000 };

/** Host, router, host; the router tracks, masquerades what leaves, and has `rules` rules that every packet passes; -1: it only forwards. */
export function buildNat(rules: number, packets: number, routers = 1): Chain {
  const { sim, kernels, end } = buildPath(routers, LINE);
  const router = kernels[1] as Kernel;
  if (rules >= 0) {
    const nf = netfilter(router);
    masquerade(nf);
    for (let i = 0; i < rules; i++) must(nf.table("filter").append("FORWARD", ruleNumber(i)));
  }
  const sink = new CountingSink();
  sink.listen(kernels.at(-1) as Kernel);
  const sockets = Array.from({ length: FLOWS }, (): UdpSocket => {
    const socket = (kernels[0] as Kernel).os.udpSocket();
    must(socket.connect(end, PORT));
    return socket;
  });
  const payload = new Payload(new Uint8Array(PAYLOAD_BYTES).fill(0x5a));
  let left = packets;
  const send = { label: "h1", fire: () => {} };
  send.fire = () => {
    must((sockets[left % FLOWS] as UdpSocket).send(payload));
    if (--left > 0) sim.at(sim.now + INTERVAL_NS, send);
  };
  sim.at(100 * MS, { label: "h1", fire: () => must((sockets[0] as UdpSocket).send(payload)) });
  sim.at(S, send);
  return { sim, kernels, sink, hopsPerPacket: 1 };
}

/** When so many datagrams of the path were sent. */
export const sentAt = (packets: number): Nanos => S + packets * INTERVAL_NS;

const masquerade = (nf: Netfilter): void =>
  void must(nf.table("nat").append("POSTROUTING", { out: { name: "eth1" }, target: { kind: "MASQUERADE" } }));

/** Rules as people write them, none of which fits: by source, by destination port, by both, by state. */
function ruleNumber(i: number): RuleSpec {
  const drop = { kind: "DROP" } as const;
  const source = { address: ip(`10.${100 + (i % 100)}.0.0`), mask: 0xffff0000 };
  const port = { low: 20_000 + i, high: 20_000 + i };
  switch (i % 4) {
    case 0:
      return { source, target: drop };
    case 1:
      return { protocol: { number: 17 }, matches: [{ kind: "udp", dport: port }], target: drop };
    case 2:
      return { source, protocol: { number: 6 }, matches: [{ kind: "tcp", dport: port }], target: drop };
    default:
      return { matches: [{ kind: "conntrack", state: { states: ["INVALID"] } }], source, target: drop };
  }
}

/** Flows through a masquerading router until it tracks `count` of them. Returns how many it does. */
export function trackFlows(count: number): number {
  const sim = new Simulation(1);
  const router = new Kernel(sim, "r");
  router.setForwarding(true);
  const inside = attached(sim, 0, router, "10.0.0.1");
  attached(sim, 1, router, "198.18.0.1");
  const nf = netfilter(router);
  masquerade(nf);
  nf.conntrack.set("nf_conntrack_max", 2 * count);
  nf.conntrack.set("nf_conntrack_udp_timeout", 4_000_000);
  const b = new Uint8Array(HEADER + 8 + 4);
  for (let i = 0; i < count; i++) {
    const source = ip("10.0.0.2") + (i % 200);
    const to = ip("198.18.0.2") + (Math.floor(i / 40_000) % 200);
    writeHeader(b, 0, 0, b.length, i & 0xffff, 0, 64, 17, source, to);
    seal(b, 0);
    udp.writeHeader(b, HEADER, 1024 + (Math.floor(i / 200) % 60_000), 53, 12);
    udp.seal(b, HEADER, b.length, source, to);
    const p = sim.pool.alloc(b.length);
    p.buf.set(b, p.start);
    p.iif = inside.ifindex;
    router.ipv4.receive(p, inside);
    if (i % 1000 === 0) sim.advance(sim.now + MS);
  }
  sim.advance(sim.now + S);
  viewFlow(nf.conntrack.table, 1, sim.now);
  return nf.conntrack.table.count;
}

/** A new device of the router, with hosts beyond that nobody answers for. */
function attached(sim: Simulation, number: number, router: Kernel, address: string) {
  const host = new Kernel(sim, `h${number}`);
  const [x, y] = join(sim, number, router, host, { rateBps: 0, delayNs: 0, queueFrames: 1000 });
  must(router.addresses.add(x.ifindex, { address: ip(address), length: 16 }));
  for (let i = 0; i < 200; i++) must(host.addresses.add(y.ifindex, { address: ip(address) + 1 + i, length: 16 }));
  return x;
}

const ip = (text: string): number => parseIp(text) as number;
