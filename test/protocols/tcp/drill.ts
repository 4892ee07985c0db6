import type { DropReason } from "../../../src/core/drop.ts";
import { DROP_REASONS } from "../../../src/core/drop.ts";
import type { Errno } from "../../../src/core/errno.ts";
import { type Packet, PacketPool } from "../../../src/core/packet.ts";
import { MS, type Nanos } from "../../../src/core/time.ts";
import type { CongestionControl } from "../../../src/protocols/tcp/congestion/control.ts";
import { Cubic } from "../../../src/protocols/tcp/congestion/cubic.ts";
import { TcpConnection } from "../../../src/protocols/tcp/connection.ts";
import type { TcpHost, TcpPath, TcpUser } from "../../../src/protocols/tcp/host.ts";
import { readSegment } from "../../../src/protocols/tcp/input.ts";
import { encodeOptions, type SackBlock, type TcpOption } from "../../../src/protocols/tcp/option-values.ts";
import { TcpDefaults, type TcpSettings } from "../../../src/protocols/tcp/settings.ts";
import { stateName, type TcpState } from "../../../src/protocols/tcp/state.ts";
import {
  decode,
  encode,
  encodedLength,
  HEADER,
  seal,
  type TcpHeader,
  verify,
} from "../../../src/protocols/tcp/wire.ts";

/** A segment that a test sends to the connection. Sequence numbers count from the initial ones; what is left out is as the connection expects it. */
export interface Inject {
  /** Letters of `FSRPAUEC`; `A` when left out. */
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  /** The field. */
  readonly win?: number;
  readonly data?: Uint8Array | number;
  readonly sack?: readonly (readonly [number, number])[];
  /** Echo of a timestamp: milliseconds of simulated time; the newest when left out. */
  readonly echo?: number;
  /** The timestamp itself, counted from when the drill began. */
  readonly stamp?: number;
  readonly options?: readonly TcpOption[];
  /** Codepoint of the IP header. */
  readonly ecn?: number;
}

const FLAGS = "FSRPAUEC";
export const LOCAL = 0x0a000001;
export const REMOTE = 0x0a000002;
/** Of the connection's timestamps. */
const STAMP_OFFSET = 77;
const NO_PATH: TcpPath = {
  advmss: 0,
  window: 0,
  initcwnd: 0,
  initrwnd: 0,
  ssthresh: 0,
  reordering: 0,
  rtoMinMs: 0,
  quickack: 0,
  ecn: 0,
};

/** One connection without a node: the test is its peer, its clock and its program. */
export class Drill implements TcpHost, TcpUser {
  readonly settings: TcpSettings;
  readonly pool = new PacketPool();
  readonly c: TcpConnection;
  readonly news: string[] = [];
  /** What it has sent and the test has not taken. */
  #out: { readonly at: Nanos; readonly tcp: TcpHeader; readonly data: Uint8Array; readonly ecn: number }[] = [];
  readonly received: number[] = [];
  /** When the SYN went out that the peer answers. */
  #echo: Nanos = 0;
  mtu = 1500;
  pathInfo: TcpPath = NO_PATH;
  now: Nanos = 0;
  /** The initial sequence numbers: its own, and the peer's. */
  readonly iss: number;
  readonly irs: number;
  timestamps = true;
  /** Sends refused by a full queue of the node. */
  refusing = false;
  challenges = Number.POSITIVE_INFINITY;
  roomToEstablish = true;
  /** What the program does when it is told something next. */
  reaction: (() => void) | null = null;

  constructor(
    settings: Partial<TcpSettings> = {},
    { iss = 1000, irs = 5_000_000, control = new Cubic() as CongestionControl } = {},
  ) {
    this.settings = Object.assign(new TcpDefaults(), settings);
    this.iss = iss | 0;
    this.irs = irs | 0;
    this.c = new TcpConnection(this, this, control);
    Object.assign(this.c, {
      localAddress: LOCAL,
      localPort: 1000,
      remoteAddress: REMOTE,
      remotePort: 80,
      stampOffset: STAMP_OFFSET,
    });
  }

  // --- the peer ----------------------------------------------------------------------------------------------------

