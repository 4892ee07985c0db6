import { type HookState, NF_ACCEPT } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import { FLOW_SHIFT, IPCT_ASSURED, IPS_ASSURED, IPS_SEEN_REPLY, W_STATUS } from "./flow.ts";

/** net/netfilter/nf_conntrack_proto_gre.c:nf_conntrack_gre_packet. There is no PPTP helper, hence no map of keys. */
export function grePacket(ct: Conntrack, slot: number, dir: number, s: HookState): number {
  const { words } = ct.table;
  const at = (slot << FLOW_SHIFT) + W_STATUS;
  const status = words[at] as number;
  ct.count(slot, dir, s.p);
  if ((status & IPS_SEEN_REPLY) === 0) {
    ct.refresh(slot, ct.sysctl.nf_conntrack_gre_timeout);
    return NF_ACCEPT;
  }
  ct.refresh(slot, ct.sysctl.nf_conntrack_gre_timeout_stream);
  if ((status & IPS_ASSURED) === 0) {
    words[at] = status | IPS_ASSURED;
    ct.note(slot, IPCT_ASSURED);
  }
  return NF_ACCEPT;
}
