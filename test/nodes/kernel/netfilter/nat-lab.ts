import { expect } from "vitest";
import type { Ipv4 } from "../../../../src/core/addr.ts";
import { formatIp } from "../../../../src/core/addr.ts";
import type { Packet } from "../../../../src/core/packet.ts";
import type { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { ConntrackEvent } from "../../../../src/nodes/kernel/netfilter/conntrack/events.ts";
import { type FlowView, type TupleView, viewFlow } from "../../../../src/nodes/kernel/netfilter/conntrack/view.ts";
import { type Netfilter, netfilter } from "../../../../src/nodes/kernel/netfilter/hooks.ts";
import type { RuleSpec, TableName } from "../../../../src/nodes/kernel/netfilter/rule.ts";
import { ICMP_ECHO, ICMP_ECHOREPLY, message } from "../../../../src/protocols/icmp/wire.ts";
import { isFragment } from "../../../../src/protocols/ipv4/wire.ts";
import { encodeOptions, type TcpOption } from "../../../../src/protocols/tcp/option-values.ts";
import * as tcp from "../../../../src/protocols/tcp/wire.ts";
import * as udp from "../../../../src/protocols/udp/wire.ts";
import { device, encodeMessage, ip, Lab, must, route, type Seen, send, watch } from "../../../harness/kernels.ts";

/** What every test of translation plays on: two hosts inside, a router, two hosts outside, as in the measurements of Linux. */
export interface NatLab {
  readonly lab: Lab;
  readonly h1: Kernel;
  readonly h2: Kernel;
  readonly r: Kernel;
  readonly o1: Kernel;
  readonly o2: Kernel;
  readonly nf: Netfilter;
}

export const EXT = "203.0.113.1";
export const H1 = "192.168.1.11";
export const H2 = "192.168.1.12";
export const O1 = "203.0.113.10";
export const O2 = "203.0.113.11";

/** `rules` are appended to their chains: `nat POSTROUTING` and so on. */
export function natLab(rules: readonly (readonly [string, RuleSpec])[] = [], seed = 1): NatLab {
  const lab = new Lab(seed);
  const [h1, h2, r, o1, o2] = [lab.host("h1"), lab.host("h2"), lab.router("r"), lab.host("o1"), lab.host("o2")];
  lab.hub([h1, `eth0 ${H1}/24`], [h2, `eth0 ${H2}/24`], [r, "eth0 192.168.1.1/24"]);
  lab.hub([r, `eth1 ${EXT}/24`], [o1, `eth0 ${O1}/24`], [o2, `eth0 ${O2}/24`]);
  for (const h of [h1, h2]) route(h, "0.0.0.0/0", "192.168.1.1");
  for (const k of [h1, h2, r, o1, o2])
    for (const dev of k.devices()) dev.addTap({ frame: (d, p) => checkTransport(p, d.headerLength) });
  const nf = netfilter(r);
  for (const [place, spec] of rules) add(nf, place, spec);
  return { lab, h1, h2, r, o1, o2, nf };
}

/** Appends a rule; `place` is table and chain. */
export function add(nf: Netfilter, place: string, spec: RuleSpec): void {
  const [table, chain] = place.split(" ") as [TableName, string];
  must(nf.table(table).append(chain, spec));
}

export const masquerade: readonly [string, RuleSpec] = [
  "nat POSTROUTING",
  { out: { name: "eth1" }, target: { kind: "MASQUERADE" } },
];
export const address = (text: string): { address: Ipv4; mask: Ipv4 } => ({ address: ip(text), mask: 0xffffffff });
/** `--to-destination address:port` for one protocol. */
export const dnat = (protocol: number, port: number, to: string, toPort: number): readonly [string, RuleSpec] => [
  "nat PREROUTING",
  {
    in: { name: "eth1" },
    protocol: { number: protocol },
    matches: [{ kind: protocol === 6 ? "tcp" : "udp", dport: { low: port, high: port } }],
    target: { kind: "DNAT", range: { minAddress: ip(to), minPort: toPort } },
  },
];

// --- sending -------------------------------------------------------------------------------------------------------

export interface TcpFields {
  readonly flags: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly options?: readonly TcpOption[];
  readonly payload?: Uint8Array;
  readonly ttl?: number;
}

/** Sends a TCP segment from a raw socket. */
export function sendTcp(kernel: Kernel, sport: number, to: string, dport: number, f: TcpFields): void {
  const options = encodeOptions(f.options ?? []);
  const payload = f.payload ?? new Uint8Array(0);
  const header = 20 + options.length;
  const b = new Uint8Array(header + payload.length);
  tcp.writeHeader(b, 0, sport, dport, f.seq ?? 0, f.ack ?? 0, header, f.flags, f.window ?? 65_535);
  b.set(options, 20);
  b.set(payload, header);
  tcp.seal(b, 0, b.length, sourceOf(kernel, to), ip(to));
  send(kernel, 6, to, b, f.ttl === undefined ? {} : { ttl: f.ttl });
}

/** Sends a UDP datagram from a raw socket, so that any port can be used without a socket being bound. */
export function sendUdp(
  kernel: Kernel,
  sport: number,
  to: string,
  dport: number,
  payload: string | Uint8Array = "hello",
  ttl?: number,
): void {
  const data = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const b = new Uint8Array(8 + data.length);
  udp.writeHeader(b, 0, sport, dport, b.length);
  b.set(data, 8);
  udp.seal(b, 0, b.length, sourceOf(kernel, to), ip(to));
  send(kernel, 17, to, b, ttl === undefined ? {} : { ttl });
}

/** Sends an echo request with an identifier of one's choice. */
export function sendEcho(kernel: Kernel, to: string, id: number, seq = 1, type = ICMP_ECHO): void {
  const m = message(
    type,
    0,
    ((id << 16) | seq) >>> 0,
    Uint8Array.from({ length: 16 }, (_, i) => i),
  );
  send(kernel, 1, to, encodeMessage(m));
}
export const ECHO_REPLY = ICMP_ECHOREPLY;

const sourceOf = (kernel: Kernel, to: string): Ipv4 => kernel.ipv4.routes.output(ip(to), 0, 0, 0, 0).source;

// --- seeing --------------------------------------------------------------------------------------------------------

/** Raw sockets take what comes, so that nothing is answered: these hosts speak no TCP and no UDP of their own. */
export function swallow(kernel: Kernel): void {
  for (const protocol of [6, 17]) {
    kernel.ipv4.register(protocol, undefined);
    kernel.os.rawSocket(protocol).onReceive(() => {});
  }
}

/** What a host received, as `source:port > destination:port`, newest last; nothing is answered. */
export function listen(kernel: Kernel, ifname = "eth0"): Heard {
  swallow(kernel);
  return new Heard(watch(kernel, ifname).in, kernel);
}

export class Heard {
  readonly #all: Seen[];
  readonly #kernel: Kernel;
  constructor(all: Seen[], kernel: Kernel) {
    this.#all = all;
    this.#kernel = kernel;
  }
  /** IP packets to this host, of one protocol if told. */
  packets(protocol?: number): Seen[] {
    return this.#all.filter(
      (s) => this.#kernel.addresses.isLocal(s.ip.dst) && (protocol === undefined || s.ip.protocol === protocol),
    );
  }
  texts(protocol?: number): string[] {
    return this.packets(protocol).map(textOf);
  }
  last(protocol?: number): Seen {
    const seen = this.packets(protocol).at(-1);
    if (seen === undefined) throw new Error("nothing was heard");
    return seen;
  }
}