  /** Connects; the SYN-ACK with `options` comes after `rtt` milliseconds. */
  open(options: readonly TcpOption[] = SYN_OPTIONS, win = 65_535, rtt = 100): this {
    const start = this.now;
    this.connect();
    this.#out = [];
    this.advance(rtt);
    this.#echo = start;
    this.inject({ flags: "SA", seq: 0, ack: 1, win, options: this.#stamped(options) });
    this.#out = [];
    this.news.length = 0;
    return this;
  }
  connect(): this {
    this.c.connect(this.now, this.iss);
    return this;
  }

  /** The peer's SYN comes to a listener, which makes this connection of it. */
  listen(options: readonly TcpOption[] = SYN_OPTIONS, flags = "S"): this {
    const p = this.#segment({ flags, seq: 0, ack: 0, options: this.#stamped(options) });
    this.c.accept(this.now, readSegment(p, 0), this.iss);
    this.pool.release(p);
    return this;
  }

  /** Returns false when the connection wants a reset sent. */
  inject(s: Inject = {}): boolean {
    const p = this.#segment(s);
    const taken = this.c.receive(this.now, p, s.ecn ?? 0);
    if (!taken) this.pool.release(p);
    return taken;
  }

  /** Lets time pass, and serves deadlines. */
  advance(ms: number): this {
    const until = this.now + ms * MS;
    for (let i = 0; this.c.deadline <= until && i < 100_000; i++) {
      this.now = Math.max(this.now, this.c.deadline);
      this.c.tick(this.now);
    }
    this.now = until;
    return this;
  }

  /** What was sent since the last call, as lines: `12: PA 1 1 len 100 win 502 sack 5-9`. Times in milliseconds, when asked for. */
  take(how: { readonly times?: boolean; readonly win?: boolean } = {}): string[] {
    const lines = this.#out.map(({ at, tcp, data, ecn }) => {
      const flags = [...FLAGS].filter((_, i) => (tcp.flags & (1 << i)) !== 0).join("");
      const sack = tcp.options.find((o) => o.kind === "sack");
      const blocks = sack?.kind === "sack" ? sack.blocks : [];
      return [
        how.times ? `${Math.round(at / 1000) / 1000}:` : "",
        flags,
        (tcp.seq - this.iss) >>> 0,
        (tcp.flags & 16) !== 0 ? (tcp.ack - this.irs) >>> 0 : "",
        data.length > 0 ? `len ${data.length}` : "",
        how.win ? `win ${tcp.window}` : "",
        blocks.length > 0 ? `sack ${blocks.map((b) => this.#block(b)).join(" ")}` : "",
        ecn !== 0 ? "ect" : "",
      ]
        .filter((part) => part !== "")
        .join(" ");
    });
    this.#out = [];
    return lines;
  }
  /** The headers that were sent since the last call. */
  takeHeaders(): TcpHeader[] {
    const headers = this.#out.map((o) => o.tcp);
    this.#out = [];
    return headers;
  }
  /** The data that was sent since the last call, in the order in which it went out. */
  takeData(): Uint8Array[] {
    const data = this.#out.map((o) => o.data);
    this.#out = [];
    return data;
  }
  /** Data that was sent since the last call, and the sequence numbers where it begins. */
  takeSegments(): { readonly seq: number; readonly data: Uint8Array }[] {
    const segments = this.#out.map(({ tcp, data }) => ({ seq: (tcp.seq - this.iss) >>> 0, data }));
    this.#out = [];
    return segments;
  }
  get sent(): number {
    return this.#out.length;
  }

  /** Writes `n` octets that tell their place. */
  write(n: number): number {
    const start = this.c.snd.queue.end;
    const octets = new Uint8Array(n);
    for (let i = 0; i < n; i++) octets[i] = start + i;
    return this.c.write(this.now, octets, 0, n);
  }
  read(): this {
    this.c.setReading(this.now, true);
    this.c.wantEnd(this.now);
    return this;
  }
  get state(): string {
    return stateName(this.c.state);
  }

  /** Everything that counts segments counts them right, and nothing is lost or kept for ever. */
  check(): void {
    const { sent } = this.c.snd;
    const counted = [sent.sackedOut, sent.lostOut, sent.retransOut];
    if (counted.some((n) => n < 0) || sent.inFlight < 0) throw new Error(`counters: ${counted} of ${sent.packetsOut}`);
    if (this.c.sackOk) {
      sent.recount();
      if ([sent.sackedOut, sent.lostOut, sent.retransOut].some((n, i) => n !== counted[i]))
        throw new Error(`counted ${counted}, there are ${[sent.sackedOut, sent.lostOut, sent.retransOut]}`);
    }
    if (this.c.rcv.memory < 0) throw new Error(`memory ${this.c.rcv.memory}`);
    if (this.c.snd.cwnd < 1) throw new Error(`cwnd ${this.c.snd.cwnd}`);
  }

  // --- the host ----------------------------------------------------------------------------------------------------

