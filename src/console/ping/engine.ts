import { type Ipv4, isMulticast } from "../../core/addr.ts";
import type { Errno } from "../../core/errno.ts";
import type { DatagramInfo, Os, OsAlarm, RawSocket } from "../../core/os.ts";
import { MS, type Nanos, NEVER, S, US } from "../../core/time.ts";
import { HEADER, ICMP_ECHO, seal, setId, setSeq } from "../../protocols/icmp/wire.ts";
import type { Ping, PingOptions, PingResult, PingWatch } from "./api.ts";
import { readMessage } from "./message.ts";
import { openPing } from "./socket.ts";
import { RttStatistics } from "./statistics.ts";

/** Round-trip times kept of one ping. */
export const RTTS_MAX = 100_000;
/** Octets of the time stamp that leads the data: a `struct timeval` of 64 bits. */
export const STAMP_BYTES = 16;

/**
 * Starts a ping. `onDone` is called once when it has ended, at once when it cannot begin. Requests leave through a raw ICMP
 * socket, as iputils' do where ping sockets are not allowed.
 */
export function startPing(
  os: Os,
  options: PingOptions,
  onDone: (result: PingResult) => void,
  watch: PingWatch = {},
): Ping {
  const opened = openPing(os, options);
  for (const text of opened.warnings) watch.warning?.(text);
  if (!opened.ok) {
    onDone(nothingDone(options, opened.why));
    return { stop: () => {} };
  }
  const to = options.to === 0 ? opened.source : options.to;
  watch.started?.(opened.source);
  return new PingRun(os, { ...options, to }, opened.socket, opened.source, onDone, watch);
}

const nothingDone = (o: PingOptions, refused: string): PingResult => ({
  to: o.to,
  source: 0,
  transmitted: 0,
  received: 0,
  duplicates: 0,
  errors: 0,
  lossPercent: 100,
  rttsNs: [],
  rtt: new RttStatistics(),
  pipe: 0,
  sendingNs: 0,
  intervalNs: o.intervalNs ?? S,
  status: 2,
  refused,
});

/** iputils' MININTERVAL: what an unanswered flood and a refused request wait for. */
const MIN_INTERVAL: Nanos = 10 * MS;
/** Between two requests of a flood: about what a real one's system calls take, so that time passes where links take none. */
const FLOOD_GAP: Nanos = 10 * US;
const TIMEOUT: Nanos = 10 * S;

/** `ping_common.c:main_loop` and `pinger`, woken by datagrams and alarms instead of polling. */
class PingRun implements Ping {
  readonly #os: Os;
  readonly #o: PingOptions;
  readonly #socket: RawSocket;
  readonly #source: Ipv4;
  readonly #onDone: (result: PingResult) => void;
  readonly #watch: PingWatch;
  readonly #id: number;
  readonly #message: Uint8Array;
  readonly #next: OsAlarm;
  readonly #end: OsAlarm;
  readonly #startedAt: Nanos;
  readonly #rtt = new RttStatistics();
  readonly #rttsNs: Nanos[] = [];
  /** When each request was sent, by sequence number, and which were answered: at most 65,536. */
  readonly #sentAt = new Map<number, Nanos>();
  readonly #answered = new Set<number>();
  readonly #preload: number;
  #intervalNs: Nanos;
  #lastAt: Nanos | undefined;
  #tokensNs: Nanos = 0;
  #slowdownUs = 0;
  #full = 0;
  #transmitted = 0;
  #received = 0;
  #duplicates = 0;
  #errors = 0;
  #acked = 0;
  #pipe = -1;
  #localMtu = 0;
  #lingering = false;
  #busy = false;
  #over = false;
  /** Datagrams that came while a request was being sent. */
  #early: (() => void)[] = [];

