import type { Ipv4 } from "../../core/addr.ts";
import type { DatagramInfo, OsAlarm } from "../../core/os.ts";
import type { RandomStream } from "../../core/rng.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { ZebraInterface } from "../../frr/zapi.ts";
import type { Ospf } from "./model.ts";

/**
 * What time ospfd itself takes, as measured with FRR 8.4.4 on Linux. It decides races that the protocol leaves open: whether an advertisement is five seconds old
 * when a retransmission is due, and whether two come a second apart.
 */

/** From a packet's arrival until the process runs. */
const WAKE_LEAST: Nanos = 40_000;
const WAKE_SPREAD = 60_000;
/** What a timer's work, or one reading of the socket, takes. */
const TASK_LEAST: Nanos = 60_000;
const TASK_SPREAD = 80_000;
const CHANGE: Nanos = 80_000;
/** What reading an octet takes, with all that follows from it. */
const OCTET: Nanos = 400;
/** ospfd/ospfd.h:OSPF_WRITE_INTERFACE_COUNT_DEFAULT: packets that are read before anything else is done. */
const READ_AT_ONCE = 20;
/** Octets that a socket holds (net.core.rmem_default). */
const BUFFER_MAX = 212_992;
/** From a carrier's change until ospfd knows: the kernel's link watch, zebra, and ospfd's turn. */
const NEWS_LEAST: Nanos = 1_000_000;
const NEWS_TYPICAL: Nanos = 400_000;
const NEWS_MAX: Nanos = 5_000_000;

/**
 * poll(2) may sleep longer by a thousandth (fs/select.c:__estimate_accuracy). ospfd never sleeps longer than a second: then acknowledgements are due.
 */
const SLACK = 1000;
const SLEEP_MAX: Nanos = S;
const SLACK_LEAST: Nanos = 50_000;
const TURN_TYPICAL: Nanos = 20_000;
const TURN_MAX: Nanos = 4_000_000;

/** How long a process that may run waits for a processor: often not at all, sometimes a millisecond. */
function turn(paces: RandomStream, typical: Nanos, max: Nanos): Nanos {
  const u = paces.int(1000);
  return Math.min(Math.floor((typical * u) / (1000 - u)), max);
}

/** Work that is due. False: it is not wanted any more, and took no time. */
type Task = () => boolean;

/** One processor does one thing after the other (lib/thread.c: the list `ready`). */
export class Tasks {
  readonly #ospf: Ospf;
  readonly #next: OsAlarm;
  readonly #ready: Task[] = [];
  #busyUntil: Nanos = 0;
  #effort: Nanos = 0;

  constructor(ospf: Ospf) {
    this.#ospf = ospf;
    this.#next = ospf.os.alarm(() => this.#work());
  }

