import type { Packet, PacketOwner } from "../../core/packet.ts";
import { type Nanos, NEVER } from "../../core/time.ts";

/**
 * Octets of one connection that lie in queues of its own node, so that it keeps few there (TCP small queues,
 * `net/ipv4/tcp_output.c:tcp_small_queue_check`). A device knows when a frame will have left as soon as it takes it: then
 * only that instant is kept, and no event is needed for each frame.
 */
export class LocalQueue implements PacketOwner {
  /** In a queueing discipline, or waiting for a neighbour: nobody knows how long. */
  #held = 0;
  /** On a line, and the instants at which they will have left it: a ring. */
  #leaving = 0;
  #charges = new Int32Array(8);
  #until = new Float64Array(8);
  #first = 0;
  #count = 0;
  /** The last packet taken ended at once: some queue had no room for it. */
  refused = false;
  /** Called when one leaves, while somebody waits for that. */
  onLeft: (() => void) | null = null;

  /** A segment of `charge` octets goes into the stack. */
  take(p: Packet, charge: number): void {
    p.owner = this;
    p.charge = charge;
    this.#held += charge;
    this.refused = false;
  }

  left(until: Nanos, charge: number): void {
    this.#held -= charge;
    if (until < 0) this.refused = true;
    else {
      if (this.#count === this.#until.length) this.#grow();
      const slot = (this.#first + this.#count++) & (this.#until.length - 1);
      this.#until[slot] = until;
      this.#charges[slot] = charge;
      this.#leaving += charge;
    }
    if (this.onLeft !== null) this.onLeft();
  }

  /** Octets that have not left at `now`. */
  octets(now: Nanos): number {
    const mask = this.#until.length - 1;
    while (this.#count > 0 && (this.#until[this.#first] as number) <= now) {
      this.#leaving -= this.#charges[this.#first] as number;
      this.#first = (this.#first + 1) & mask;
      this.#count--;
    }
    return this.#held + this.#leaving;
  }

  /** The instant at which no more than `limit` octets will be there; `NEVER` when that is not known yet. */
  below(limit: number): Nanos {
    let left = this.#held + this.#leaving;
    if (left <= limit) return 0;
    const mask = this.#until.length - 1;
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#first + i) & mask;
      left -= this.#charges[slot] as number;
      if (left <= limit) return this.#until[slot] as number;
    }
    return NEVER;
  }

  #grow(): void {
    const old = this.#until.length;
    const until = new Float64Array(2 * old);
    const charges = new Int32Array(2 * old);
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#first + i) & (old - 1);
      until[i] = this.#until[slot] as number;
      charges[i] = this.#charges[slot] as number;
    }
    this.#until = until;
    this.#charges = charges;
    this.#first = 0;
  }
}