/** `192.168.1.11:5000 > 203.0.113.10:53`; ICMP as `a > b type/code id n`. */
export function textOf(seen: Seen): string {
  const [src, dst] = [formatIp(seen.ip.src), formatIp(seen.ip.dst)];
  if (seen.ip.protocol === 1)
    return `${src} > ${dst} ${seen.data[0]}/${seen.data[1]} id ${((seen.data[4] ?? 0) << 8) | (seen.data[5] ?? 0)}`;
  const view = new DataView(seen.data.buffer, seen.data.byteOffset);
  return `${src}:${view.getUint16(0)} > ${dst}:${view.getUint16(2)}`;
}

/** The flows of a router, as `conntrack -L` would list them. */
export const flows = (nf: Netfilter): FlowView[] =>
  [...nf.conntrack.table.slots(nf.kernel.sim.now)].map((slot) => viewFlow(nf.conntrack.table, slot, nf.kernel.sim.now));

/** A flow as conntrack prints it, without marks and use counts. */
export function flowText(flow: FlowView): string {
  const state = flow.state === undefined ? "" : `${flow.state} `;
  const unreplied = flow.unreplied ? " [UNREPLIED]" : "";
  const assured = flow.assured ? " [ASSURED]" : "";
  return `${flow.protocolName} ${flow.timeoutS} ${state}${tupleText(flow.original)}${unreplied} ${tupleText(flow.reply)}${assured}`;
}
function tupleText(t: TupleView): string {
  const numbers = Object.entries(t).filter(([key]) => key !== "src" && key !== "dst");
  return [`src=${formatIp(t.src)}`, `dst=${formatIp(t.dst)}`, ...numbers.map(([k, v]) => `${k}=${v}`)].join(" ");
}

/** Every event from now on, as `conntrack -E` prints it: `NEW udp 30 src=…`. */
export function events(nf: Netfilter): string[] {
  const lines: string[] = [];
  nf.conntrack.events.listen((e: ConntrackEvent) => lines.push(`${e.type} ${flowText(e.flow)}`));
  return lines;
}

export const dev = device;

/** TCP and UDP checksums of whole packets on a wire are right. */
export function checkTransport(p: Packet, header: number): void {
  if (header === 14 && p.view.getUint16(p.start + 12) !== 0x0800) return;
  const frame = p.buf.slice(p.start + header, p.end);
  if (frame.length < 20 || isFragment(frame, 0)) return;
  const view = new DataView(frame.buffer);
  const at = ((frame[0] as number) & 15) << 2;
  const end = view.getUint16(2);
  const [src, dst] = [view.getUint32(12), view.getUint32(16)];
  if (frame[9] === 6 && end - at >= 20) expect(tcp.verify(frame, at, end, src, dst)).toBe("good");
  if (frame[9] === 17 && end - at >= 8) expect(udp.verify(frame, at, end, src, dst)).not.toBe("bad");
}
