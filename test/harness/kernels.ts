import { expect } from "vitest";
import { type Ipv4, parseIp, parsePrefix } from "../../src/core/addr.ts";
import { fold16, sum16 } from "../../src/core/checksum.ts";
import { DROP_REASONS, type DropText } from "../../src/core/drop.ts";
import type { SendOptions } from "../../src/core/os.ts";
import type { Packet } from "../../src/core/packet.ts";
import { Simulation } from "../../src/core/sim.ts";
import { type Nanos, S } from "../../src/core/time.ts";
import { Hub } from "../../src/nodes/hub.ts";
import { EthernetDevice } from "../../src/nodes/kernel/dev/ethernet.ts";
import type { RouteType } from "../../src/nodes/kernel/fib/route.ts";
import { Kernel } from "../../src/nodes/kernel/kernel.ts";
import type { NetDevice } from "../../src/nodes/kernel/netdev.ts";
import { Cable } from "../../src/nodes/link.ts";
import { decode as decodeIcmp, ICMP_ECHO, type IcmpMessage, message } from "../../src/protocols/icmp/wire.ts";
import {
  decode as decodeIpv4,
  type Ipv4Header,
  isFragment,
  seal,
  setHeaderLength,
  validHeader,
  writeHeader,
} from "../../src/protocols/ipv4/wire.ts";

/** An IP packet that somebody saw, with its ICMP message where it is a whole one. */
export interface Seen {
  readonly at: Nanos;
  readonly ip: Ipv4Header;
  /** The packet from its IP header on. */
  readonly bytes: Uint8Array;
  readonly data: Uint8Array;
  readonly icmp: IcmpMessage | undefined;
}

export interface PingOptions extends SendOptions {
  readonly bytes?: number;
  readonly seq?: number;
}

/** Kernels on one simulation, joined by cables. Every IP packet on them is checked: headers, lengths, ICMP checksums. */
export class Lab {
  readonly sim: Simulation;
  readonly #cables: Cable[] = [];

  constructor(seed = 1) {
    this.sim = new Simulation(seed);
  }

  host(name: string): Kernel {
    return new Kernel(this.sim, name);
  }
  router(name: string): Kernel {
    const kernel = this.host(name);
    kernel.setForwarding(true);
    return kernel;
  }

