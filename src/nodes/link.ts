import { type DropReason, dropReason } from "../core/drop.ts";
import type { Packet } from "../core/packet.ts";
import type { Handler } from "../core/queue.ts";
import type { RandomStream } from "../core/rng.ts";
import type { Simulation } from "../core/sim.ts";
import { type Nanos, S } from "../core/time.ts";
import { FrameRing } from "./frame-ring.ts";

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

// A line's numbers in the simulation's slab: one cache line.
const FREE_AT = 0;
/** Bit-nanoseconds that whole nanoseconds left over, in units of 1/rate ns: carried to the next frame. */
const REMAINDER = 1;
const LAST_ARRIVAL = 2;
/** When the frame in the event queue left, or will leave, its sender. */
const FIRST_DEPARTURE = 3;
const FRAMES = 4;
const BYTES = 5;
const RATE = 6;
const DELAY = 7;
const CELLS = 8;
/** Bits of a sequence number that tell the frame in the event queue: a small integer. */
const OWN_SEQUENCE = 0x3fff_ffff;

/**
 * One direction of a cable. Frames arrive in the order they were sent, so only the first in flight stands in the event
 * queue, under the sequence number that it got when it was sent; the others wait in a ring behind it.
 */
export class Line implements Handler {
  readonly #sim: Simulation;
  /** First of its cells in `sim.slab`. */
  readonly #at: number;
  #up = true;
  #faulty = false;
  /** The frame that stands in the event queue, and under which number: an event under another one was left by a cut. */
  #first: Packet | null = null;
  #firstAs = -1;
  /** Those behind it. Made when a frame is sent while another is in flight. */
  #ring: FrameRing | null = null;
  /** Departures of the frames that wait for the line and do not travel in the ring: lost ones, and those that overtake. */
  #strays: Nanos[] | null = null;
  /** How often the cable was cut. */
  #cuts = 0;
  readonly #to: Port;
  readonly #from: Port;
  /** Twice the cable's number, plus one for the direction from its second end. */
  readonly #number: number;
  readonly #cable: Cable;
  #quality: LineQuality = PERFECT_LINE;
  readonly label: string;