  constructor(
    os: Os,
    o: PingOptions,
    socket: RawSocket,
    source: Ipv4,
    onDone: (r: PingResult) => void,
    watch: PingWatch,
  ) {
    this.#os = os;
    this.#o = o;
    this.#socket = socket;
    this.#source = source;
    this.#onDone = onDone;
    this.#watch = watch;
    this.#id = o.id ?? os.rng("ping").u16();
    this.#message = blankMessage(o, this.#id);
    this.#intervalNs = o.intervalNs ?? S;
    this.#preload = o.preload ?? 1;
    this.#startedAt = os.now();
    this.#next = os.alarm(() => this.#turn());
    this.#end = os.alarm(() => this.stop());
    socket.onReceive((b, at, end, info) => this.#receive(b, at, end, info));
    socket.onError((e) => {
      if (e.errno === "EMSGSIZE") this.#localMtu = e.mtuBytes;
    });
    if (o.deadlineNs !== undefined) this.#end.set(this.#startedAt + o.deadlineNs);
    this.#turn();
  }

  stop(): void {
    if (!this.#over) this.#finish();
  }

  /** Sends what is due, and sleeps until more is. */
  #turn(): void {
    if (this.#busy || this.#over) return;
    this.#busy = true;
    let wait = 0;
    while (wait <= 0 && !this.#isOver()) {
      wait = this.#pinger();
      const early = this.#early;
      this.#early = [];
      for (const hear of early) hear();
    }
    this.#busy = false;
    if (this.#isOver()) return this.#finish();
    this.#linger();
    this.#next.set(this.#os.now() + wait);
  }

  #isOver(): boolean {
    const { count, deadlineNs } = this.#o;
    if (count !== undefined && this.#received + this.#errors >= count) return true;
    return deadlineNs !== undefined && this.#errors > 0;
  }

  #allSent(): boolean {
    const { count, deadlineNs } = this.#o;
    return count !== undefined && deadlineNs === undefined && this.#transmitted >= count;
  }

  /** `__schedule_exit`: after the last request, waits twice the longest round trip, or the timeout when nothing came. */
  #linger(): void {
    if (this.#lingering || !this.#allSent()) return;
    this.#lingering = true;
    const answered = Math.max(2 * this.#rtt.maxUs * US, this.#intervalNs);
    this.#end.set(this.#os.now() + (this.#received > 0 ? answered : (this.#o.timeoutNs ?? TIMEOUT)));
  }

  /** Sends one request if its time has come. The result is when to ask again, 0 or less: now. */
  #pinger(): Nanos {
    if (this.#allSent()) return S;
    const now = this.#os.now();
    if (this.#lastAt === undefined) {
      this.#tokensNs = this.#intervalNs * (this.#preload - 1);
    } else {
      const elapsed = now - this.#lastAt;
      if (this.#intervalNs === 0) {
        if (elapsed < MIN_INTERVAL && this.#inFlight() >= this.#preload) return MIN_INTERVAL - elapsed;
        if (elapsed < FLOOD_GAP && this.#transmitted >= this.#preload) return FLOOD_GAP - elapsed;
      }
      const tokens = Math.min(elapsed + this.#tokensNs, this.#intervalNs * this.#preload);
      if (tokens < this.#intervalNs) return this.#intervalNs - tokens;
      this.#tokensNs = tokens - this.#intervalNs;
    }
    this.#lastAt = now;
    if (this.#transmitted > 0 && !this.#answered.has(this.#transmitted & 0xffff))
      this.#watch.outstanding?.(this.#transmitted & 0xffff);
    return this.#send(now);
  }

  #send(now: Nanos): Nanos {
    const sequence = (this.#transmitted + 1) & 0xffff;
    const message = this.#message;
    setSeq(message, 0, sequence);
    if (message.length >= HEADER + STAMP_BYTES) writeStamp(message, now);
    seal(message, 0, message.length);
    this.#answered.delete(sequence);
    this.#sentAt.set(sequence, now);
    this.#localMtu = 0;
    const sent = this.#socket.sendTo(message, this.#o.to);
    if (sent.ok) {
      this.#full = 0;
      this.#advance();
      this.#watch.sent?.();
      return this.#intervalNs - this.#tokensNs;
    }
    return this.#refused(sent.errno);
  }

  /** A request that the kernel did not take counts as sent, except where its queue was full and may drain. */
  #refused(errno: Errno): Nanos {
    if (errno === "EAGAIN") {
      this.#tokensNs += this.#intervalNs;
      return MIN_INTERVAL;
    }
    this.#tokensNs = 0;
    if (errno === "ENOBUFS" || errno === "ENOMEM") {
      this.#slowdownUs += Math.min(this.#rtt.ewma8Us >> 3, 50_000);
      if (this.#o.adaptive) this.#adapt();
      const pause = Math.min(Math.max(this.#intervalNs / 2, MIN_INTERVAL), 500 * MS);
      if (++this.#full * pause < (this.#o.timeoutNs ?? TIMEOUT)) return pause;
    }
    if (errno === "EMSGSIZE") this.#errors++;
    this.#advance();
    this.#watch.refused?.(errno, errno === "EMSGSIZE" ? this.#pathMtu() : 0);
    return Math.max(this.#intervalNs, MIN_INTERVAL);
  }

  #pathMtu(): number {
    if (this.#localMtu !== 0) return this.#localMtu;
    const route = this.#os.route.lookup(this.#o.to, this.#o.source, this.#o.ifname);
    return route.ok ? route.value.mtuBytes : 0;
  }

  #receive(b: Uint8Array, o: number, end: number, info: DatagramInfo): void {
    if (this.#over) return;
    if (this.#busy) {
      const copy = b.slice(info.header, end);
      const { source, ttl, header } = info;
      this.#early.push(() => this.#read(copy, o - header, end - header, source, ttl, 0));
      return;
    }
    if (this.#read(b, o, end, info.source, info.ttl, info.header)) this.#turn();
  }

  /** True when the message was about one of our requests. */
  #read(b: Uint8Array, o: number, end: number, from: Ipv4, ttl: number, header: number): boolean {
    const message = readMessage(b, o, end, this.#id, this.#o.to);
    const sentAt = message && this.#sentAt.get(message.seq);
    if (message === undefined || sentAt === undefined) return false;
    if (message.kind === "reply") {
      const rttNs = this.#os.now() - sentAt;
      const duplicate = this.#count(message.seq, rttNs, end - o);
      const wrongSource = from !== this.#o.to && !this.#o.broadcast && !isMulticast(this.#o.to);
      const sent = this.#message;
      this.#watch.reply?.({ seq: message.seq, from, ttl, rttNs, duplicate, wrongSource, b, header, o, end, sent });
      return true;
    }
    if (message.kind === "error") {
      this.#acknowledge(message.seq);
      this.#errors++;
    }
    this.#watch.icmp?.(message, from);
    return true;
  }

  /** `gather_statistics`; true for a duplicate. */
  #count(sequence: number, rttNs: Nanos, bytes: number): boolean {
    this.#acknowledge(sequence);
    if (bytes >= HEADER + STAMP_BYTES) {
      this.#rtt.add(rttNs);
      if (this.#o.adaptive) this.#adapt();
    }
    if (this.#answered.has(sequence)) {
      this.#duplicates++;
      return true;
    }
    this.#answered.add(sequence);
    this.#received++;
    if (this.#rttsNs.length < RTTS_MAX) this.#rttsNs.push(rttNs);
    return false;
  }

  /** `update_interval`: whole milliseconds. */
  #adapt(): void {
    const estimateUs = this.#rtt.ewma8Us > 0 ? this.#rtt.ewma8Us >> 3 : this.#intervalNs / US;
    this.#intervalNs = Math.floor((estimateUs + this.#slowdownUs + 500) / 1000) * MS;
  }

  // Sequence numbers have 16 bits: what is under way is counted modulo 65,536 (ping.h:in_flight, acknowledge).

  #inFlight(): number {
    const ahead = (this.#transmitted - this.#acked) & 0xffff;
    return ahead <= 0x7fff ? ahead : this.#transmitted - this.#received - this.#errors;
  }

  #acknowledge(sequence: number): void {
    const ahead = (this.#transmitted - sequence) & 0xffff;
    if (ahead > 0x7fff) return;
    this.#pipe = Math.max(this.#pipe, ahead + 1);
    const beyond = ((sequence - this.#acked) << 16) >> 16;
    if (beyond > 0 || (this.#transmitted & 0xffff) - this.#acked > 0x7fff) this.#acked = sequence;
  }

  #advance(): void {
    this.#transmitted++;
    const low = this.#transmitted & 0xffff;
    if (low - this.#acked > 0x7fff) this.#acked = (low + 1) & 0xffff;
  }

  #finish(): void {
    this.#over = true;
    this.#next.set(NEVER);
    this.#end.set(NEVER);
    this.#socket.close();
    const { count, deadlineNs } = this.#o;
    const missed = deadlineNs !== undefined && this.#received < (count ?? 0);
    this.#onDone({
      to: this.#o.to,
      source: this.#source,
      transmitted: this.#transmitted,
      received: this.#received,
      duplicates: this.#duplicates,
      errors: this.#errors,
      lossPercent: this.#transmitted === 0 ? 0 : ((this.#transmitted - this.#received) * 100) / this.#transmitted,
      rttsNs: this.#rttsNs,
      rtt: this.#rtt,
      pipe: Math.max(this.#pipe, 0),
      sendingNs: (this.#lastAt ?? this.#startedAt) - this.#startedAt,
      intervalNs: this.#intervalNs,
      status: this.#received === 0 || missed ? 1 : 0,
    });
  }
}

/** The request without sequence number, time stamp and checksum. */
function blankMessage(o: PingOptions, id: number): Uint8Array {
  const message = new Uint8Array(HEADER + (o.sizeBytes ?? 56));
  message[0] = ICMP_ECHO;
  setId(message, 0, id);
  const { pattern } = o;
  for (let i = 0; i + HEADER < message.length; i++) {
    message[HEADER + i] = pattern !== undefined && pattern.length > 0 ? (pattern[i % pattern.length] as number) : i;
  }
  return message;
}

/** Writes the time as a little-endian `struct timeval`, as iputils does on a PC. */
function writeStamp(message: Uint8Array, now: Nanos): void {
  const view = new DataView(message.buffer, message.byteOffset + HEADER, STAMP_BYTES);
  view.setUint32(0, Math.floor(now / S), true);
  view.setUint32(4, 0, true);
  view.setUint32(8, Math.floor((now % S) / US), true);
  view.setUint32(12, 0, true);
}
