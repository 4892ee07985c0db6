import { dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import type { Handler } from "../../../core/queue.ts";
import type { Dst } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import { NetDevice } from "../netdev.ts";

const BACKLOG_FULL = dropReason("cpu: backlog full");

/** A packet, the device that hears it, and the route by which it was sent, where it leaves too. */
interface Waiting {
  readonly p: Packet;
  readonly dev: NetDevice;
  readonly d: Dst | null;
}

/** `lo`: what is sent comes back in, after everything that is due now. */
export class LoopbackDevice extends NetDevice implements Handler {
  override readonly kind = "";
  readonly #backlog: Waiting[] = [];
  #head = 0;

  constructor(kernel: Kernel, name: string, ifindex: number) {
    super(kernel, name, ifindex);
    this.mtu = 65_536;
    this.noArp = true;
    this.multicast = false;
    this.broadcast = 0;
  }

  override transmit(p: Packet): void {
    this.stats.txPackets++;
    this.stats.txBytes += p.length;
    this.stats.rxPackets++;
    this.stats.rxBytes += p.length;
    p.type = PACKET_HOST;
    if (p.owner !== null) p.disown(0);
    this.#enqueue({ p, dev: this, d: null });
  }

  /** net/core/dev.c:dev_loopback_xmit: an IP packet (`p` starts at its header) that leaves by `d` is heard by its own sender. */
  loopBack(p: Packet, d: Dst): void {
    this.#enqueue({ p, dev: d.dev, d });
  }

  fire(): void {
    const { p, dev, d } = this.#backlog[this.#head++] as Waiting;
    if (this.#head === this.#backlog.length) {
      this.#backlog.length = 0;
      this.#head = 0;
    } else this.kernel.sim.at(this.kernel.sim.now, this);
    if (d === null) return this.kernel.receive(p, dev);
    p.iif = dev.ifindex;
    p.net = p.start;
    this.kernel.ipv4.deliver(p, dev, d); // with the route it was sent by: as a packet from outside its source would be a martian
  }

  override get mtuRange(): readonly [number, number] {
    return [0, 0x7fffffff];
  }

  #enqueue(waiting: Waiting): void {
    // net/core/dev.c:enqueue_to_backlog
    if (this.#backlog.length - this.#head > this.kernel.sysctl.netdev_max_backlog)
      return this.kernel.drop(waiting.p, BACKLOG_FULL, waiting.dev.name);
    this.#backlog.push(waiting);
    if (this.#backlog.length - this.#head === 1) this.kernel.sim.at(this.kernel.sim.now, this);
  }
}
