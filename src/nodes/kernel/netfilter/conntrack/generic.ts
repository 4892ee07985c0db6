import { type HookState, NF_ACCEPT } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";

/** What has no tracker of its own: flows of addresses and protocol alone (nf_conntrack_core.c:generic_packet). */
export function genericPacket(ct: Conntrack, slot: number, dir: number, s: HookState): number {
  ct.count(slot, dir, s.p);
  ct.refresh(slot, ct.sysctl.nf_conntrack_generic_timeout);
  return NF_ACCEPT;
}
