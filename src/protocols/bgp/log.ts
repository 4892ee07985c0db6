import { formatIp } from "../../core/addr.ts";
import { LOG_INFO, type LogMessage } from "../../frr/log.ts";
import { type Answer, answerText, bearsMessage, shutdownMessage } from "./notification.ts";
import type { Peer } from "./peer.ts";

/** What `bgp log-neighbor-changes` logs, in FRR's words. */

const info = (id: string): LogMessage => ({ level: LOG_INFO, id });
const UP = info("N9HHH-F8H1M");
const DOWN = info("PXVXG-TFNNT");
const END_OF_RIB = info("M59KS-A3ZXZ");
const NOTIFICATION = info("HZN6M-XRM1G");
const NOTIFICATION_TEXT = info("H7QV4-WR3ZD");

/** The profile `datacenter` logs unless told not to (bgpd/bgp_vty.c: BGP_LOG_NEIGHBOR_CHANGES). */
const logs = ({ bgp }: Peer): boolean => bgp.globals.logNeighborChanges ?? bgp.profile.name === "datacenter";

/** `10.0.0.2(r2)` (bgpd/bgpd.c:printfrr_bp). */
const named = (p: Peer): string => `${formatIp(p.address)}(${p.hostname ?? "Unknown"})`;
const vrf = ({ bgp }: Peer): string => `in vrf ${bgp.isView ? "" : "default"}`;

/** bgpd/bgp_fsm.c:bgp_establish. */
export function logUp(p: Peer): void {
  if (logs(p)) p.bgp.log?.say(UP, () => `%ADJCHANGE: neighbor ${named(p)} ${vrf(p)} Up`);
}
/** bgpd/bgp_fsm.c:bgp_stop. */
export function logDown(p: Peer): void {
  if (logs(p)) p.bgp.log?.say(DOWN, () => `%ADJCHANGE: neighbor ${named(p)} ${vrf(p)} Down ${p.downs.why}`);
}

/** bgpd/bgp_packet.c:bgp_update_receive: always logged. */
export function logEndOfRib(p: Peer): void {
  const text = (): string =>
    `bgp_update_receive: rcvd End-of-RIB for IPv4 Unicast from ${formatIp(p.address)} ${vrf(p)}`;
  p.bgp.log?.say(END_OF_RIB, text);
}

/** bgpd/bgp_debug.c:bgp_notify_print. */
export function logNotification(p: Peer, owed: Answer, sent: boolean, hard: boolean): void {
  if (!logs(p)) return;
  const { code, subcode, data } = owed;
  const head = (): string =>
    `%NOTIFICATION${hard ? "(Hard Reset)" : ""}: ${sent ? "sent to" : "received from"} neighbor ${formatIp(p.address)} ${code}/${subcode} (${answerText(code, subcode)})`;
  if (bearsMessage(owed)) return p.bgp.log?.say(NOTIFICATION_TEXT, () => `${head()} "${shutdownMessage(data) ?? ""}"`);
  const octets = (): string => [...data].map((octet) => octet.toString(16).padStart(2, "0")).join(" ");
  p.bgp.log?.say(NOTIFICATION, () => `${head()} ${data.length} bytes ${octets()}`);
}
