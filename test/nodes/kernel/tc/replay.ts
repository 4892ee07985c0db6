import { readFileSync } from "node:fs";
import { join } from "node:path";
import { S } from "../../../../src/core/time.ts";
import { Net } from "../../../../src/lab/net.ts";
import type { LabNode } from "../../../../src/lab/node.ts";
import { UdpFlow, UdpMeter } from "../../../../src/lab/udp-flow.ts";

/** A flow of a recorded case; see `golden/record-htb.py`. Times in seconds, rates in bits of layer 2 per second. */
export interface Flow {
  readonly port: number;
  readonly bytes: number;
  readonly class?: string;
  readonly rate?: number;
  readonly local?: boolean;
  readonly from?: number;
  readonly until?: number;
  readonly tos?: number;
}
export interface Counters {
  readonly bytes: number;
  readonly packets: number;
  readonly drops: number;
  readonly overlimits: number;
  readonly backlog_packets: number;
  readonly lended?: number;
  readonly borrowed?: number;
  readonly tokens?: number;
  readonly ctokens?: number;
}
export interface Look {
  readonly at: number;
  readonly class: Readonly<Record<string, Counters>>;
  readonly qdisc: Readonly<Record<string, Counters>>;
}
export interface Heard {
  readonly bps: number;
  readonly delay_ms: number | null;
}
export interface Measured {
  readonly printed: { readonly class: string; readonly qdisc: string };
  /** For each window, by port. */
  readonly windows: readonly Readonly<Record<string, Heard>>[];
  readonly counters: readonly Look[];
}
export interface Case {
  readonly name: string;
  readonly seconds: number;
  readonly tc: readonly string[];
  readonly flows: readonly Flow[];
  readonly at?: readonly (readonly [number, string])[];
  readonly windows?: readonly (readonly [number, number])[];
  /** How often it was played; more than once where chance decides. */
  readonly runs?: number;
  readonly measured: readonly Measured[];
}

/** What a real kernel did in every case. */
export const recorded: readonly Case[] = (
  JSON.parse(readFileSync(join(import.meta.dirname, "golden/htb-recorded.json"), "utf8")) as { cases: Case[] }
).cases;

/** s — r — d, as the recorder builds them: the device `out` of r leads to d. */
export function lab(seed = 1): { net: Net; s: LabNode; r: LabNode; d: LabNode } {
  const net = new Net(seed);
  const [s, r, d] = [net.host("s"), net.router("r"), net.host("d")];
  net.link(s, r, { name: "eth0", ip: "10.0.1.1/24", peerName: "in", peerIp: "10.0.1.254/24" });
  net.link(r, d, { name: "out", ip: "10.0.2.254/24", peerName: "eth0", peerIp: "10.0.2.1/24" });
  s.sh("ip route add default via 10.0.1.254");
  d.sh("ip route add default via 10.0.2.254");
  s.ping("10.0.2.1");
  return { net, s, r, d };
}

export const filterOf = ({ port, class: id = "" }: Flow): string =>
  `filter add dev out parent ${id.split(":")[0]}: protocol ip prio 1 u32 match ip dport ${port} 0xffff flowid ${id}`;

/** Plays a case here, and measures what the recorder measures. Runs differ by when the flows begin. */
export function play(
  { seconds, tc, flows, at = [], windows = [[2, seconds]] }: Omit<Case, "measured">,
  run = 0,
): Measured {
  const { net, s, r, d } = lab();
  for (const line of tc) r.sh(`tc ${line}`);
  for (const flow of flows) if (flow.class !== undefined) r.sh(`tc ${filterOf(flow)}`);
  const printed = { class: r.sh("tc -d class show dev out"), qdisc: r.sh("tc -d qdisc show dev out") };
  const t0 = net.now + 0.4 * S;
  const meters = flows.map(({ port }) => new UdpMeter(net, d, port));
  for (const [i, flow] of flows.entries()) {
    const offset = 1000 * i + 100_000 * ((run * 7 + i * 3 * run) % 11);
    start(net, flow.local === true ? r : s, flow, t0 + offset, seconds);
  }
  const looks: Look[] = [];
  const todo = [...at, ...windows.flat().map((t) => [t, ""] as const)].sort((a, b) => a[0] - b[0]);
  for (const [when, line] of todo) {
    net.runTo(t0 + Math.round(when * S));
    if (line !== "") r.sh(`tc ${line}`);
    else looks.push({ at: when, class: countersOf(r, "class"), qdisc: countersOf(r, "qdisc") });
  }
  const heard = windows.map(([a, b]) =>
    Object.fromEntries(
      flows.map(({ port }, i) => {
        const m = (meters[i] as UdpMeter).between(t0 + a * S, t0 + b * S);
        return [port, { bps: m.mbit * 1e6, delay_ms: m.packets === 0 ? null : m.delayS * 1000 }];
      }),
    ),
  );
  return { printed, windows: heard, counters: looks };
}

function start(net: Net, node: LabNode, flow: Flow, t0: number, seconds: number): UdpFlow {
  return new UdpFlow(net, node, {
    to: "10.0.2.1",
    port: flow.port,
    payloadBytes: flow.bytes,
    startsAt: t0 + Math.round((flow.from ?? 0) * S),
    endsAt: t0 + Math.round((flow.until ?? seconds) * S),
    ...(flow.rate === undefined ? {} : { rate: flow.rate }),
    ...(flow.tos === undefined ? {} : { tos: flow.tos }),
  });
}

/** The counters that `tc -s -d … show` prints, by class or qdisc. */
export function countersOf(node: LabNode, what: "class" | "qdisc"): Record<string, Counters> {
  const found: Record<string, Counters> = {};
  for (const block of node
    .sh(`tc -s -d ${what} show dev out`)
    .trim()
    .split(/\n(?=class |qdisc )/)) {
    const name = /^(?:class|qdisc) \w+ (\S+)/.exec(block)?.[1];
    const sent = numbers(block, /Sent (\d+) bytes (\d+) pkt \(dropped (\d+), overlimits (\d+)/);
    if (name === undefined || sent === undefined) continue;
    const [bytes = 0, packets = 0, drops = 0, overlimits = 0] = sent;
    const loans = numbers(block, /lended: (\d+) borrowed: (\d+)/);
    const tokens = numbers(block, /tokens: (-?\d+) ctokens: (-?\d+)/);
    found[name] = {
      ...{ bytes, packets, drops, overlimits, backlog_packets: numbers(block, /backlog \S+ (\d+)p/)?.[0] ?? -1 },
      ...(loans && { lended: loans[0] as number, borrowed: loans[1] as number }),
      ...(tokens && { tokens: tokens[0] as number, ctokens: tokens[1] as number }),
    };
  }
  return found;
}
const numbers = (text: string, pattern: RegExp): number[] | undefined => pattern.exec(text)?.slice(1).map(Number);
