import { dropReason } from "../../../../core/drop.ts";
import type { Packet } from "../../../../core/packet.ts";
import { Alarm } from "../../../../core/sim.ts";
import { type Nanos, NEVER, S } from "../../../../core/time.ts";
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH } from "../../../../protocols/icmp/wire.ts";
import { dstI32, headerLength, srcI32 } from "../../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../../kernel.ts";

const NOTHING = dropReason("nat: nothing lets it in");

/** RFC 5382 REQ-4: so long an unsolicited SYN gets no answer. */
const WAIT_NS: Nanos = 6 * S;
/** SYNs that wait at once; further ones get no answer at all. */
const WAITING_MAX = 1024;

interface Waiting {
  readonly p: Packet;
  readonly until: Nanos;
  /** The inside has sent a SYN for the same connection since: both sides open at once. */
  met: boolean;
}

/** SYNs from outside that nobody asked for, waiting for their answer (RFC 5382 REQ-4). */
export class UnsolicitedSyns {
  readonly #kernel: Kernel;
  readonly #alarm: Alarm;
  /** Whether they get one at last, or are forgotten (REQ-4a). */
  answers = true;
  #waiting: Waiting[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#alarm = new Alarm(kernel.sim, kernel.name, () => this.#ring());
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** Takes a SYN, and ownership of it. */
  hold(p: Packet): void {
    if (!this.answers || this.#waiting.length >= WAITING_MAX) return this.#kernel.drop(p, NOTHING, "nat");
    const until = this.#kernel.sim.now + WAIT_NS;
    this.#waiting.push({ p, until, met: false });
    if (this.#waiting.length === 1) this.#alarm.set(until);
  }

  /** A SYN goes out between these endpoints, signed addresses and ports as in tuples: who waits for it is not to be refused. */
  meet(outside: number, outsidePort: number, remote: number, remotePort: number): void {
    for (const w of this.#waiting) {
      const { buf, net, view } = w.p;
      const at = net + headerLength(buf, net);
      const from = view.getUint16(at) === remotePort && srcI32(buf, net) === remote;
      if (from && view.getUint16(at + 2) === outsidePort && dstI32(buf, net) === outside) w.met = true;
    }
  }

  #ring(): void {
    const { now } = this.#kernel.sim;
    const due = this.#waiting.filter((w) => w.until <= now);
    this.#waiting = this.#waiting.filter((w) => w.until > now);
    this.#alarm.set(this.#waiting[0]?.until ?? NEVER);
    for (const { p, met } of due) {
      if (!met) this.#kernel.icmp.error(p, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
      this.#kernel.drop(p, NOTHING, "nat");
    }
  }
}
