import { parseIp } from "../src/core/addr.ts";
import type { UdpSocket } from "../src/core/os.ts";
import { Payload } from "../src/core/payload.ts";
import type { Handler } from "../src/core/queue.ts";
import { Simulation } from "../src/core/sim.ts";
import { MS, type Nanos, S } from "../src/core/time.ts";
import { EthernetDevice } from "../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../src/nodes/kernel/kernel.ts";
import { Cable, type LineQuality } from "../src/nodes/link.ts";

/** The workloads of the anchors (`udp_chain_csma.cc`, `udp_star.cc`), built on netloom. */

export const PORT = 9000;
export const PAYLOAD_BYTES = 1000;
const LINE: Partial<LineQuality> = { rateBps: 10_000_000_000, delayNs: 1_000, queueFrames: 1000 };

/** What one run did. */
export interface Outcome {
  readonly received: number;
  readonly bytes: number;
  readonly hops: number;
  readonly events: number;
  readonly wallS: number;
  readonly fingerprint: string;
}

/** Joins two kernels by a cable, with devices named in order. */
export function join(
  sim: Simulation,
  number: number,
  a: Kernel,
  b: Kernel,
  line: Partial<LineQuality> = LINE,
): readonly [EthernetDevice, EthernetDevice] {
  const [x, y] = [attach(a), attach(b)];
  const cable = new Cable(sim, number, x, y);
  cable.tune(line);
  x.plug(cable);
  y.plug(cable);
  a.setUp(x, true);
  b.setUp(y, true);
  return [x, y];
}

const PAYLOAD = new Payload(new Uint8Array(PAYLOAD_BYTES).fill(0x5a));

/** Sends `count` datagrams of 1,000 bytes, one every `interval`. */
export class CbrSource implements Handler {
  readonly label: string;
  readonly #sim: Simulation;
  readonly #socket: UdpSocket;
  readonly #interval: Nanos;
  #left: number;

