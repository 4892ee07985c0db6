import type { Os, OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Parameters, Results, StreamResult } from "../../protocols/iperf3/wire.ts";
import type { Stream } from "./stream.ts";

/** A test while it runs, on one side: its streams, its intervals, its end. */
export class TestRun {
  readonly parameters: Parameters;
  readonly client: boolean;
  readonly streams: Stream[] = [];
  /** Called at the end of each interval. */
  onInterval: (() => void) | undefined;
  /** Called when it has lasted as long, or moved as much, as was asked for. */
  onDone: (() => void) | undefined;
  /** What the other side told. */
  remote: Results | undefined;
  congestion = "";
  omitting = false;
  readonly #os: Os;
  readonly #interval: Nanos;
  readonly #tick: OsAlarm;
  readonly #end: OsAlarm;
  readonly #omit: OsAlarm;
  #beganAt: Nanos = 0;
  #gatheredAt: Nanos = 0;
  #endsAt: Nanos = NEVER;
  /** Seconds that it lasted, what was omitted left out. */
  lasted = 0;
  started = false;
  #finished = false;

  /** `interval`: seconds between reports; 0: none. */
  constructor(os: Os, parameters: Parameters, client: boolean, interval: number) {
    this.#os = os;
    this.parameters = parameters;
    this.client = client;
    this.#interval = interval === 0 ? NEVER : Math.round(interval * S);
    this.#end = os.alarm(() => this.onDone?.());
    this.#tick = os.alarm(() => this.#report());
    this.#omit = os.alarm(() => this.#omitted());
  }

  /** This side sends (first), or receives. */
  get directions(): readonly boolean[] {
    const { bidirectional, reverse } = this.parameters;
    if (bidirectional) return this.client ? [true, false] : [false, true];
    return [this.client !== reverse];
  }

  start(): void {
    const { omit, time } = this.parameters;
    const now = this.#os.now();
    this.started = true;
    this.omitting = omit > 0;
    this.#begin(now);
    if (omit > 0) this.#omit.set(now + omit * S);
    if (this.client && time > 0) {
      this.#endsAt = now + (omit + time) * S;
      this.#end.set(this.#endsAt);
    }
    for (const s of this.streams) {
      s.onBlock = () => this.#checkAmount();
      s.start();
    }
  }

  /** Ends it: the last interval is gathered. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    for (const alarm of [this.#tick, this.#end, this.#omit]) alarm.set(NEVER);
    for (const s of this.streams) s.stop();
    if (!this.started) return;
    this.#gather();
    this.lasted = (this.#os.now() - this.#beganAt) / S;
  }
  close(): void {
    this.finish();
    for (const s of this.streams) s.close();
  }

  results(serverOutput?: string): Results {
    const sends = this.streams.some((s) => s.sender);
    const streams = this.streams.map(
      (s): StreamResult => ({
        id: s.id,
        bytes: s.bytes,
        retransmits: s.sender && !this.parameters.udp ? s.retransmits : s.sender ? 0 : -1,
        jitter: s.jitter,
        errors: s.countedErrors,
        packets: s.countedPackets,
        startTime: 0,
        endTime: this.lasted,
      }),
    );
    const has = sends ? (this.parameters.udp ? 0 : 1) : -1;
    return {
      senderHasRetransmits: has,
      congestion: this.congestion,
      ...(serverOutput === undefined ? {} : { serverOutput }),
      streams,
    };
  }
  /** What the other side told of a stream. */
  remoteOf(s: Stream): StreamResult | undefined {
    return this.remote?.streams.find((r) => r.id === s.id);
  }

  #begin(now: Nanos): void {
    this.#beganAt = this.#gatheredAt = now;
    this.#tick.set(now + this.#interval);
  }
  #gather(): void {
    const now = this.#os.now();
    for (const s of this.streams)
      s.gather((this.#gatheredAt - this.#beganAt) / S, (now - this.#beganAt) / S, this.omitting);
    this.#gatheredAt = now;
  }
  #report(): void {
    const now = this.#os.now();
    if (now >= this.#endsAt) return; // the end gathers it
    this.#gather();
    this.onInterval?.();
    this.#tick.set(now + this.#interval);
  }
  #omitted(): void {
    if (this.#os.now() > this.#gatheredAt) {
      this.#gather();
      this.onInterval?.();
    }
    this.omitting = false;
    for (const s of this.streams) s.reset();
    this.#begin(this.#os.now());
  }
  #checkAmount(): void {
    const { num, blockcount } = this.parameters;
    if (!this.client || this.omitting || this.#finished) return;
    const sum = (of: (s: Stream) => number): number => this.streams.reduce((n, s) => n + of(s), 0);
    const enough = (num > 0 && sum((s) => s.bytes) >= num) || (blockcount > 0 && sum((s) => s.blocks) >= blockcount);
    if (!enough) return;
    for (const s of this.streams) s.stop();
    this.onDone?.();
  }
  /** Octets came: for tests that end by amount in reverse. */
  received(): void {
    this.#checkAmount();
  }
}
