import { formatIp, type Ipv4 } from "../core/addr.ts";
import { fold16, pseudoHeader, sum16 } from "../core/checksum.ts";
import { type Outcome, strerror } from "../core/errno.ts";
import type { SendOptions } from "../core/os.ts";
import type { Packet } from "../core/packet.ts";
import { S } from "../core/time.ts";
import { type Step, type StepKind, type Trail, Watch } from "../core/trail.ts";
import type { Dst } from "../nodes/kernel/ipv4/dst.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import type { NetDevice, Tap } from "../nodes/kernel/netdev.ts";
import { RawSock } from "../nodes/kernel/raw.ts";
import { routeText, sawReceive, sawTransmit } from "../nodes/kernel/saw.ts";
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  HEADER as ICMP_HEADER,
  ICMP_PARAMETERPROB,
  ICMP_TIME_EXCEEDED,
  seal,
  writeHeader as writeIcmp,
} from "../protocols/icmp/wire.ts";
import { IPPROTO_ICMP, IPPROTO_UDP, protocol as protocolOf } from "../protocols/ipv4/wire.ts";
import { HEADER as UDP_HEADER, writeHeader as writeUdp } from "../protocols/udp/wire.ts";
import type { Net } from "./net.ts";
import { type Duration, duration } from "./quantities.ts";

/** What is sent. */
export interface WhyOptions {
  /** A UDP datagram to this port instead of an ICMP echo request. */
  readonly udpPort?: number;
  /** Octets of data; 56 unless told. */
  readonly sizeBytes?: number;
  readonly ttl?: number;
  /** Sets DF, and refuses what does not fit; otherwise the kernel decides. */
  readonly dontFragment?: boolean;
  /** How long an answer is waited for; 5 s unless told. */
  readonly within?: Duration;
}

/** One thing that happened on the way. */
export interface ExplainedStep {
  /** Simulated seconds since the packet was sent. */
  readonly after_s: number;
  /** Counts nodes on the way, from 1. */
  readonly hop: number;
  readonly node: string;
  readonly device: string;
  readonly kind: StepKind;
  readonly text: string;
}

/** What became of a packet, and why. */
export interface Explanation {
  readonly node: string;
  readonly destination: string;
  /** What was sent: `ICMP echo request, 56 bytes`. */
  readonly probe: string;
  /** `delivered`: an answer came back, or a UDP socket took it. `dropped`: it, or its answer, ended somewhere. */
  readonly verdict: "delivered" | "dropped" | "unanswered";
  readonly reason: string;
  /** The way of the packet and of its answer. */
  readonly steps: readonly ExplainedStep[];
  /** How copies ended that went elsewhere. */
  readonly elsewhere: readonly string[];
}

const SIZE_DEFAULT = 56;
const WITHIN_DEFAULT: Duration = "5s";
const SOURCE_PORT = 33_434;
const ELSEWHERE_MAX = 10;
const FILL = 0x6e;

/**
 * Sends a packet through the network and lets the data path tell what it does with it, and with the answer. Time moves until
 * the last of them has ended, at most `within`: the traffic is real, and so is what the nodes learn from it.
 */
export function explain(net: Net, nodeName: string, destination: string, options: WhyOptions = {}): Explanation {
  const { kernel } = net.node(nodeName);
  const to = net.address(destination);
  const watch = new Watch();
  const run: Run = { origin: kernel, watch, sentAt: net.now, answered: null, told: null, reached: "" };
  watch.onDeliver = (node, p) => delivered(run, node, p, options.udpPort !== undefined, () => net.sim.halt());
  watch.onQuiet = () => net.sim.halt();
  const taps = [...net.nodes.values()].map((node) => tapAll(node.kernel));
  const sent = send(run, to, options);
  const last = Math.min(net.now + duration(options.within ?? WITHIN_DEFAULT), net.endsAt);
  while (sent.ok && run.answered === null && watch.alive > 0 && net.now < last) net.sim.advance(last);
  for (const untap of taps) untap();
  const verdict = sent.ok ? judge(run, options) : refusal(run, to, sent);
  const trail = verdict.trail;
  const path = trail === null ? watch.steps : pathOf(watch, trail);
  return {
    node: nodeName,
    destination: formatIp(to),
    probe: probeText(options),
    verdict: verdict.verdict,
    reason: verdict.reason,
    steps: numbered(path, run.sentAt),
    elsewhere: elsewhere(watch, path),
  };
}

/** What is known of a packet that was sent. */
interface Run {
  readonly origin: Kernel;
  readonly watch: Watch;
  readonly sentAt: number;
  /** The trail on which the answer came home. */
  answered: Trail | null;
  /** The trail of an ICMP error that came home. */
  told: Trail | null;
  /** The node that took the packet. */
  reached: string;
}
interface Verdict {
  readonly verdict: Explanation["verdict"];
  readonly reason: string;
  readonly trail: Trail | null;
}