  /** A cable between new devices; an end is told as `[kernel, "eth0 10.0.0.1/24 10.0.0.2/24"]`. */
  cable(a: readonly [Kernel, string], b: readonly [Kernel, string], mtu = 1500): Cable {
    const [one, other] = [a, b].map(([kernel, text]) => this.#device(kernel, text)) as [EthernetDevice, EthernetDevice];
    const cable = new Cable(this.sim, this.#cables.length, one, other);
    this.#cables.push(cable);
    for (const dev of [one, other]) dev.mtu = mtu;
    this.#raise(a[0], one, cable, a[1]);
    this.#raise(b[0], other, cable, b[1]);
    return cable;
  }

  /** A hub with a new device of everybody on it; told as in `cable`. */
  hub(...ends: readonly (readonly [Kernel, string])[]): void {
    const hub = new Hub(this.sim, "hub");
    for (const [kernel, text] of ends) {
      const dev = this.#device(kernel, text);
      const port = hub.addPort(`eth${hub.ports.length}`);
      port.cable = new Cable(this.sim, this.#cables.length, dev, port);
      this.#cables.push(port.cable);
      this.#raise(kernel, dev, port.cable, text);
    }
  }

  /** Lets time pass. */
  run(span: Nanos): void {
    this.sim.advance(this.sim.now + span);
  }

  /** Waits until all is over: every packet that was born is dead. */
  end(): void {
    this.run(120 * S);
    expect({ born: this.sim.pool.born }).toEqual({ born: this.sim.pool.dead });
  }

  #raise(kernel: Kernel, dev: EthernetDevice, cable: Cable, text: string): void {
    dev.plug(cable);
    kernel.setUp(dev, true);
    for (const prefix of text.split(" ").slice(1)) address(kernel, dev, prefix);
  }

  #device(kernel: Kernel, text: string): EthernetDevice {
    const name = text.split(" ")[0] as string;
    const made = kernel.register(name, (n, ifindex) => new EthernetDevice(kernel, n, ifindex));
    if (!made.ok) throw new Error(`${kernel.name} ${name}: ${made.errno}`);
    made.value.addTap({ frame: (_dev, p) => check(p) });
    return made.value;
  }
}

/** A chain: `h1` 10.0.1.1 — `r1` 10.0.1.254, 10.0.2.254 — `h2` 10.0.2.1, with default routes at the ends. */
export function chain(seed = 1): { lab: Lab; h1: Kernel; r1: Kernel; h2: Kernel; left: Cable; right: Cable } {
  const lab = new Lab(seed);
  const [h1, r1, h2] = [lab.host("h1"), lab.router("r1"), lab.host("h2")];
  const left = lab.cable([h1, "eth0 10.0.1.1/24"], [r1, "eth0 10.0.1.254/24"]);
  const right = lab.cable([r1, "eth1 10.0.2.254/24"], [h2, "eth0 10.0.2.1/24"]);
  route(h1, "0.0.0.0/0", "10.0.1.254");
  route(h2, "0.0.0.0/0", "10.0.2.254");
  return { lab, h1, r1, h2, left, right };
}

export const ip = (text: string): Ipv4 => {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
};

export function address(kernel: Kernel, dev: NetDevice, text: string): void {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`${text} is no prefix`);
  const broadcast = prefix.length < 31 ? (prefix.address | (0xffffffff >>> prefix.length)) >>> 0 : 0;
  must(kernel.addresses.add(dev.ifindex, { ...prefix, broadcast }));
}

/** Adds a route via a gateway, out of a device, or of a type that refuses. */
export function route(kernel: Kernel, text: string, via: string, type: RouteType = "unicast"): void {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`${text} is no prefix`);
  const dev = kernel.device(via);
  const way = type !== "unicast" ? {} : dev === undefined ? { gateway: ip(via) } : { ifindex: dev.ifindex };
  must(kernel.fib.addRoute({ dst: prefix.address, length: prefix.length, type, ...way }));
}

/** What the ICMP sockets of a kernel hear from now on. */
export function hear(kernel: Kernel): Seen[] {
  const heard: Seen[] = [];
  kernel.os.rawSocket(1).onReceive((b, _o, end, info) => heard.push(read(kernel.sim.now, b.slice(info.header, end))));
  return heard;
}

/** The IP packets that a device sends (`out`) or receives (`in`) from now on. */
export function watch(kernel: Kernel, ifname: string): { readonly in: Seen[]; readonly out: Seen[] } {
  const seen = { in: [] as Seen[], out: [] as Seen[] };
  const dev = device(kernel, ifname);
  dev.addTap({
    frame: (_dev, p, outgoing) => {
      const at = p.start + dev.headerLength;
      if (dev.headerLength > 0 && p.view.getUint16(p.start + 12) !== 0x0800) return;
      seen[outgoing ? "out" : "in"].push(read(kernel.sim.now, p.buf.slice(at, p.end)));
    },
  });
  return seen;
}

/** Sends one echo request, DF clear unless told otherwise. */
export function ping(kernel: Kernel, to: string, options: PingOptions = {}): void {
  const body = Uint8Array.from({ length: options.bytes ?? 56 }, (_, i) => i * 7);
  const m = message(ICMP_ECHO, 0, (0x1234 << 16) | (options.seq ?? 1), body);
  send(kernel, 1, to, encodeMessage(m), options);
}

