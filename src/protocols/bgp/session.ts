import type { Ipv4 } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import type { TcpSocket } from "../../core/tcp-socket.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { bgp, type Config, type Effect, type Event, initial, type State } from "./machine.ts";
import type { Answer } from "./notification.ts";
import {
  type BgpMessage,
  decode,
  decodeHeader,
  EXTENDED_MESSAGE_MAX,
  encoded,
  HEADER,
  MESSAGE_MAX,
  messageLength,
  messageType,
  UPDATE,
} from "./wire.ts";

/** What a session asks of the neighbour that it belongs to. */
export interface SessionOwner {
  now(): Nanos;
  alarm(ring: () => void): OsAlarm;
  fsmConfig(): Config;
  /** Begins to connect; the session is told `connected` or `failed`. Undefined: it could not even be tried. */
  dial(session: Session): TcpSocket | undefined;
  /** The OPEN to send. */
  openFor(session: Session): BgpMessage;
  /** A message other than an UPDATE of an established session. */
  heard(session: Session, message: BgpMessage): void;
  /** An UPDATE in [o, end) of `b`, its header sound. */
  update(session: Session, b: Uint8Array, o: number, end: number): void;
  /** A NOTIFICATION as it is sent: perhaps inside of a hard reset. */
  dressed(session: Session, owed: Answer): Answer;
  /** What the machine says besides sending and closing. */
  happened(session: Session, effect: Effect): void;
  sent(type: number): void;
}

const NOTHING = new Uint8Array(0);
/** Octets that may wait for a neighbour that does not read. */
const QUEUE_MAX = 1 << 28;

/** One connection with a neighbour and its machine: octets in, messages out. */
export class Session {
  readonly owner: SessionOwner;
  readonly incoming: boolean;
  state: State = initial;
  socket: TcpSocket | undefined;
  /** What the neighbour's OPEN said its identifier is, once it is there. */
  remoteId: Ipv4 = 0;
  extendedMessages = false;
  /** When an UPDATE came last: the machine is told when its hold timer rings, not every time. */
  heardAt: Nanos = -1;
  lastReadAt: Nanos = -1;
  lastWriteAt: Nanos = -1;
  queuedBytes = 0;
  readonly #alarm: OsAlarm;
  /** The beginning of a message that is not whole yet: so many octets of a buffer. */
  #rest: Uint8Array = NOTHING;
  #kept = 0;
  #queue: Uint8Array[] = [];

  constructor(owner: SessionOwner, incoming: boolean) {
    this.owner = owner;
    this.incoming = incoming;
    this.#alarm = owner.alarm(() => this.#ring());
  }

  get established(): boolean {
    return this.state.role === "established";
  }

  feed(event: EventBody): void {
    const now = this.owner.now();
    const { state, effects } = bgp.step(this.state, { ...event, at: now, config: this.owner.fsmConfig() } as Event);
    this.state = state;
    this.#alarm.set(bgp.deadline(state));
    for (const effect of effects) this.#perform(effect);
  }
  /** A fault in what came: NOTIFICATION, and the end. */
  fault(owed: Answer, again = true): void {
    this.feed({ kind: "fault", owed, again });
  }

  /** Takes a connection that the neighbour has made. */
  accept(socket: TcpSocket): void {
    this.#attach(socket);
    this.feed({ kind: "accepted" });
  }

  send(m: BgpMessage): void {
    const b = encoded(m);
    this.owner.sent(messageType(b, 0));
    this.write(b);
  }
  /** Queues octets for the neighbour. They are copied. */
  write(b: Uint8Array): void {
    if (this.socket === undefined) return;
    this.lastWriteAt = this.owner.now();
    const taken = this.#queue.length > 0 ? 0 : this.socket.write(b);
    if (taken < b.length) this.#enqueue(taken === 0 ? b : b.subarray(taken));
  }