  constructor(kernel: Kernel, to: number, count: number, interval: Nanos) {
    this.label = kernel.name;
    this.#sim = kernel.sim;
    this.#interval = interval;
    this.#left = count;
    this.#socket = kernel.os.udpSocket();
    must(this.#socket.connect(to, PORT));
  }

  startAt(at: Nanos): void {
    this.#sim.at(at, this);
  }
  /** One datagram ahead of the others, so that every neighbour on the way is known. */
  warmUpAt(at: Nanos): void {
    this.#sim.at(at, { label: this.label, fire: () => must(this.#socket.send(PAYLOAD)) });
  }
  fire(): void {
    must(this.#socket.send(PAYLOAD));
    if (--this.#left > 0) this.#sim.at(this.#sim.now + this.#interval, this);
  }
}

/** Counts what arrives, at one host or at many. */
export class CountingSink {
  packets = 0;
  bytes = 0;
  readonly #count = (_b: Uint8Array, o: number, end: number): void => {
    this.packets++;
    this.bytes += end - o;
  };

  listen(kernel: Kernel): void {
    const socket = kernel.os.udpSocket();
    must(socket.bind(0, PORT));
    socket.onReceive(this.#count);
  }
}

/** A network with a load, ready to run. */
export interface Chain {
  readonly sim: Simulation;
  readonly kernels: readonly Kernel[];
  /** What has come to where it was sent. */
  readonly sink: { readonly packets: number; readonly bytes: number };
  readonly hopsPerPacket: number;
  /** What else there is to tell when it has run. */
  readonly figures?: () => Readonly<Record<string, number>>;
}

/** Host, routers, host. */
export interface Path {
  readonly sim: Simulation;
  readonly kernels: readonly Kernel[];
  /** Address of the last host. */
  readonly end: number;
}

export function buildPath(routers: number, line: Partial<LineQuality>): Path {
  const sim = new Simulation(1);
  const last = routers + 1;
  const kernels = Array.from({ length: last + 1 }, (_, i) => {
    const k = new Kernel(sim, i === 0 ? "h1" : i === last ? "h2" : `r${i}`);
    if (i > 0 && i < last) k.setForwarding(true);
    return k;
  });
  const base = ip("10.0.0.0");
  let end = 0;
  for (let i = 0; i < last; i++) {
    const [a, b] = [kernels[i] as Kernel, kernels[i + 1] as Kernel];
    const [x, y] = join(sim, i, a, b, line);
    const [left, right] = [base + 4 * i + 1, base + 4 * i + 2];
    must(a.addresses.add(x.ifindex, { address: left, length: 30 }));
    must(b.addresses.add(y.ifindex, { address: right, length: 30 }));
    must(a.fib.addRoute({ dst: 0, length: 0, nexthops: [{ gateway: right, ifindex: x.ifindex }] }, "add"));
    if (i > 0)
      must(b.fib.addRoute({ dst: base, length: 30, nexthops: [{ gateway: left, ifindex: y.ifindex }] }, "add"));
    end = right;
  }
  return { sim, kernels, end };
}

/** Datagrams along a path of 10 Gbit/s cables of 1 µs. */
export function buildChain(routers: number, packets: number): Chain {
  const { sim, kernels, end } = buildPath(routers, LINE);
  const sink = new CountingSink();
  sink.listen(kernels.at(-1) as Kernel);
  const source = new CbrSource(kernels[0] as Kernel, end, packets, 10_000);
  source.warmUpAt(100 * MS);
  source.startAt(S);
  return { sim, kernels, sink, hopsPerPacket: routers + 1 };
}

/** `pairs` pairs of hosts around one router; the datagrams go round the pairs. */
export function buildStar(pairs: number, packets: number): Chain {
  const sim = new Simulation(1);
  const hub = new Kernel(sim, "hub");
  hub.setForwarding(true);
  hub.neigh.gcThresh2 = hub.neigh.gcThresh3 = 4 * pairs + 1024;
  const base = ip("10.0.0.0");
  const addresses: number[] = [];
  const hosts: Kernel[] = [];
  for (let i = 0; i < 2 * pairs; i++) {
    const h = new Kernel(sim, `h${i}`);
    hosts.push(h);
    const [x, y] = join(sim, i, h, hub);
    const [own, gateway] = [base + 4 * i + 1, base + 4 * i + 2];
    must(h.addresses.add(x.ifindex, { address: own, length: 30 }));
    must(hub.addresses.add(y.ifindex, { address: gateway, length: 30 }));
    must(h.fib.addRoute({ dst: 0, length: 0, nexthops: [{ gateway, ifindex: x.ifindex }] }, "add"));
    addresses.push(own);
  }
  const sink = new CountingSink();
  const interval = 10_000;
  for (let i = 0; i < pairs; i++) {
    const share = Math.floor(packets / pairs) + (i < packets % pairs ? 1 : 0);
    sink.listen(hosts[pairs + i] as Kernel);
    const source = new CbrSource(hosts[i] as Kernel, addresses[pairs + i] as number, share, interval * pairs);
    source.warmUpAt(100 * MS + i * 1000);
    if (share > 0) source.startAt(S + interval * i);
  }
  return { sim, kernels: [hub, ...hosts], sink, hopsPerPacket: 2 };
}

/** Runs a built network to its end and times it, `finish` (writing what is left) included. */
export function measure(chain: Chain, until: Nanos, finish: () => void = () => {}): Outcome {
  const t0 = process.hrtime.bigint();
  chain.sim.advance(until);
  finish();
  const wallS = Number(process.hrtime.bigint() - t0) / 1e9;
  const received = chain.sink.packets;
  return {
    received,
    bytes: chain.sink.bytes,
    hops: received * chain.hopsPerPacket,
    events: chain.sim.events,
    wallS,
    fingerprint: chain.sim.fingerprint.toString(),
  };
}

function attach(kernel: Kernel): EthernetDevice {
  return must(kernel.register("eth%d", (name, ifindex) => new EthernetDevice(kernel, name, ifindex)));
}

export function must<T>(
  outcome:
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly errno: string; readonly detail?: string },
): T {
  if (!outcome.ok) throw new Error(outcome.detail ?? outcome.errno);
  return outcome.value;
}

function ip(text: string): number {
  return parseIp(text) as number;
}
