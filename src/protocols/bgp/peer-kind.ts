import type { Ipv4 } from "../../core/addr.ts";
import type { Nanos } from "../../core/time.ts";
import type { Attributes } from "./attributes.ts";
import {
  type Answer,
  CEASE,
  CEASE_BFD_DOWN,
  CEASE_DECONFIGURED,
  CEASE_HARD_RESET,
  CEASE_MAX_PREFIXES,
  CEASE_RESET,
  CEASE_SHUTDOWN,
} from "./notification.ts";
import type { Globals, PeerSettings } from "./settings.ts";

/** What a neighbour has sent before policy, while `soft-reconfiguration inbound` keeps it. */
export interface AdjIn {
  readonly address: Ipv4;
  readonly length: number;
  readonly attributes: Attributes;
  readonly nextHop: Ipv4;
  readonly since: Nanos;
  /** Identifier of the path (RFC 7911); 0: none. */
  readonly id: number;
}

/** Messages by type, sent and received. */
export interface Counters {
  readonly sent: number[];
  readonly received: number[];
}

/** Which kind of neighbour has AS number `as`; 0: it is not known yet (bgpd/bgpd.c:peer_calc_sort). */
export function sortOf(as: number, { localAs }: PeerSettings, globals: Globals): "ibgp" | "ebgp" | "confed" {
  const { as: own, confederationId, confederationPeers } = globals;
  const member = as === own || confederationPeers.includes(as);
  const ours = localAs?.as ?? (as === 0 || member ? own : (confederationId ?? own));
  // A neighbour that has the number of the confederation, and is no member: an external one.
  if (as === ours) return ours === confederationId && ours !== own ? "ebgp" : "ibgp";
  return as !== 0 && confederationPeers.includes(as) ? "confed" : "ebgp";
}

const HARD: readonly number[] = [
  ...[CEASE_MAX_PREFIXES, CEASE_SHUTDOWN, CEASE_DECONFIGURED],
  ...[CEASE_HARD_RESET, CEASE_BFD_DOWN],
];

/** Whether nothing is to be kept behind a NOTIFICATION of ours (bgpd/bgp_packet.c:bgp_notify_send_hard_reset). */
export const isHard = (owed: Answer, resets: boolean): boolean =>
  owed.code === CEASE && (HARD.includes(owed.subcode) || (resets && owed.subcode === CEASE_RESET));
