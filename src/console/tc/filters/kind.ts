import type { FilterSpec } from "../../../nodes/kernel/tc/filter-requests.ts";
import type { FilterProto } from "../../../nodes/kernel/tc/filters/filter.ts";
import type { Args } from "../../ip/args.ts";
import type { Tc } from "../context.ts";

/** What `tc` knows of one kind of filter. */
export interface FilterKind {
  /** Reads the handle (as written, if it was) and what stands behind the kind's name. `protocol`: the filter's EtherType. */
  readonly parse: (
    args: Args,
    tc: Tc,
    handle: string | undefined,
    protocol: number,
  ) => { readonly handle: number; readonly spec: FilterSpec };
  /** Every filter of the preference: what prints its options, by handle, in the kernel's order. */
  readonly entries: (proto: FilterProto) => Generator<{ readonly handle: number; readonly print: (tc: Tc) => void }>;
}
