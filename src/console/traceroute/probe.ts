import type { Ipv4 } from "../../core/addr.ts";
import { MS, type Nanos } from "../../core/time.ts";
import type { Waits } from "./command.ts";

/** One probe and what came of it. Probes stand in an array, hop after hop. */
export interface Probe {
  sentAt: Nanos | undefined;
  receivedAt: Nanos | undefined;
  /** Answered or given up. */
  done: boolean;
  /** The path ends here: the destination answered, or somebody said that it cannot be reached. */
  final: boolean;
  /** Who answered. */
  from: Ipv4 | undefined;
  /** TTL with which the answer arrived; 0 when there was none. */
  ttl: number;
  /** What is printed behind the time: `!H`, `!F-1400`, `F=1500`. */
  note: string;
  /** What an answer's ICMP extensions say, if that is wanted: `MPLS:L=16001,E=0,S=1,T=1`. */
  extension: string;
}

export const newProbe = (): Probe => ({
  sentAt: undefined,
  receivedAt: undefined,
  done: false,
  final: false,
  from: undefined,
  ttl: 0,
  note: "",
  extension: "",
});

/** The round trip of an answered probe; `undefined` for others. */
const roundTrip = (p: Probe): Nanos | undefined =>
  p.done && p.receivedAt !== undefined && p.sentAt !== undefined ? p.receivedAt - p.sentAt : undefined;

/** How long probe `n` is waited for: what a probe of the same hop, or one further on, took times a factor, at most `maxNs`. */
export function timeoutOf(probes: readonly Probe[], n: number, perHop: number, wait: Waits): Nanos {
  const scaled = (took: Nanos, factor: number): Nanos => Math.min(Math.round((took + MS) * factor), wait.maxNs);
  if (wait.here > 0) {
    const first = n - (n % perHop);
    for (const p of probes.slice(first, first + perHop)) {
      const took = roundTrip(p);
      if (took !== undefined) return scaled(took, wait.here);
    }
  }
  if (wait.near > 0) {
    for (let i = n + 1; probes[i]?.sentAt !== undefined; i++) {
      const took = roundTrip(probes[i] as Probe);
      if (took !== undefined) return scaled(took, wait.near);
    }
  }
  return wait.maxNs;
}

/**
 * Probe `n` was given up. Hosts limit how often they say "unreachable" and may have answered only a later probe: when that
 * later, final answer seems to belong to this hop, it is moved here (`traceroute.c:check_expired`).
 */
export function adoptFinal(probes: Probe[], n: number, perHop: number): void {
  const first = n - (n % perHop);
  const before = probes.slice(first, n);
  if (before.some((p) => !p.done || !p.final)) return;
  let at = n + 1;
  while (probes[at]?.sentAt !== undefined && !(probes[at] as Probe).done) at++;
  const answer = probes[at];
  if (answer?.sentAt === undefined || !answer.final || answer.note === "") return;
  const sameHop = before.length > 0 || at - first < perHop;
  const earlier = probes.slice(0, n);
  if (!sameHop && !earlier.some((p) => p.from !== undefined && p.from === answer.from)) {
    const hop = n / perHop + 1;
    if (answer.ttl === 0 || guessedHop(earlier, answer.ttl, perHop) > Math.floor(hop)) return;
  }
  probes[n] = answer;
  probes[at] = { ...newProbe(), sentAt: Number.NEGATIVE_INFINITY }; // never sent again
}

/** The hop that an answer with this TTL comes from, counted on from the last router that answered. */
function guessedHop(earlier: readonly Probe[], ttl: number, perHop: number): number {
  const back = hopsOfTtl(ttl);
  for (let i = earlier.length - 1; i >= 0; i--) {
    const p = earlier[i] as Probe;
    if (!p.done || p.final || p.ttl === 0) continue;
    const hops = hopsOfTtl(p.ttl);
    if (hops < back) return back - hops + Math.floor(i / perHop) + 1;
  }
  return back;
}

/** Hops that a packet has behind it, if it began with a TTL of 64, 128 or 255. */
export const hopsOfTtl = (ttl: number): number => (ttl <= 64 ? 65 : ttl <= 128 ? 129 : 256) - ttl;
