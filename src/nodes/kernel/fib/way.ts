import type { RouteInfo, RouteSpec } from "./route.ts";

/** What many routes say beside their prefix: checked once, and again only after something has changed that the answer hangs on (`struct nexthop`). */
export class RouteWay {
  /** A request without a prefix of its own. */
  readonly spec: RouteSpec;
  /** What it came to; null: it was not checked yet. */
  info: RouteInfo | null = null;
  /** `Fib`'s count of what checks hang on, at that time. */
  checkedAt = -1;

  constructor(spec: RouteSpec) {
    this.spec = spec;
  }
  /** Who makes routes by it (RTPROT_*). */
  get protocol(): number {
    return this.spec.protocol ?? 0;
  }
}
