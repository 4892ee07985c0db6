import { type DropReason, dropReason } from "../core/drop.ts";
import type { Packet } from "../core/packet.ts";
import type { Handler } from "../core/queue.ts";
import type { RandomStream } from "../core/rng.ts";
import type { Simulation } from "../core/sim.ts";
import { type Nanos, S } from "../core/time.ts";

/** Where a cable ends: a network card, or a port of a hub. */
export interface Port {
  /** `node-interface`, for messages. */
  readonly label: string;
  /** A frame has arrived; the port owns it now. */
  receiveFrame(p: Packet): void;
  /** The other end came up or went away. */
  carrierChanged(up: boolean): void;
  /** A frame ended its life on the cable, or before it: count it where the sender's drops are counted. */
  frameLost(p: Packet, reason: DropReason): void;
}

/** What one direction of a cable does to frames. Rates are in bits per second (0: forwards at once), probabilities in [0, 1]. */
export interface LineQuality {
  readonly rateBps: number;
  readonly delayNs: Nanos;
  /** Spread of the delay: each frame's differs by up to this much either way; frames stay in order. */
  readonly jitterNs: Nanos;
  readonly loss: number;
  readonly duplicate: number;
  /** One bit of the frame flips. */
  readonly corrupt: number;
  /** A frame overtakes those in flight: it is sent without the delay (as netem's `reorder`). */
  readonly reorder: number;
  /** Longest frame carried, link header included; 0: no limit of its own. */
  readonly mtuBytes: number;
  /** Frames that may wait for the line. */
  readonly queueFrames: number;
  /** Frames vanish while the carrier stays: a silent failure. */
  readonly blocked: boolean;
}

/** Preamble, start delimiter, frame check sequence and the gap between frames (IEEE 802.3 §4.4.2), in octets. */
const FRAME_OVERHEAD_BYTES = 24;
const FRAME_MIN_BYTES = 60;
/** What `ethtool` would report for a cable without a rate. */
export const UNRATED_SPEED_BPS = 10_000_000_000;

export const PERFECT_LINE: LineQuality = {
  rateBps: 0,
  delayNs: 0,
  jitterNs: 0,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  mtuBytes: 0,
  queueFrames: 1000,
  blocked: false,
};

const LOST = dropReason("lost on the cable");
const BLOCKED = dropReason("blocked on the cable");
const NO_CARRIER = dropReason("carrier is down");
const QUEUE_FULL = dropReason("transmit queue full");
const TOO_LONG = dropReason("frame longer than the device's MTU");

/**
 * One direction of a cable. Frames arrive in the order they were sent, so those in flight wait in a ring of its own, and
 * only the first stands in the event queue, under the sequence number that it got when it was sent.
 */
export class Line implements Handler {
  readonly label: string;
  readonly #sim: Simulation;
  readonly #cable: Cable;
  /** Twice the cable's number, plus one for the direction from its second end. */
  readonly #number: number;
  readonly #from: Port;
  readonly #to: Port;
  #quality: LineQuality = PERFECT_LINE;
  #faulty = false;

  #packets: (Packet | undefined)[] = new Array(4).fill(undefined);
  #arrivals = new Float64Array(4);
  #sequences = new Float64Array(4);
  #departures = new Float64Array(4);
  #head = 0;
  #tail = 0;
  /** First frame that has not left the sender yet. */
  #waiting = 0;

  #freeAt: Nanos = 0;
  /** Bit-nanoseconds that whole nanoseconds left over, in units of 1/rate ns: carried to the next frame. */
  #remainder = 0;
  #lastArrival: Nanos = 0;

  frames = 0;
  bytes = 0;

  constructor(sim: Simulation, cable: Cable, number: number, from: Port, to: Port) {
    this.#sim = sim;
    this.#cable = cable;
    this.#number = number;
    this.#from = from;
    this.#to = to;
    this.label = `${from.label} to ${to.label}`;
  }

  get quality(): LineQuality {
    return this.#quality;
  }