  constructor(sim: Simulation, cable: Cable, number: number, from: Port, to: Port) {
    this.#sim = sim;
    this.#at = sim.slab.reserve(CELLS);
    this.#to = to;
    this.#from = from;
    this.#number = number;
    this.#cable = cable;
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
    const { cells } = this.#sim.slab;
    cells[this.#at + RATE] = q.rateBps;
    cells[this.#at + DELAY] = q.delayNs;
    cells[this.#at + REMAINDER] = 0;
  }

  /** The instant at which the sender may put the next frame on the line. */
  get freeAt(): Nanos {
    return this.#sim.slab.cells[this.#at + FREE_AT] as number;
  }
  /** Frames put on the line so far, and their bytes. */
  get frames(): number {
    return this.#sim.slab.cells[this.#at + FRAMES] as number;
  }
  get bytes(): number {
    return this.#sim.slab.cells[this.#at + BYTES] as number;
  }

  /** Follows the cable: whether anything gets through. What waits or is in flight when it is cut is lost. */
  set up(up: boolean) {
    this.#up = up;
    if (!up) this.#lose();
  }

  /** Takes a frame from the sender, and ownership of it. */
  transmit(p: Packet): void {
    if (!this.#up) return this.#from.frameLost(p, NO_CARRIER);
    const departure = this.#departure(p);
    if (departure < 0) return this.#from.frameLost(p, QUEUE_FULL);
    if (this.#faulty) return this.#transmitFaulty(p, departure);
    this.#dispatch(p, departure, departure + (this.#sim.slab.cells[this.#at + DELAY] as number));
  }

  fire(sequence: number): void {
    if ((sequence & OWN_SEQUENCE) !== this.#firstAs) return;
    const p = this.#first as Packet;
    const ring = this.#ring;
    if (ring === null || ring.size === 0) {
      this.#first = null;
      this.#firstAs = -1;
    } else {
      this.#first = ring.shift();
      this.#firstAs = ring.sequence & OWN_SEQUENCE;
      this.#sim.slab.cells[this.#at + FIRST_DEPARTURE] = ring.departure;
      this.#sim.atSequence(ring.arrival, ring.sequence, this);
    }
    this.#to.receiveFrame(p);
  }

  #lose(): void {
    const { cells } = this.#sim.slab;
    cells[this.#at + FREE_AT] = this.#sim.now;
    cells[this.#at + REMAINDER] = 0;
    cells[this.#at + LAST_ARRIVAL] = 0;
    this.#cuts++;
    this.#strays = null;
    const first = this.#first;
    if (first === null) return;
    this.#first = null;
    this.#firstAs = -1;
    this.#from.frameLost(first, NO_CARRIER);
    while (this.#ring !== null && this.#ring.size > 0) this.#from.frameLost(this.#ring.shift(), NO_CARRIER);
  }

  /** When the frame's last bit leaves the sender; -1 when too many wait already. */
  #departure(p: Packet): Nanos {
    const { cells } = this.#sim.slab;
    const at = this.#at;
    const now = this.#sim.now;
    const rate = cells[at + RATE] as number;
    let free = cells[at + FREE_AT] as number;
    if (rate === 0) return Math.max(free, now);
    let work = (Math.max(p.end - p.start, FRAME_MIN_BYTES) + FRAME_OVERHEAD_BYTES) * 8 * S;
    if (free < now) free = now;
    else {
      if (this.#backlog(now) > this.#quality.queueFrames) return -1;
      work += cells[at + REMAINDER] as number;
    }
    const span = Math.floor(work / rate);
    cells[at + REMAINDER] = work - span * rate;
    return (cells[at + FREE_AT] = free + span);
  }

  /** Frames that have not left the sender, the one on the line included. */
  #backlog(now: Nanos): number {
    const first = this.#first !== null && (this.#sim.slab.cells[this.#at + FIRST_DEPARTURE] as number) > now ? 1 : 0;
    return first + (this.#ring?.countAfter(now) ?? 0) + (this.#strays === null ? 0 : this.#straysAfter(now));
  }

  #straysAfter(now: Nanos): number {
    const left = (this.#strays ?? []).filter((departure) => departure > now);
    this.#strays = left.length === 0 ? null : left;
    return left.length;
  }

  /** Sends a frame on its way. It arrives at `wanted`, or right behind the one before it where that is later. */
  #dispatch(p: Packet, departure: Nanos, wanted: Nanos): void {
    const sim = this.#sim;
    const { cells } = sim.slab;
    const at = this.#at;
    this.#count(p);
    const sequence = sim.nextSequence();
    const last = cells[at + LAST_ARRIVAL] as number;
    const arrival = Math.max(wanted, last);
    cells[at + LAST_ARRIVAL] = arrival;
    if (this.#first === null) {
      this.#first = p;
      this.#firstAs = sequence & OWN_SEQUENCE;
      cells[at + FIRST_DEPARTURE] = departure;
      sim.atSequence(arrival, sequence, this);
    } else {
      this.#ring ??= new FrameRing();
      this.#ring.push(p, arrival, sequence, departure);
    }
  }

  #count(p: Packet): void {
    const sim = this.#sim;
    const { cells } = sim.slab;
    cells[this.#at + FRAMES]! += 1;
    cells[this.#at + BYTES]! += p.end - p.start;
    if (sim.fingerprinting) sim.fingerprint.record(sim.now, this.#number, p);
  }

  #transmitFaulty(p: Packet, departure: Nanos): void {
    const q = this.#quality;
    const draw = this.#cable.draws;
    if (q.blocked) return this.#loseOne(p, departure, BLOCKED);
    if (q.mtuBytes > 0 && p.end - p.start > q.mtuBytes) return this.#loseOne(p, departure, TOO_LONG);
    if (draw.chance(q.loss)) return this.#loseOne(p, departure, LOST);
    if (draw.chance(q.corrupt)) flipBit(p, draw);
    const copies = draw.chance(q.duplicate) ? 2 : 1;
    for (let i = copies; i > 0; i--) {
      const frame = i > 1 ? this.#sim.pool.clone(p) : p;
      if (draw.chance(q.reorder)) this.#overtake(frame, departure);
      else this.#dispatch(frame, departure, this.#jittered(departure, draw));
    }
  }

  /** The arrival of a delayed frame, never before it has left. */
  #jittered(departure: Nanos, draw: RandomStream): Nanos {
    const { delayNs, jitterNs } = this.#quality;
    const late = jitterNs === 0 ? 0 : Math.floor((2 * draw.float() - 1) * jitterNs);
    return Math.max(departure + delayNs + late, departure);
  }

  /** A frame that skips the delay travels outside the ring, as an event of its own. */
  #overtake(p: Packet, departure: Nanos): void {
    this.#count(p);
    this.#stray(departure);
    const cuts = this.#cuts;
    const fire = (): void => {
      if (cuts === this.#cuts) this.#to.receiveFrame(p);
      else this.#from.frameLost(p, NO_CARRIER);
    };
    this.#sim.at(departure, { label: this.label, fire });
  }

  /** A frame that ends on the line. It keeps the line busy until its departure all the same. */
  #loseOne(p: Packet, departure: Nanos, reason: DropReason): void {
    this.#stray(departure);
    this.#from.frameLost(p, reason);
  }

  #stray(departure: Nanos): void {
    if (departure > this.#sim.now) (this.#strays ??= []).push(departure);
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
    for (const line of this.lines) line.up = up;
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