/** A raw socket that only sends, and whose packets are followed. */
class ProbeSocket extends RawSock {
  readonly #watch: Watch;

  constructor(kernel: Kernel, protocol: number, watch: Watch) {
    super(kernel, kernel.raw, protocol);
    this.#watch = watch;
  }

  protected override emit(p: Packet, d: Dst, protocol: number, to: Ipv4, flags: number, extra?: SendOptions): void {
    this.#watch.follow(p);
    super.emit(p, d, protocol, to, flags, extra);
  }
}

function send({ origin, watch }: Run, to: Ipv4, o: WhyOptions): Outcome {
  const extra: SendOptions = {
    broadcast: true,
    ...(o.ttl === undefined ? {} : { ttl: o.ttl, multicastTtl: o.ttl }),
    ...(o.dontFragment === undefined ? {} : { pathMtuDiscovery: o.dontFragment ? "do" : "dont" }),
  };
  const size = o.sizeBytes ?? SIZE_DEFAULT;
  if (o.udpPort === undefined) {
    return new ProbeSocket(origin, IPPROTO_ICMP, watch).sendTo(echoRequest(size), to, extra);
  }
  const route = origin.os.route.lookup(to);
  if (!route.ok) return route;
  const datagram = udpDatagram(size, o.udpPort, route.value.source, to);
  return new ProbeSocket(origin, IPPROTO_UDP, watch).sendTo(datagram, to, extra);
}

function echoRequest(size: number): Uint8Array {
  const b = new Uint8Array(ICMP_HEADER + size).fill(FILL);
  writeIcmp(b, 0, ICMP_ECHO, 0, (FILL << 24) | (FILL << 16) | 1);
  seal(b, 0, b.length);
  return b;
}

function udpDatagram(size: number, port: number, from: Ipv4, to: Ipv4): Uint8Array {
  const b = new Uint8Array(UDP_HEADER + size).fill(FILL);
  writeUdp(b, 0, SOURCE_PORT, port, b.length);
  const sum = ~fold16(sum16(b, 0, b.length) + pseudoHeader(from, to, IPPROTO_UDP, b.length)) & 0xffff;
  b[6] = (sum || 0xffff) >> 8;
  b[7] = (sum || 0xffff) & 0xff;
  return b;
}

/** The devices of a node tell what they receive and send. The result ends it. */
function tapAll(kernel: Kernel): () => void {
  const devices = [...kernel.devices()];
  for (const dev of devices) dev.addTap(TELLING);
  return () => {
    for (const dev of devices) dev.removeTap(TELLING);
  };
}

const TELLING: Tap = {
  frame(dev: NetDevice, p: Packet, outgoing: boolean): void {
    if (p.trail === null) return;
    if (outgoing) sawTransmit(p, dev);
    else sawReceive(p, dev);
  },
};

/** ICMP errors that say that the packet is lost; a redirect does not. */
const FATAL = new Set([ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB]);

function delivered(run: Run, node: string, p: Packet, udp: boolean, stop: () => void): void {
  const home = node === run.origin.name;
  const icmp = protocolOf(p.buf, p.net) === IPPROTO_ICMP && p.end > p.start;
  const type = icmp ? (p.buf[p.start] as number) : -1;
  if (home && type === ICMP_ECHOREPLY && !udp) {
    run.answered = p.trail;
    stop();
  } else if (home && FATAL.has(type) && p.trail?.cause === "answer") run.told ??= p.trail;
  else if (type === ICMP_ECHO || (udp && protocolOf(p.buf, p.net) === IPPROTO_UDP)) run.reached = node;
}

// --- what became of it ---------------------------------------------------------------------------------------------

function judge(run: Run, o: WhyOptions): Verdict {
  const { watch } = run;
  if (run.answered !== null) {
    const ms = ((watch.steps.findLast((s) => s.trail === run.answered)?.at ?? run.sentAt) - run.sentAt) / 1e6;
    return { verdict: "delivered", reason: `${run.reached} answered after ${ms.toFixed(3)} ms`, trail: run.answered };
  }
  const trail = run.told ?? decisive(watch);
  const path = trail === null ? [] : pathOf(watch, trail);
  const drop = path.findIndex((s) => s.kind === "drop");
  if (drop >= 0) {
    const { node, device, text } = path[drop] as Step;
    const answered = answeredAt(path);
    const whose = answered >= 0 && answered < drop ? `the answer of ${run.reached}, ` : "";
    const where = device === "" || device === node ? node : `${node} (${device})`;
    return { verdict: "dropped", reason: `${whose}at ${where}: ${text}`, trail };
  }
  if (run.reached !== "" && o.udpPort !== undefined) {
    return { verdict: "delivered", reason: `${run.reached} took it on UDP port ${o.udpPort}`, trail };
  }
  const at = path.at(-1)?.node ?? run.origin.name;
  const waited = `after ${(run.origin.sim.now - run.sentAt) / S} s`;
  if (watch.alive > 0) return { verdict: "unanswered", reason: `still on its way at ${at} ${waited}`, trail };
  if (run.reached !== "") return { verdict: "unanswered", reason: `${run.reached} took it and sent no answer`, trail };
  return { verdict: "unanswered", reason: `it ended at ${at} without an answer`, trail };
}

