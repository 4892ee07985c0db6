import { parseIp, parsePrefix } from "../../../../src/core/addr.ts";
import type { Outcome } from "../../../../src/core/errno.ts";
import type { SocketError } from "../../../../src/core/os.ts";
import type { Packet } from "../../../../src/core/packet.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import { type Nanos, S } from "../../../../src/core/time.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { NetDevice } from "../../../../src/nodes/kernel/netdev.ts";
import { Cable } from "../../../../src/nodes/link.ts";
import { ICMP_ECHO, ICMP_ECHOREPLY, seal, writeHeader } from "../../../../src/protocols/icmp/wire.ts";

/** The value of a request that must be granted. */
export function granted<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.errno} ${outcome.detail ?? ""}`);
  return outcome.value;
}

export const ip = (text: string): number => {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
};

/** A frame seen on a device. */
export interface Seen {
  readonly at: Nanos;
  readonly bytes: Uint8Array;
  readonly outgoing: boolean;
  readonly note: string;
}

/** What became of a ping. */
export interface PingResult {
  replies: number;
  /** Octets of the last reply's IP packet. */
  length: number;
  readonly errors: SocketError[];
}

/** A few nodes and cables, set up by hand. */
export class TunnelLab {
  readonly sim: Simulation;
  #cables = 0;

  constructor(seed = 1) {
    this.sim = new Simulation(seed);
  }

  node(name: string, forwards = false): Kernel {
    const kernel = new Kernel(this.sim, name);
    if (forwards) kernel.setForwarding(true);
    return kernel;
  }

  /** `link(a, "eth0 10.0.0.1/24", b, "eth0 10.0.0.2/24")`: a cable between two new cards, both up. */
  link(a: Kernel, atA: string, b: Kernel, atB: string, mtu = 1500): Cable {
    const near = this.#card(a, atA, mtu);
    const far = this.#card(b, atB, mtu);
    const cable = new Cable(this.sim, this.#cables++, near, far);
    near.plug(cable);
    far.plug(cable);
    for (const [dev, spec] of [
      [near, atA],
      [far, atB],
    ] as const) {
      granted(dev.kernel.setUp(dev, true));
      const address = spec.split(" ")[1];
      if (address !== undefined) this.address(dev, address);
    }
    return cable;
  }

  address(dev: NetDevice, text: string): void {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw new Error(text);
    granted(dev.kernel.addresses.add(dev.ifindex, prefix));
  }

  /** A device comes up, with an address when one is given. */
  up<D extends NetDevice>(dev: D, address?: string): D {
    granted(dev.kernel.setUp(dev, true));
    if (address !== undefined) this.address(dev, address);
    return dev;
  }

  route(kernel: Kernel, text: string, way: { readonly via?: string; readonly dev?: NetDevice }): void {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw new Error(text);
    const gateway = way.via === undefined ? {} : { gateway: ip(way.via) };
    const ifindex = way.dev === undefined ? {} : { ifindex: way.dev.ifindex };
    granted(kernel.fib.addRoute({ dst: prefix.address, length: prefix.length, ...gateway, ...ifindex }));
  }

  /** The frames that pass a device from now on. */
  sniff(dev: NetDevice): Seen[] {
    const seen: Seen[] = [];
    dev.addTap({
      frame: (_, p, outgoing) => {
        seen.push({ at: this.sim.now, bytes: p.buf.slice(p.start, p.end), outgoing, note: p.note });
      },
    });
    return seen;
  }

  /** Echo requests of `octets` of data, one a second; lets the time pass that they need. */
  ping(from: Kernel, to: string, { octets = 56, count = 1, df = false, tos = 0, id = 96 } = {}): PingResult {
    const result: PingResult = { replies: 0, length: 0, errors: [] };
    const socket = from.raw.socket(1);
    socket.onReceive((b, o, end, info) => {
      if (b[o] !== ICMP_ECHOREPLY) return;
      result.replies++;
      result.length = end - info.header;
    });
    socket.onError((error) => result.errors.push(error));
    for (let seq = 1; seq <= count; seq++) {
      const message = Uint8Array.from({ length: 8 + octets }, (_, i) => i);
      writeHeader(message, 0, ICMP_ECHO, 0, (id << 16) | seq);
      seal(message, 0, message.length);
      socket.sendTo(message, ip(to), { pathMtuDiscovery: df ? "do" : "dont", tos });
      this.run(S);
    }
    socket.close();
    return result;
  }

  run(span: Nanos): void {
    this.sim.advance(this.sim.now + span);
  }

  /** A packet with these bytes, which starts where a frame or a bare packet begins. */
  packet(bytes: Uint8Array): Packet {
    const p = this.sim.pool.alloc(bytes.length);
    p.buf.set(bytes, p.start);
    return p;
  }

  /** Packets that neither died nor wait for an address. */
  get alive(): number {
    return this.sim.pool.born - this.sim.pool.dead;
  }

  #card(kernel: Kernel, spec: string, mtu: number): EthernetDevice {
    const name = spec.split(" ")[0] as string;
    const dev = granted(kernel.register(name, (final, ifindex) => new EthernetDevice(kernel, final, ifindex)));
    dev.mtu = mtu;
    return dev;
  }
}
