import type { Heard } from "./host.ts";
import type { Mode, Yard } from "./yard.ts";

/** What a test of a requirement saw, and whether that is what the requirement wants. */
export interface Seen {
  readonly ok: boolean;
  readonly text: string;
}

/** One requirement of an RFC, and how it is tried. */
export interface Requirement {
  readonly rfc: 4787 | 5382 | 5508;
  readonly name: string;
  /** What it wants, in a few words. */
  readonly wants: string;
  /** Which modes meet it. */
  readonly expected: Readonly<Record<Mode, boolean>>;
  readonly test: (yard: Yard) => Seen;
}

export const BOTH = { linux: true, rfc4787: true };
export const ONLY_RFC = { linux: false, rfc4787: true };

export const seen = (ok: boolean, text: string): Seen => ({ ok, text });
/** Several things that all must hold; the text of the first that does not, or of all. */
export function all(...parts: readonly Seen[]): Seen {
  const bad = parts.find((p) => !p.ok);
  return bad ?? { ok: true, text: parts.map((p) => p.text).join("; ") };
}

/** The last packet of a transport protocol that arrived. */
export const lastOf = (heard: readonly Heard[], protocol: number): Heard | undefined =>
  heard.filter((h) => h.protocol === protocol).at(-1);
/** The ICMP errors among what arrived. */
export const errors = (heard: readonly Heard[]): Heard[] => heard.filter((h) => [3, 4, 5, 11, 12].includes(h.type));
