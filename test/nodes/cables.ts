import { DROP_REASONS, type DropReason, type DropText } from "../../src/core/drop.ts";
import type { Packet } from "../../src/core/packet.ts";
import { Simulation } from "../../src/core/sim.ts";
import { Cable, type LineQuality, type Port } from "../../src/nodes/link.ts";

/** What came out of a cable, or got lost on it. */
export interface Frame {
  readonly at: number;
  /** The number that it was sent with. */
  readonly id: number;
  readonly length: number;
}

/** A cable's end that writes down what happens to it. */
export class Recorder implements Port {
  readonly label: string;
  readonly received: Frame[] = [];
  readonly lost: (Frame & { readonly reason: DropText })[] = [];
  readonly carrier: boolean[] = [];
  /** Called with every frame, before it is released. */
  onReceive: (p: Packet) => void = () => {};
  readonly #sim: Simulation;

  constructor(sim: Simulation, label: string) {
    this.#sim = sim;
    this.label = label;
  }

  receiveFrame(p: Packet): void {
    this.onReceive(p);
    this.received.push(this.#frame(p));
    this.#sim.pool.release(p);
  }
  carrierChanged(up: boolean): void {
    this.carrier.push(up);
  }
  frameLost(p: Packet, reason: DropReason): void {
    this.lost.push({ ...this.#frame(p), reason: DROP_REASONS[reason] as DropText });
    this.#sim.pool.release(p);
  }

  #frame(p: Packet): Frame {
    return { at: this.#sim.now, id: p.mark, length: p.length };
  }
}

/** A cable between two recorders. */
export class CableLab {
  readonly sim: Simulation;
  readonly a: Recorder;
  readonly b: Recorder;
  readonly cable: Cable;
  #sent = 0;

  /** `others`: how many cables there are besides. */
  constructor(quality: Partial<LineQuality> = {}, seed = 1, others = 0) {
    this.sim = new Simulation(seed);
    for (let i = 0; i < others; i++) this.sim.nextCable();
    this.a = new Recorder(this.sim, "h1-eth0");
    this.b = new Recorder(this.sim, "h2-eth0");
    this.cable = new Cable(this.sim, this.sim.nextCable(), this.a, this.b);
    this.cable.tune(quality);
  }

  /** Sends `count` frames now, numbered on. */
  send(length: number, count = 1, from: Port = this.a): void {
    for (let i = 0; i < count; i++) {
      const p = this.sim.pool.alloc(length);
      p.buf.fill(this.#sent, p.start, p.end);
      p.cacheSum(p.start);
      p.mark = this.#sent++;
      this.cable.lineFrom(from).transmit(p);
    }
  }

  /** Does something at an instant. */
  at(at: number, what: () => void): void {
    this.sim.at(at, { label: "test", fire: what });
  }

  /** Frames that were sent or copied and have not died. */
  get alive(): number {
    return this.sim.pool.born - this.sim.pool.dead;
  }
}