  /** Something is to be done as soon as the process gets to it. */
  add(task: Task): void {
    this.#ready.push(task);
    const { now } = this.#ospf;
    if (this.#busyUntil <= now) this.#work();
    else if (this.#next.deadline > this.#busyUntil) this.#next.set(this.#busyUntil);
  }
  /** A timer is due: the process, if it sleeps, wakes a little late. */
  due(task: Task): void {
    this.#ready.push(task);
    if (this.#next.deadline !== NEVER) return;
    const { now, paces } = this.#ospf;
    if (now < this.#busyUntil) return this.#next.set(this.#busyUntil);
    const slack = Math.max(Math.floor(Math.min(now - this.#busyUntil, SLEEP_MAX) / SLACK), SLACK_LEAST);
    this.#next.set(now + paces.int(slack) + turn(paces, TURN_TYPICAL, TURN_MAX));
  }
  /** A neighbour or an interface is in another state, and the log says so. */
  changed(): void {
    this.#effort += CHANGE;
  }
  /** Packets were read. */
  read(octets: number): void {
    this.#effort += octets * OCTET;
  }
  #work(): void {
    const { now, paces } = this.#ospf;
    this.#next.set(NEVER);
    while (this.#ready.length > 0)
      if ((this.#ready.shift() as Task)()) {
        this.#busyUntil = now + TASK_LEAST + paces.int(TASK_SPREAD) + this.#effort;
        this.#effort = 0;
        break;
      }
    if (this.#ready.length > 0) this.#next.set(this.#busyUntil);
  }
}

/** A timer of the process: it rings a little late, and its work waits for what is being done. */
export class ProcessAlarm implements OsAlarm {
  readonly #ospf: Ospf;
  readonly #alarm: OsAlarm;
  #due = false;

  constructor(ospf: Ospf, ring: () => void) {
    this.#ospf = ospf;
    const task = (): boolean => {
      if (!this.#due) return false;
      this.#due = false;
      ospf.run(ring);
      return true;
    };
    this.#alarm = ospf.os.alarm(() => {
      this.#due = true;
      ospf.tasks.due(task);
    });
  }

  set(at: Nanos): void {
    this.#due = false;
    this.#alarm.set(at);
  }
  get deadline(): Nanos {
    return this.#due ? this.#ospf.now : this.#alarm.deadline;
  }
}

/** Octets of a packet that a place takes without being made for it. */
const ROOM = 2048;
/** Places kept for the next packets. */
const FREE_MAX = 4096;

/** What the process wants to know of a packet. */
export type Arrival = Pick<DatagramInfo, "source" | "destination" | "ifindex">;

/** A packet that waits. */
class Place implements Arrival {
  readonly bytes: Uint8Array;
  length = 0;
  source: Ipv4 = 0;
  destination: Ipv4 = 0;
  ifindex = 0;

  constructor(room: number) {
    this.bytes = new Uint8Array(room);
  }
  fill(b: Uint8Array, o: number, end: number, info: Arrival): void {
    this.bytes.set(b.subarray(o, end));
    this.length = end - o;
    this.source = info.source;
    this.destination = info.destination;
    this.ifindex = info.ifindex;
  }
}

type Reader = (b: Uint8Array, o: number, end: number, info: Arrival) => void;

/** Packets that have arrived and are not read yet. */
export class Inbox {
  /** Places that are free: the simulation's processes share them, and the one left last is still in the cache. */
  static readonly #free: Place[] = [];
  readonly #ospf: Ospf;
  readonly #read: Reader;
  readonly #alarm: OsAlarm;
  #waiting: Place[] = [];
  #octets = 0;

  constructor(ospf: Ospf, read: Reader) {
    this.#ospf = ospf;
    this.#read = read;
    const reading = (): void => this.#readSome();
    const task = (): boolean => {
      if (this.empty) return false;
      ospf.run(reading);
      if (!this.empty) this.#wake();
      return true;
    };
    this.#alarm = ospf.os.alarm(() => ospf.tasks.add(task));
  }

  put(b: Uint8Array, o: number, end: number, info: Arrival): void {
    if (this.#octets + end - o > BUFFER_MAX) return this.#ospf.drop("socket buffer full");
    this.#octets += end - o;
    const place = (end - o <= ROOM ? Inbox.#free.pop() : undefined) ?? new Place(Math.max(end - o, ROOM));
    place.fill(b, o, end, info);
    this.#waiting.push(place);
    if (this.#alarm.deadline === NEVER) this.#wake();
  }
  get empty(): boolean {
    return this.#waiting.length === 0;
  }
  close(): void {
    this.#alarm.set(NEVER);
    this.#waiting = [];
    this.#octets = 0;
  }

  #wake(): void {
    this.#alarm.set(this.#ospf.now + WAKE_LEAST + this.#ospf.paces.int(WAKE_SPREAD));
  }
  #readSome(): void {
    const some = this.#waiting;
    this.#waiting = some.splice(READ_AT_ONCE);
    for (const place of some) {
      const { bytes, length } = place;
      this.#octets -= length;
      this.#ospf.tasks.read(length);
      this.#read(bytes, 0, length, place);
      if (bytes.length === ROOM && Inbox.#free.length < FREE_MAX) Inbox.#free.push(place);
    }
  }
}

/** What zebra tells of devices: that one comes or goes takes a moment to get about. */
export class LinkNews {
  readonly #ospf: Ospf;
  readonly #tell: (device: ZebraInterface) => void;
  readonly #alarm: OsAlarm;
  readonly #pending = new Map<string, ZebraInterface>();

  constructor(ospf: Ospf, tell: (device: ZebraInterface) => void) {
    this.#ospf = ospf;
    this.#tell = tell;
    this.#alarm = ospf.os.alarm(() => ospf.run(() => this.#deliver()));
  }

  changed(device: ZebraInterface): void {
    const known = this.#ospf.devices.get(device.ifname);
    const same = known === undefined || (known.up === device.up && known.running === device.running);
    if (same && !this.#pending.has(device.ifname)) return this.#tell(device);
    this.#pending.set(device.ifname, device);
    if (this.#alarm.deadline === NEVER)
      this.#alarm.set(this.#ospf.now + NEWS_LEAST + turn(this.#ospf.paces, NEWS_TYPICAL, NEWS_MAX));
  }
  removed(ifname: string): void {
    this.#pending.delete(ifname);
  }
  close(): void {
    this.#alarm.set(NEVER);
    this.#pending.clear();
  }
  get empty(): boolean {
    return this.#pending.size === 0;
  }

  #deliver(): void {
    const news = [...this.#pending.values()];
    this.#pending.clear();
    for (const device of news) this.#tell(device);
  }
}
