import { expect } from "vitest";
import { startCommand } from "../../../../src/console/shell.ts";
import { DROP_REASONS } from "../../../../src/core/drop.ts";
import type { Packet } from "../../../../src/core/packet.ts";
import { Simulation } from "../../../../src/core/sim.ts";
import type { Nanos } from "../../../../src/core/time.ts";
import { EthernetDevice } from "../../../../src/nodes/kernel/dev/ethernet.ts";
import { Kernel } from "../../../../src/nodes/kernel/kernel.ts";
import type { Handle } from "../../../../src/nodes/kernel/tc/handle.ts";
import { makeHandle } from "../../../../src/nodes/kernel/tc/handle.ts";
import { Cable } from "../../../../src/nodes/link.ts";
import { seal, writeHeader as writeIp } from "../../../../src/protocols/ipv4/wire.ts";

/** A frame that a device sent. */
export interface Left {
  readonly at: Nanos;
  readonly bytes: number;
  /** What it asked for: a class. */
  readonly priority: Handle;
  /** The number that it was given. */
  readonly id: number;
}

export interface FrameOptions {
  /** Length of the frame: 60 or more. */
  readonly bytes?: number;
  readonly priority?: Handle;
  readonly tos?: number;
  /** Flows differ by source port. */
  readonly flow?: number;
  readonly mark?: number;
}

/** A device `out` on a cable without a rate, whose frames are UDP packets that nobody wants: all about its queue. */
export class QueueLab {
  readonly sim: Simulation;
  readonly kernel: Kernel;
  readonly dev: EthernetDevice;
  readonly cable: Cable;
  readonly left: Left[] = [];
  /** Frames handed to the device. */
  offered = 0;

  constructor(seed = 1) {
    this.sim = new Simulation(seed);
    this.kernel = new Kernel(this.sim, "r");
    const far = new Kernel(this.sim, "d");
    this.dev = device(this.kernel, "out");
    const peer = device(far, "eth0");
    this.cable = new Cable(this.sim, 0, this.dev, peer);
    for (const dev of [this.dev, peer]) dev.plug(this.cable);
    this.kernel.setUp(this.dev, true);
    far.setUp(peer, true);
    this.run(0.001);
    this.dev.addTap({
      frame: (_dev, p, outgoing) => {
        if (!outgoing) return;
        const id = p.view.getUint32(p.start + 44);
        this.left.push({ at: this.sim.now, bytes: p.end - p.start, priority: p.priority, id });
      },
    });
  }

  /** Runs `tc …`, which must succeed. */
  tc(line: string): string {
    const [status, output] = this.try(line);
    if (status !== 0) throw new Error(`tc ${line}: ${output}`);
    return output;
  }
  /** Runs `tc …`. Returns its status and what it printed. */
  try(line: string): [number, string] {
    const running = startCommand(this.kernel, { kernel: () => undefined, names: () => [] }, `tc ${line}`);
    expect(running.ended).toBe(true);
    return [running.status as number, running.output];
  }

  /** Hands a frame to the device now. Returns its number. */
  send({ bytes = 1000, priority = 0, tos = 0, flow = 0, mark = 0 }: FrameOptions = {}): number {
    const p: Packet = this.sim.pool.alloc(bytes);
    p.buf.fill(0, p.start, p.end);
    p.buf.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0], p.start);
    writeIp(p.buf, p.start + 14, tos, bytes - 14, 1, 0, 64, 17, 0x0a00_0001, 0x0a00_0002);
    seal(p.buf, p.start + 14);
    p.view.setUint16(p.start + 34, 1024 + flow);
    p.view.setUint16(p.start + 36, 9);
    p.view.setUint16(p.start + 38, bytes - 34);
    p.view.setUint32(p.start + 44, this.offered);
    p.priority = priority;
    p.mark = mark;
    this.dev.send(p);
    return this.offered++;
  }
  /** Hands a frame to the device in so many seconds from the start. */
  sendAt(seconds: number, options: FrameOptions = {}): void {
    this.sim.at(Math.round(seconds * 1e9), { label: "test", fire: () => void this.send(options) });
  }

  run(seconds: number): void {
    this.sim.advance(this.sim.now + Math.round(seconds * 1e9));
  }

  /** Packets that ended on the sending node for a reason that begins so. */
  drops(reason: string): number {
    return DROP_REASONS.reduce((n, text, i) => (text.startsWith(reason) ? n + (this.kernel.drops[i] as number) : n), 0);
  }
  /** Every frame that was offered has left, was dropped for a reason of queues, or waits. */
  conserved(copies = 0): void {
    const waiting = this.dev.qdisc?.root?.qlen ?? 0;
    expect({ offered: this.offered + copies }).toEqual({ offered: this.left.length + this.drops("qdisc") + waiting });
  }
  /** Without its qdisc nothing waits any more, and every packet that was born is dead. */
  end(): void {
    this.try("qdisc del dev out root");
    this.try("qdisc del dev out clsact");
    this.run(60);
    expect({ born: this.sim.pool.born }).toEqual({ born: this.sim.pool.dead });
  }
}

/** The class 1:minor (hexadecimal as tc writes it: pass 0x10 for 1:10). */
export const cls = (minor: number): Handle => makeHandle(1, minor);

function device(kernel: Kernel, name: string): EthernetDevice {
  const made = kernel.register(name, (n, ifindex) => new EthernetDevice(kernel, n, ifindex));
  if (!made.ok) throw new Error(made.errno);
  return made.value;
}
