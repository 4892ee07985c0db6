import type { Nanos } from "../../core/time.ts";
import { type Answer, CEASE } from "./notification.ts";

/** Why sessions end, in FRR's words and in the order of its codes (bgpd/bgp_fsm.c:peer_down_str). */
export const DOWN_REASONS = [
  "never",
  "Router ID changed",
  "Remote AS changed",
  "Local AS change",
  "Cluster ID changed",
  "Confederation identifier changed",
  "Confederation peer changed",
  "RR client config change",
  "RS client config change",
  "Update source change",
  "Address family activated",
  "Admin. shutdown",
  "User reset",
  "BGP Notification received",
  "BGP Notification send",
  "Peer closed the session",
  "Neighbor deleted",
  "Peer-group add member",
  "Peer-group delete member",
  "Capability changed",
  "Passive config change",
  "Multihop config change",
  "NSF peer closed the session",
  "Intf peering v6only config change",
  "BFD down initiated",
  "Interface down",
  "Neighbor address lost",
  "Waiting for NHT",
  "Waiting for peer address",
  "Waiting for VRF to be initialized",
  "No AFI/SAFI activated for peer",
  "AS Set config change",
  "No RPKI cache server connected",
  "Reached received prefix count",
  "Socket Error",
  "Admin. shutdown (RTT)",
  "Suppress Fib Turned On or Off",
  "Password config change",
  "Router ID is missing",
  "Cease: unspecific",
  "Cease: peer de-configured",
  "Cease: connection rejected",
  "Cease: other config change",
  "Cease: connection collision",
  "Cease: out of resources",
  "Cease: hard reset",
  "Cease: subcode unknown",
] as const;
export type DownReason = (typeof DOWN_REASONS)[number];

export const downCode = (why: DownReason): number => DOWN_REASONS.indexOf(why);

/** By subcode (bgpd/bgp_packet.c:bgp_cease_to_reset_cause). */
const CEASE_REASONS: readonly DownReason[] = [
  "Cease: unspecific",
  "Reached received prefix count",
  "Admin. shutdown",
  "Cease: peer de-configured",
  "User reset",
  "Cease: connection rejected",
  "Cease: other config change",
  "Cease: connection collision",
  "Cease: out of resources",
  "Cease: hard reset",
  "BFD down initiated",
];
/** What a NOTIFICATION that this router sends says of the end. */
export const reasonOf = ({ code, subcode }: Answer): DownReason =>
  code === CEASE ? (CEASE_REASONS[subcode] ?? "Cease: subcode unknown") : "BGP Notification send";

/** Why the sessions with one neighbour have ended (bgpd/bgpd.h:peer_set_last_reset). */
export class Downs {
  why: DownReason = "never";
  /** What has kept it down since the last session. */
  since: DownReason = "never";
  sinceAt: Nanos = -1;
  /** Of which session `why` is. */
  #session = -1;

  /** `session`: how many there have been; `up`: whether the last one still is. Of several reasons the first one counts. */
  blame(why: DownReason, session: number, up: boolean, now: Nanos): void {
    const told = why === "BGP Notification send" || why === "BGP Notification received";
    if (session === 0 || told || (up && this.#session !== session)) {
      this.why = why;
      this.#session = session;
      return;
    }
    if (up) return;
    this.since = why;
    this.sinceAt = now;
  }
}
