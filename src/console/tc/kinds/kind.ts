import type { NetDevice } from "../../../nodes/kernel/netdev.ts";
import type { QdiscSpec } from "../../../nodes/kernel/tc/create.ts";
import type { Handle } from "../../../nodes/kernel/tc/handle.ts";
import type { HtbClassOptions } from "../../../nodes/kernel/tc/htb.ts";
import type { Qdisc } from "../../../nodes/kernel/tc/qdisc.ts";
import type { Args } from "../../ip/args.ts";
import type { Tc } from "../context.ts";

/** What `tc` knows of one kind of qdisc. `dev`: the device, where it was named before the kind. */
export interface QdiscKind {
  /** Reads what stands behind the kind's name. */
  readonly parse: (args: Args, tc: Tc, dev: NetDevice | undefined) => QdiscSpec;
  /** Prints the settings, as `tc qdisc show` has them. */
  readonly print: (qdisc: Qdisc, tc: Tc) => void;
  /** Prints what `-s` tells beyond what all kinds have; false: nothing. */
  readonly printStats?: (qdisc: Qdisc, tc: Tc) => boolean;
  readonly parseClass?: (args: Args, dev: NetDevice | undefined) => HtbClassOptions;
  readonly printClass?: (qdisc: Qdisc, classid: Handle, tc: Tc) => void;
}
