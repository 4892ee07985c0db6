import type { TcpSocket } from "../../core/tcp-socket.ts";
import type { Peer } from "./peer.ts";

/** TTL of sessions whose neighbour may be anywhere (<netinet/ip.h>:MAXTTL). */
export const TTL_MAX = 255;

/** What the sockets of a neighbour's sessions are told (bgpd/bgp_network.c:bgp_set_socket_ttl, bgp_connect). */
export function prepareSocket(peer: Peer, socket: TcpSocket): void {
  const { options } = socket;
  const { ttlSecurity, tcpMss } = peer.settings;
  options.ttl = peer.ttl;
  options.noDelay = true;
  options.tos = peer.bgp.globals.sessionTos;
  if (ttlSecurity !== undefined) options.minTtl = TTL_MAX + 1 - ttlSecurity; // RFC 5082 §3
  if (tcpMss !== undefined) options.maxSegment = tcpMss;
}