  /** Changes what the line does to frames sent from now on; those in flight are not touched. */
  set quality(q: LineQuality) {
    this.#quality = q;
    this.#faulty =
      q.jitterNs > 0 || q.loss > 0 || q.duplicate > 0 || q.corrupt > 0 || q.reorder > 0 || q.mtuBytes > 0 || q.blocked;
    this.#remainder = 0;
  }

  /** The instant at which the sender may put the next frame on the line. */
  get freeAt(): Nanos {
    return this.#freeAt;
  }

  /** Takes a frame from the sender, and ownership of it. */
  transmit(p: Packet): void {
    if (!this.#cable.up) return this.#from.frameLost(p, NO_CARRIER);
    const departure = this.#departure(p);
    if (departure < 0) return;
    if (this.#faulty) return this.#transmitFaulty(p, departure);
    this.#dispatch(p, departure, departure + this.#quality.delayNs);
  }

  fire(): void {
    const head = this.#head;
    const mask = this.#packets.length - 1;
    const p = this.#packets[head & mask] as Packet;
    this.#packets[head & mask] = undefined;
    const next = head + 1;
    this.#head = next;
    if (this.#waiting < next) this.#waiting = next;
    if (next !== this.#tail) {
      this.#sim.atSequence(this.#arrivals[next & mask] as number, this.#sequences[next & mask] as number, this);
    }
    if (this.#cable.up) this.#to.receiveFrame(p);
    else this.#from.frameLost(p, NO_CARRIER);
  }

  /** When the frame's last bit leaves the sender; -1 when the queue was full and the frame is gone. */
  #departure(p: Packet): Nanos {
    const rate = this.#quality.rateBps;
    const now = this.#sim.now;
    if (rate === 0) return now;
    if (this.#freeAt <= now) {
      this.#freeAt = now;
      this.#remainder = 0;
    } else if (this.#backlog(now) >= this.#quality.queueFrames) {
      this.#from.frameLost(p, QUEUE_FULL);
      return -1;
    }
    const bytes = Math.max(p.end - p.start, FRAME_MIN_BYTES) + FRAME_OVERHEAD_BYTES;
    const work = bytes * 8 * S + this.#remainder;
    const span = Math.floor(work / rate);
    this.#remainder = work - span * rate;
    this.#freeAt += span;
    return this.#freeAt;
  }

  /** Frames that wait behind the one on the line. */
  #backlog(now: Nanos): number {
    const mask = this.#packets.length - 1;
    while (this.#waiting < this.#tail && (this.#departures[this.#waiting & mask] as number) <= now) this.#waiting++;
    return this.#tail - this.#waiting;
  }

  #dispatch(p: Packet, departure: Nanos, arrival: Nanos): void {
    const sim = this.#sim;
    this.frames++;
    this.bytes += p.end - p.start;
    if (sim.fingerprinting) sim.fingerprint.record(sim.now, this.#number, p);
    if (this.#tail - this.#head === this.#packets.length) this.#grow();
    const tail = this.#tail++;
    const slot = tail & (this.#packets.length - 1);
    const sequence = sim.nextSequence();
    this.#packets[slot] = p;
    this.#arrivals[slot] = arrival;
    this.#sequences[slot] = sequence;
    this.#departures[slot] = departure;
    this.#lastArrival = arrival;
    if (tail === this.#head) sim.atSequence(arrival, sequence, this);
  }

  #transmitFaulty(p: Packet, departure: Nanos): void {
    const q = this.#quality;
    const draw = this.#cable.draws;
    if (q.blocked) return this.#from.frameLost(p, BLOCKED);
    if (q.mtuBytes > 0 && p.end - p.start > q.mtuBytes) return this.#from.frameLost(p, TOO_LONG);
    if (draw.chance(q.loss)) return this.#from.frameLost(p, LOST);
    if (draw.chance(q.corrupt)) flipBit(p, draw);
    const copies = draw.chance(q.duplicate) ? 2 : 1;
    for (let i = copies; i > 0; i--) {
      const frame = i > 1 ? this.#sim.pool.clone(p) : p;
      if (draw.chance(q.reorder)) this.#overtake(frame, departure);
      else this.#dispatch(frame, departure, this.#jittered(departure + q.delayNs, draw));
    }
  }

  /** The arrival of a delayed frame: never before the one sent before it. */
  #jittered(arrival: Nanos, draw: RandomStream): Nanos {
    const q = this.#quality;
    if (q.jitterNs === 0) return Math.max(arrival, this.#lastArrival);
    const late = Math.floor((2 * draw.float() - 1) * q.jitterNs);
    return Math.max(arrival + late, this.#lastArrival, this.#sim.now);
  }

  /** A frame that skips the delay travels outside the ring, as an event of its own. */
  #overtake(p: Packet, departure: Nanos): void {
    const sim = this.#sim;
    this.frames++;
    this.bytes += p.end - p.start;
    if (sim.fingerprinting) sim.fingerprint.record(sim.now, this.#number, p);
    sim.at(departure, { label: this.label, fire: () => this.#to.receiveFrame(p) });
  }

  #grow(): void {
    const old = this.#packets.length;
    const capacity = old * 2;
    const packets: (Packet | undefined)[] = new Array(capacity).fill(undefined);
    const arrivals = new Float64Array(capacity);
    const sequences = new Float64Array(capacity);
    const departures = new Float64Array(capacity);
    for (let i = this.#head; i < this.#tail; i++) {
      const from = i & (old - 1);
      const to = i & (capacity - 1);
      packets[to] = this.#packets[from];
      arrivals[to] = this.#arrivals[from] as number;
      sequences[to] = this.#sequences[from] as number;
      departures[to] = this.#departures[from] as number;
    }
    this.#packets = packets;
    this.#arrivals = arrivals;
    this.#sequences = sequences;
    this.#departures = departures;
  }
}

/** A cable between two ports: two lines, and a carrier that both ends see. */
export class Cable {
  readonly sim: Simulation;
  readonly name: string;
  readonly ends: readonly [Port, Port];
  readonly lines: readonly [Line, Line];
  #up = true;
  #draws: RandomStream | undefined;

  constructor(sim: Simulation, number: number, a: Port, b: Port) {
    this.sim = sim;
    this.name = `${a.label} ${b.label}`;
    this.ends = [a, b];
    this.lines = [new Line(sim, this, 2 * number, a, b), new Line(sim, this, 2 * number + 1, b, a)];
  }

  get up(): boolean {
    return this.#up;
  }

  /** The random stream of this cable's faults. */
  get draws(): RandomStream {
    this.#draws ??= this.sim.rng(`cable ${this.name}`);
    return this.#draws;
  }

  /** Plugs the cable in, or pulls it: both ends see the carrier change, and what is in flight is lost. */
  setUp(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    for (const end of this.ends) end.carrierChanged(up);
  }

  /** The line on which `port` sends. */
  lineFrom(port: Port): Line {
    return this.ends[0] === port ? this.lines[0] : this.lines[1];
  }
  /** The port at the other end. */
  peerOf(port: Port): Port {
    return this.ends[0] === port ? this.ends[1] : this.ends[0];
  }

  /** Sets both directions, or only the one that starts at `from`. What is not named stays as it is. */
  tune(change: Partial<LineQuality>, from?: Port): void {
    for (const line of from === undefined ? this.lines : [this.lineFrom(from)]) {
      line.quality = { ...line.quality, ...change };
    }
  }

  /** What a card at its end reports as its speed. */
  get speedBps(): number {
    return this.lines[0].quality.rateBps || UNRATED_SPEED_BPS;
  }
}

function flipBit(p: Packet, draw: RandomStream): void {
  const bit = draw.int((p.end - p.start) * 8);
  const at = p.start + (bit >> 3);
  p.buf[at] = (p.buf[at] as number) ^ (1 << (bit & 7));
  p.sumFrom = -1;
}