/** Sends a payload of any protocol from a raw socket. */
export function send(
  kernel: Kernel,
  protocol: number,
  to: string,
  payload: Uint8Array,
  options: SendOptions = {},
): void {
  const socket = kernel.os.rawSocket(protocol);
  must(socket.sendTo(payload, ip(to), { pathMtuDiscovery: "dont", ...options }));
  socket.close();
}

export interface PacketFields {
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  /** Flags and fragment offset. */
  readonly word?: number;
  /** Octets of options, a multiple of 4. */
  readonly options?: Uint8Array;
}

/** An IP packet as bytes. */
export function ipPacket(
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  { ttl = 64, tos = 0, id = 1, word = 0, options = new Uint8Array(0) }: PacketFields = {},
): Uint8Array {
  const b = new Uint8Array(20 + options.length + payload.length);
  writeHeader(b, 0, tos, b.length, id, word, ttl, protocol, ip(from), ip(to));
  setHeaderLength(b, 0, 20 + options.length);
  b.set(options, 20);
  b.set(payload, 20 + options.length);
  seal(b, 0);
  return b;
}

/** Puts an IP packet into a kernel as if it had come in by a device, with the fields of `as` set. */
export function inject(kernel: Kernel, ifname: string, bytes: Uint8Array, as: Partial<Packet> = {}): void {
  const p = kernel.sim.pool.alloc(bytes.length);
  p.buf.set(bytes, p.start);
  const dev = device(kernel, ifname);
  p.iif = dev.ifindex;
  Object.assign(p, as);
  kernel.ipv4.receive(p, dev);
}

export const device = (kernel: Kernel, ifname: string): NetDevice => {
  const dev = kernel.device(ifname);
  if (dev === undefined) throw new Error(`${kernel.name} has no ${ifname}`);
  return dev;
};

/** How many packets a kernel dropped for a reason. */
export const drops = (kernel: Kernel, reason: DropText): number => kernel.drops[DROP_REASONS.indexOf(reason)] as number;

/** Every reason for which a kernel dropped packets, with how many. */
export const allDrops = (kernel: Kernel): Record<string, number> =>
  Object.fromEntries(
    DROP_REASONS.map((text, i) => [text, kernel.drops[i] as number] as const).filter(([, n]) => n > 0),
  );

export function read(at: Nanos, bytes: Uint8Array): Seen {
  const header = decodeIpv4(bytes, 0, bytes.length);
  if (!header.ok) throw new Error(`no IP packet: ${header.why}`);
  const data = bytes.slice(20 + header.value.optionsRaw.length, header.value.totalLength);
  const whole = header.value.protocol === 1 && !isFragment(bytes, 0);
  const got = whole ? decodeIcmp(data, 0, data.length) : undefined;
  return { at, ip: header.value, bytes, data, icmp: got?.ok ? got.value : undefined };
}

export function encodeMessage(m: IcmpMessage): Uint8Array {
  const b = new Uint8Array(8 + m.body.length);
  new DataView(b.buffer).setUint32(0, (m.type << 24) | (m.code << 16) | m.checksum);
  new DataView(b.buffer).setUint32(4, m.rest);
  b.set(m.body, 8);
  return b;
}

export function must<T>(
  outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errno: string },
): T {
  if (!outcome.ok) throw new Error(outcome.errno);
  return outcome.value;
}

/** Everything that leaves or enters a device is sound. */
function check(p: Packet): void {
  if (p.sumFrom >= 0) expect(p.sum).toBe(fold16(sum16(p.buf, p.sumFrom, p.end)));
  const frame = p.buf.subarray(p.start, p.end);
  if (frame[12] !== 0x08 || frame[13] !== 0x00) return;
  expect(validHeader(frame, 14, frame.length)).toBe(0);
  const seen = read(0, frame.slice(14));
  if (seen.ip.protocol === 1 && !isFragment(frame, 14))
    expect(fold16(sum16(seen.data, 0, seen.data.length))).toBe(0xffff);
}
