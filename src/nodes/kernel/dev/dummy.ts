import { done, type Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { Kernel } from "../kernel.ts";
import { NetDevice, randomMac } from "../netdev.ts";

/** `ip link add NAME type dummy`: a device without another end; what is sent on it is counted and gone (drivers/net/dummy.c). */
export class DummyDevice extends NetDevice {
  override readonly kind = "dummy";

  constructor(kernel: Kernel, name: string, ifindex: number) {
    super(kernel, name, ifindex);
    this.mac = randomMac(kernel, name);
    this.noArp = true;
    this.multicast = false;
  }

  override get mtuRange(): readonly [number, number] {
    return [0, 0x7fffffff];
  }
  override mayMove(): Outcome {
    return done;
  }

  override transmit(p: Packet): void {
    this.stats.txPackets++;
    this.stats.txBytes += p.end - p.start;
    this.kernel.consume(p);
  }
}

/** `ip link add NAME type dummy`. */
export const addDummy = (kernel: Kernel, name: string): Outcome<DummyDevice> =>
  kernel.register(name, (final, ifindex) => new DummyDevice(kernel, final, ifindex));
