import { flower } from "./flower.ts";
import type { FilterKind } from "./kind.ts";
import { basic, fw, matchall } from "./plain.ts";
import { u32 } from "./u32.ts";

/** The kinds of filters that are built, by name. */
export const FILTERS: ReadonlyMap<string, FilterKind> = new Map<string, FilterKind>([
  ["u32", u32],
  ["fw", fw],
  ["matchall", matchall],
  ["basic", basic],
  ["flower", flower],
]);

/** Those that Linux has and this kernel has not. */
export const FILTERS_NOT_BUILT: readonly string[] = ["bpf", "cgroup", "flow", "route", "rsvp", "rsvp6", "tcindex"];
