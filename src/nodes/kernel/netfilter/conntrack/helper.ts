import type { HookState } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import type { ExpectPolicy } from "./expect.ts";

/** Reads what a protocol says of flows to come (`struct nf_conntrack_helper`), an ALG in the words of RFC 4787 §7. */
export interface Helper {
  readonly name: string;
  readonly protocol: number;
  readonly policy: ExpectPolicy;
  /** State for a flow that it helps. */
  begin(): HelperState;
}

/** What a helper keeps of one flow. */
export interface HelperState {
  readonly helper: Helper;
  /** Looks at a packet of the flow, which goes in `dir`, and may change it. A verdict; when it drops, it has called `refuse`. */
  help(ct: Conntrack, slot: number, dir: number, s: HookState): number;
}
