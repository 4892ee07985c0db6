import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import type { Handler } from "../../core/queue.ts";
import type { Nanos } from "../../core/time.ts";
import type { Kernel } from "./kernel.ts";
import type { NetDevice } from "./netdev.ts";

const BACKLOG_FULL = dropReason("cpu: backlog full");

/** The processor of a node on which it is the bottleneck: one server, a service time for every packet received. */
export class Cpu implements Handler {
  readonly label: string;
  readonly #kernel: Kernel;
  readonly #service: (p: Packet) => Nanos;
  readonly #waiting: { readonly p: Packet; readonly dev: NetDevice }[] = [];
  #head = 0;
  /** Time spent serving, for utilisation. */
  busyNs: Nanos = 0;

  /** `service`: how long one packet takes, in nanoseconds. */
  constructor(kernel: Kernel, service: (p: Packet) => Nanos) {
    this.#kernel = kernel;
    this.#service = service;
    this.label = kernel.name;
  }

  enqueue(p: Packet, dev: NetDevice): void {
    const waiting = this.#waiting.length - this.#head;
    if (waiting > this.#kernel.sysctl.netdev_max_backlog) return this.#kernel.drop(p, BACKLOG_FULL, dev.name);
    this.#waiting.push({ p, dev });
    if (waiting === 0) this.#serve(p);
  }

  fire(): void {
    const { p, dev } = this.#waiting[this.#head++] as { p: Packet; dev: NetDevice };
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    } else {
      if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#head);
        this.#head = 0;
      }
      this.#serve((this.#waiting[this.#head] as { p: Packet }).p);
    }
    if (!this.#kernel.refuseWhileOff(p)) this.#kernel.receive(p, dev);
  }

  #serve(p: Packet): void {
    const span = this.#service(p);
    this.busyNs += span;
    this.#kernel.sim.at(this.#kernel.sim.now + span, this);
  }
}