  #enqueue(b: Uint8Array): void {
    this.#queue.push(b.slice());
    this.queuedBytes += b.length;
    if (this.queuedBytes > QUEUE_MAX) this.feed({ kind: "failed" });
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "connect":
        return this.#dial();
      case "open":
        return this.send(this.owner.openFor(this));
      case "keepalive":
        return this.send({ kind: "keepalive" });
      case "notify":
        this.send({ kind: "notification", ...this.owner.dressed(this, effect.owed) });
        return this.owner.happened(this, effect);
      case "close":
        return this.close();
      default:
        return this.owner.happened(this, effect);
    }
  }

  #dial(): void {
    this.close();
    const socket = this.owner.dial(this);
    if (socket === undefined) return this.feed({ kind: "failed" });
    this.socket = socket;
  }
  /** The connection that `dial` has begun is there. */
  connected(socket: TcpSocket): void {
    if (this.socket !== socket) return;
    this.#attach(socket);
    this.feed({ kind: "connected" });
  }
  failed(socket: TcpSocket): void {
    if (this.socket !== socket) return;
    this.socket = undefined;
    this.feed({ kind: "failed" });
  }

  #attach(socket: TcpSocket): void {
    this.socket = socket;
    this.#rest = NOTHING;
    this.#kept = 0;
    this.#queue = [];
    this.queuedBytes = 0;
    this.extendedMessages = false;
    socket.onWritable(() => this.#flush());
    const lost = (): void => {
      if (this.socket === socket) this.feed({ kind: "failed" });
    };
    socket.onEnd(lost);
    socket.onError(lost);
    socket.onData((b, o, end) => this.#data(socket, b, o, end));
  }

  #flush(): void {
    while (this.socket !== undefined && this.#queue.length > 0) {
      const b = this.#queue[0] as Uint8Array;
      const n = this.socket.write(b);
      this.queuedBytes -= n;
      if (n < b.length) {
        this.#queue[0] = b.subarray(n);
        return;
      }
      this.#queue.shift();
    }
  }

  close(): void {
    const { socket } = this;
    this.socket = undefined;
    this.#queue = [];
    this.queuedBytes = 0;
    this.#rest = NOTHING;
    this.#kept = 0;
    socket?.close();
  }
  /** The way is gone: nothing that was sent need go on trying. */
  abort(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.abort();
    this.feed({ kind: "failed" });
  }
  /** Gives everything up without a word. */
  discard(): void {
    this.close();
    this.state = initial;
    this.#alarm.set(NEVER);
  }

  /** Octets of the stream: whole messages are taken where they lie, the beginning of another one is kept. */
  #data(socket: TcpSocket, b: Uint8Array, o: number, end: number): void {
    if (this.socket !== socket) return;
    this.lastReadAt = this.owner.now();
    let at = this.#completed(socket, b, o, end);
    while (this.socket === socket && end - at >= HEADER) {
      const length = this.#one(b, at, end);
      if (length === 0) break;
      at += length;
    }
    if (this.socket === socket && at < end) this.#keep(b, at, end);
  }

  /** The message that began earlier takes what it lacks: first a header, then as much as that says. Returns where the rest begins. */
  #completed(socket: TcpSocket, b: Uint8Array, o: number, end: number): number {
    let at = o;
    while (this.socket === socket && this.#kept > 0 && at < end) {
      const length = this.#kept < HEADER ? HEADER : messageLength(this.#rest, 0);
      const n = Math.min(length - this.#kept, end - at);
      this.#keep(b, at, at + n);
      at += n;
      if (this.#kept >= HEADER && this.#one(this.#rest, 0, this.#kept) > 0) this.#kept = 0;
    }
    return at;
  }
  #keep(b: Uint8Array, o: number, end: number): void {
    const needed = this.#kept + end - o;
    if (needed > this.#rest.length) {
      const larger = new Uint8Array(Math.max(2 * this.#rest.length, needed));
      larger.set(this.#rest.subarray(0, this.#kept));
      this.#rest = larger;
    }
    this.#rest.set(b.subarray(o, end), this.#kept);
    this.#kept = needed;
  }

  /** Takes the message at `o`; its length, or 0 when it is not whole, or was the last. */
  #one(b: Uint8Array, o: number, end: number): number {
    const header = decodeHeader(b, o, this.extendedMessages ? EXTENDED_MESSAGE_MAX : MESSAGE_MAX);
    if (!header.ok) {
      this.fault(header.answer);
      return 0;
    }
    const length = header.value;
    if (o + length > end) return 0;
    if (messageType(b, o) === UPDATE && this.state.role === "established") {
      this.heardAt = this.owner.now();
      this.owner.update(this, b, o, o + length);
      return length;
    }
    const got = decode(b, o, o + length);
    if (got.ok) this.owner.heard(this, got.value);
    else this.fault(got.answer);
    return length;
  }

  #ring(): void {
    if (this.heardAt >= 0 && this.state.role === "established") {
      const holdAt = this.state.holdS === 0 ? this.state.holdAt : this.heardAt + this.state.holdS * S;
      if (holdAt > this.state.holdAt) this.state = { ...this.state, holdAt };
    }
    this.feed({ kind: "tick" });
  }
}

/** An event without what every event has. */
export type EventBody = Event extends infer E ? (E extends Event ? Omit<E, "at" | "config"> : never) : never;