/** Where on the path the answer begins; -1 when there is none. */
function answeredAt(path: readonly Step[]): number {
  const taken = path.findIndex((s) => s.kind === "deliver");
  return taken < 0 ? -1 : path.findIndex((s, i) => i > taken && s.kind === "send");
}

/** Nothing was sent: the kernel refused. */
function refusal(run: Run, to: Ipv4, sent: { readonly errno: Parameters<typeof strerror>[0] }): Verdict {
  const { origin, watch } = run;
  const d = origin.ipv4.routes.output(to, 0, 0, 0, 0);
  const why = `${strerror(sent.errno)}${sent.errno === "EMSGSIZE" ? `, mtu ${d.mtu}` : ""}`;
  const trail = watch.begin(null, "copy");
  trail?.note(run.sentAt, origin.name, "", "route", routeText(origin, d, to));
  trail?.note(run.sentAt, origin.name, "", "drop", `not sent: ${why}`);
  return { verdict: "dropped", reason: `${origin.name} does not send it: ${why}`, trail };
}

/** How copies of a flooded frame end at those whom it is not for. */
const NOISE = /^(other host|bridge: (no port|same port|port is not forwarding)|ip: link-layer broadcast|arp:)/;

/** The trail that tells most when nobody has answered: the one that ended last for a reason of its own. */
function decisive(watch: Watch): Trail | null {
  const ends = new Map<Trail, number>();
  for (const [i, step] of watch.steps.entries()) ends.set(step.trail, i);
  const last = [...ends.values()].sort((a, b) => b - a).map((i) => watch.steps[i] as Step);
  const telling = last.find((s) => !(s.kind === "drop" && NOISE.test(s.text)));
  return (telling ?? last[0])?.trail ?? null;
}

/** The steps that led to the end of `trail`: its own, and those of the packets it was made from, up to then. */
function pathOf(watch: Watch, trail: Trail): Step[] {
  const index = new Map(watch.steps.map((step, i) => [step, i]));
  const of = (t: Trail, keep: (at: number, step: Step) => boolean): Step[] =>
    watch.steps.filter((s) => s.trail === t && keep(index.get(s) as number, s));
  const path: Step[] = of(trail, () => true);
  for (let t = trail; t.parent !== null; t = t.parent) {
    const { parent, from, cause } = t;
    // What an answer is about ends where the answer begins, though the data path tells of it afterwards.
    const ended = cause === "answer" ? of(parent, (at, s) => at >= from && s.kind === "drop") : [];
    path.unshift(...of(parent, (at) => at < from), ...ended);
  }
  return path;
}

function numbered(path: readonly Step[], sentAt: number): ExplainedStep[] {
  let hop = 0;
  let node = "";
  return path.map((s) => {
    if (s.node !== node) hop++;
    node = s.node;
    return { after_s: (s.at - sentAt) / S, hop, node, device: s.device, kind: s.kind, text: s.text };
  });
}

/** The ends of packets that are not on the path. */
function elsewhere(watch: Watch, path: readonly Step[]): string[] {
  const shown = new Set(path.map((s) => s.trail));
  const ends = new Map<Trail, Step>();
  for (const step of watch.steps) if (!shown.has(step.trail)) ends.set(step.trail, step);
  // A fragment that is put together with others ends where it was routed.
  const telling = [...ends.values()].filter((s) => s.kind !== "route");
  const texts = telling.map((s) => `${s.node}: ${s.kind === "drop" ? "dropped: " : ""}${s.text}`);
  if (watch.cut) texts.push("there were more copies and steps than are kept");
  if (texts.length <= ELSEWHERE_MAX) return texts;
  return [...texts.slice(0, ELSEWHERE_MAX), `and ${texts.length - ELSEWHERE_MAX} more`];
}

const probeText = (o: WhyOptions): string =>
  `${o.udpPort === undefined ? "ICMP echo request" : `UDP to port ${o.udpPort}`}, ${o.sizeBytes ?? SIZE_DEFAULT} bytes`;
