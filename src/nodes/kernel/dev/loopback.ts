import { dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import type { Handler } from "../../../core/queue.ts";
import type { Kernel } from "../kernel.ts";
import { NetDevice } from "../netdev.ts";

const BACKLOG_FULL = dropReason("cpu: backlog full");

/** `lo`: what is sent comes back in, after everything that is due now. */
export class LoopbackDevice extends NetDevice implements Handler {
  override readonly kind = "";
  readonly #backlog: { readonly p: Packet; readonly dev: NetDevice }[] = [];
  #head = 0;

  constructor(kernel: Kernel, name: string, ifindex: number) {
    super(kernel, name, ifindex);
    this.mtu = 65_536;
    this.noArp = true;
    this.broadcast = 0;
  }

  override transmit(p: Packet): void {
    this.stats.txPackets++;
    this.stats.txBytes += p.length;
    this.stats.rxPackets++;
    this.stats.rxBytes += p.length;
    p.type = PACKET_HOST;
    this.#enqueue(p, this);
  }

  /** net/core/dev.c:dev_loopback_xmit: an IP packet (`p` starts at its header) is heard on `dev` by its own sender. */
  loopBack(p: Packet, dev: NetDevice): void {
    this.#enqueue(p, dev);
  }

  fire(): void {
    const { p, dev } = this.#backlog[this.#head++] as { p: Packet; dev: NetDevice };
    if (this.#head === this.#backlog.length) {
      this.#backlog.length = 0;
      this.#head = 0;
    } else this.kernel.sim.at(this.kernel.sim.now, this);
    if (dev === this) return this.kernel.receive(p, dev);
    p.iif = dev.ifindex;
    this.kernel.ipv4.receive(p, dev);
  }

  override get mtuRange(): readonly [number, number] {
    return [0, 0x7fffffff];
  }

  #enqueue(p: Packet, dev: NetDevice): void {
    // net/core/dev.c:enqueue_to_backlog
    if (this.#backlog.length - this.#head > this.kernel.sysctl.netdev_max_backlog)
      return this.kernel.drop(p, BACKLOG_FULL, dev.name);
    this.#backlog.push({ p, dev });
    if (this.#backlog.length - this.#head === 1) this.kernel.sim.at(this.kernel.sim.now, this);
  }
}
