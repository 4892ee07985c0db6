import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S, US } from "../../core/time.ts";

/** Seconds over which the current speed is taken, and one (`CURR_TIME`). */
const SAMPLES = 6;
const TITLE = `  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
                                 Dload  Upload   Total   Spent    Left  Speed
`;

/** What a transfer has come to. -1: unknown. */
export interface Progress {
  readonly downloaded: number;
  readonly total: number;
  readonly uploaded: number;
}

/** The progress meter of curl: one line, written again every second (lib/progress.c). */
export class Meter {
  readonly #out: (text: string) => void;
  readonly #now: () => Nanos;
  readonly #progress: () => Progress;
  readonly #alarm: OsAlarm;
  readonly #startedAt: Nanos;
  readonly #samples: { readonly at: Nanos; readonly octets: number }[] = [];
  #titled: boolean;
  #currentSpeed = 0;
  /** When a full second made it write last. */
  #tickedAt: Nanos = -1;

  /** `titled`: the title stands there already. */
  constructor(
    out: (text: string) => void,
    now: () => Nanos,
    alarm: (ring: () => void) => OsAlarm,
    progress: () => Progress,
    titled: boolean,
  ) {
    this.#out = out;
    this.#now = now;
    this.#progress = progress;
    this.#startedAt = now();
    this.#titled = titled;
    this.#alarm = alarm(() => {
      this.#tickedAt = now();
      this.show();
    });
  }

  /** Writes the line anew, and again at the next full second. */
  show(): void {
    const now = this.#now();
    if (!this.#titled) this.#out(TITLE);
    this.#titled = true;
    this.#sample(now);
    this.#out(`\r${this.#line(now)}`);
    this.#alarm.set((Math.floor(now / S) + 1) * S);
  }

  /** The last line. */
  finish(): void {
    if (this.#tickedAt !== this.#now()) this.show();
    this.#alarm.set(NEVER);
    this.#out("\n");
  }

  /** progress.c:progress_calc. */
  #sample(now: Nanos): void {
    const { downloaded, uploaded } = this.#progress();
    const samples = this.#samples;
    samples.push({ at: now, octets: downloaded + uploaded });
    if (samples.length > SAMPLES) samples.shift();
    const first = samples[0] as { at: Nanos; octets: number };
    if (samples.length === 1) {
      this.#currentSpeed = speed(downloaded, now - this.#startedAt) + speed(uploaded, now - this.#startedAt);
      return;
    }
    const spanMs = Math.max(1, Math.floor((now - first.at) / 1e6));
    this.#currentSpeed = Math.floor(((downloaded + uploaded - first.octets) * 1000) / spanMs);
  }

  /** progress.c:progress_meter. */
  #line(now: Nanos): string {
    const { downloaded, total, uploaded } = this.#progress();
    const spent = now - this.#startedAt;
    const [down, up] = [speed(downloaded, spent), speed(uploaded, spent)];
    const estimate = total > 0 && down > 0 ? Math.floor(total / down) : 0;
    const seconds = Math.floor(spent / S);
    const percent = total <= 0 ? 0 : percentOf(downloaded, total);
    const expected = total >= 0 ? total : downloaded;
    const all = percentOf(downloaded + uploaded, expected + uploaded);
    const part = (p: number): string => String(p).padStart(3);
    return (
      `${part(all)} ${size(expected + uploaded)}  ${part(percent)} ${size(downloaded)}  ${part(uploaded > 0 ? 100 : 0)} ${size(uploaded)}  ` +
      `${size(down)}  ${size(up)} ${span(estimate)} ${span(seconds)} ${span(estimate > 0 ? estimate - seconds : 0)} ${size(this.#currentSpeed)}`
    );
  }
}

const percentOf = (part: number, whole: number): number =>
  whole > 10_000 ? Math.floor(part / Math.floor(whole / 100)) : whole > 0 ? Math.floor((part * 100) / whole) : 0;

/** Octets in a second (progress.c:trspeed). */
export function speed(octets: number, spanNs: Nanos): number {
  const us = Math.floor(spanNs / US);
  return us < 1 ? octets * 1_000_000 : Math.floor((octets * 1_000_000) / us);
}

const K = 1024;
/** Five characters (progress.c:max5data). */
function size(octets: number): string {
  if (octets < 100_000) return String(octets).padStart(5);
  if (octets < 10_000 * K) return `${Math.floor(octets / K)}k`.padStart(5);
  for (const [unit, letter] of [
    [K * K, "M"],
    [K ** 3, "G"],
    [K ** 4, "T"],
  ] as const) {
    if (octets < 100 * unit)
      return `${String(Math.floor(octets / unit)).padStart(2)}.${Math.floor((octets % unit) / (unit / 10))}${letter}`;
    if (octets < 10_000 * unit) return `${Math.floor(octets / unit)}${letter}`.padStart(5);
  }
  return `${Math.floor(octets / K ** 5)}P`.padStart(5);
}

/** Eight characters (progress.c:time2str). */
function span(seconds: number): string {
  if (seconds <= 0) return "--:--:--";
  const hours = Math.floor(seconds / 3600);
  const two = (n: number): string => String(n % 60).padStart(2, "0");
  if (hours <= 99) return `${String(hours).padStart(2)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
  const days = Math.floor(seconds / 86_400);
  return `${String(days).padStart(3)}d ${String(hours - 24 * days).padStart(2, "0")}h`;
}
