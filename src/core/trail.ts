import type { Ipv4 } from "./addr.ts";
import type { Packet } from "./packet.ts";
import type { Nanos } from "./time.ts";

/** What can happen to a packet that is followed. */
export type StepKind =
  | "send"
  | "receive"
  | "route"
  | "neighbour"
  | "transmit"
  | "bridge"
  | "tunnel"
  | "deliver"
  | "filter"
  | "drop";

/** One thing that happened to a packet that is followed, as the data path tells it. */
export interface Step {
  readonly at: Nanos;
  readonly node: string;
  /** The device or the rule that it is about; empty when none. */
  readonly device: string;
  readonly kind: StepKind;
  readonly text: string;
  readonly trail: Trail;
}

/** Steps and trails kept of one watch: a storm of copies is cut here. */
const STEPS_MAX = 20_000;
const TRAILS_MAX = 2_000;

/** Follows one packet, its copies, and what is sent because of it, through the whole network. */
export class Watch {
  /** In the order in which they happened. */
  readonly steps: Step[] = [];
  /** There was more than is kept. */
  cut = false;
  /** Told when an IP packet that is followed reaches a protocol of `node`: `p.net` is at its IP header. */
  onDeliver: ((node: string, p: Packet) => void) | null = null;
  /** Told when the last of the packets has ended. */
  onQuiet: (() => void) | null = null;
  #trails = 0;
  #alive = 0;

  /** Begins to follow a packet. */
  follow(p: Packet): void {
    p.trail = this.begin(null, "copy");
  }

  /** Packets that are still on their way. */
  get alive(): number {
    return this.#alive;
  }

  begin(parent: Trail | null, cause: TrailCause): Trail | null {
    if (this.#trails >= TRAILS_MAX) {
      this.cut = true;
      return null;
    }
    this.#trails++;
    this.#alive++;
    return new Trail(this, parent, cause, this.steps.length);
  }

  add(step: Step): void {
    if (this.steps.length < STEPS_MAX) this.steps.push(step);
    else this.cut = true;
  }

  ended(): void {
    if (--this.#alive === 0) this.onQuiet?.();
  }
}

/** Why there is another packet: the same bytes once more, a part of them, or an answer to them. */
export type TrailCause = "copy" | "answer";

/** The way of one packet that is followed: what `Packet.trail` holds. */
export class Trail {
  readonly watch: Watch;
  /** The packet that this one comes from; null for the first. */
  readonly parent: Trail | null;
  readonly cause: TrailCause;
  /** How many steps of the watch there were when it began. */
  readonly from: number;
  /** To whom the routing gave the packet last, for the step that tells the link address. */
  nextHop: Ipv4 = 0;

  constructor(watch: Watch, parent: Trail | null, cause: TrailCause, from: number) {
    this.watch = watch;
    this.parent = parent;
    this.cause = cause;
    this.from = from;
  }

  /** The trail of a packet that is made from this one. */
  fork(cause: TrailCause = "copy"): Trail | null {
    return this.watch.begin(this, cause);
  }

  note(at: Nanos, node: string, device: string, kind: StepKind, text: string): void {
    this.watch.add({ at, node, device, kind, text, trail: this });
  }

  /** The packet is no more. */
  end(): void {
    this.watch.ended();
  }
}