  alloc(length: number): Packet {
    return this.pool.alloc(length);
  }
  transmit(p: Packet, ecn: number): boolean {
    if (!this.refusing) {
      if (p.sumFrom < p.start) throw new Error("the sum of the data is not known");
      if (verify(p.buf, p.start, p.end, LOCAL, REMOTE) !== "good") throw new Error("bad checksum");
      const header = decode(p.buf, p.start, p.end);
      if (!header.ok) throw new Error(header.why);
      const length = p.end - p.start;
      if (length + 20 > this.mtu) throw new Error(`${length} octets do not fit`);
      const data = p.buf.slice(p.start + HEADER + header.value.optionsRaw.length, p.end);
      this.#out.push({ at: this.now, tcp: header.value, data, ecn });
    }
    const { owner, charge } = p;
    p.owner = null;
    owner?.left(this.refusing ? -1 : this.now, charge);
    this.pool.release(p);
    return true;
  }
  consume(p: Packet): void {
    this.pool.release(p);
  }
  drop(p: Packet, reason: DropReason): void {
    this.news.push(`drop: ${DROP_REASONS[reason]}`);
    this.pool.release(p);
  }
  pathMtu(): number {
    return this.mtu;
  }
  path(): TcpPath {
    return this.pathInfo;
  }
  pathSuspect(): void {
    this.news.push("path suspect");
  }
  mayChallenge(): boolean {
    return this.challenges-- > 0;
  }
  rearm(): void {}
  stateChanged(from: TcpState): void {
    this.news.push(`${stateName(from)} to ${stateName(this.c.state)}`);
  }
  mayEstablish(): boolean {
    return this.roomToEstablish;
  }
  connected(): void {
    this.#tell("connected");
  }
  data(b: Uint8Array, o: number, end: number): void {
    this.received.push(...b.slice(o, end));
    this.#react();
  }
  ended(): void {
    this.#tell("ended");
  }
  writable(): void {
    this.#tell("writable");
  }
  failed(errno: Errno): void {
    this.#tell(errno);
  }

  // --- helpers -----------------------------------------------------------------------------------------------------

  #tell(news: string): void {
    this.news.push(news);
    this.#react();
  }
  #react(): void {
    const { reaction } = this;
    this.reaction = null;
    reaction?.();
  }

  #block(b: SackBlock): string {
    return `${(b.left - this.irs) >>> 0}-${(b.right - this.irs) >>> 0}`;
  }

  #stamped(options: readonly TcpOption[]): TcpOption[] {
    this.timestamps = options.some((o) => o.kind === "timestamps");
    return this.#stampZero(options);
  }
  /** Timestamps of 0 are those of now. */
  #stampZero(options: readonly TcpOption[]): TcpOption[] {
    return options.map((o) =>
      o.kind === "timestamps" && o.tsval === 0
        ? { ...o, tsval: this.#stamp(), tsecr: (this.#echo / MS + STAMP_OFFSET) >>> 0 }
        : o,
    );
  }
  #stamp(): number {
    return (1_000_000 + Math.floor(this.now / MS)) >>> 0;
  }

  #segment(s: Inject): Packet {
    const { snd, rcv } = this.c;
    const data = typeof s.data === "number" ? new Uint8Array(s.data).fill(0x41) : (s.data ?? new Uint8Array(0));
    const options: TcpOption[] = this.#stampZero(s.options ?? []);
    if (s.options === undefined && this.timestamps) {
      const tsecr = ((s.echo ?? Math.floor(this.now / MS)) + STAMP_OFFSET) >>> 0;
      const tsval = s.stamp === undefined ? this.#stamp() : (1_000_000 + s.stamp) >>> 0;
      options.push({ kind: "nop" }, { kind: "nop" }, { kind: "timestamps", tsval, tsecr });
    }
    if (s.sack !== undefined) {
      const blocks = s.sack.map(([left, right]) => ({
        left: (this.iss + left) >>> 0,
        right: (this.iss + right) >>> 0,
      }));
      options.push({ kind: "nop" }, { kind: "nop" }, { kind: "sack", blocks });
    }
    const optionsRaw = encodeOptions(options);
    const flags = [...(s.flags ?? "A")].reduce((sum, f) => sum | (1 << FLAGS.indexOf(f)), 0);
    const header: TcpHeader = {
      sport: 80,
      dport: 1000,
      seq: (s.seq === undefined ? rcv.nxt : this.irs + s.seq) >>> 0,
      ack: (s.ack === undefined ? snd.una : this.iss + s.ack) >>> 0,
      flags,
      window: s.win ?? 512,
      checksum: 0,
      urgent: 0,
      optionsRaw,
      options: [],
      optionsFault: -1,
    };
    const p = this.pool.alloc(encodedLength(header) + data.length);
    encode(header, p.buf, p.start);
    p.buf.set(data, p.start + encodedLength(header));
    seal(p.buf, p.start, p.end, REMOTE, LOCAL);
    return p;
  }
}

/** What a peer like Linux offers. Timestamps are filled in. */
export const SYN_OPTIONS: readonly TcpOption[] = [
  { kind: "mss", mss: 1460 },
  { kind: "sackPermitted" },
  { kind: "timestamps", tsval: 0, tsecr: 0 },
  { kind: "nop" },
  { kind: "windowScale", shift: 7 },
];
/** A peer of 1981. */
export const PLAIN: readonly TcpOption[] = [{ kind: "mss", mss: 1460 }];
/** Without timestamps, so that round trips come from segments alone; segments are as long as with them. */
export const SACK_ONLY: readonly TcpOption[] = [
  { kind: "mss", mss: 1448 },
  { kind: "sackPermitted" },
  { kind: "nop" },
  { kind: "windowScale", shift: 7 },
];
