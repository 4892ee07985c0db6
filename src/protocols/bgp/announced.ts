import type { Announced } from "./capability.ts";
import type { Peer } from "./peer.ts";
import { ROLES } from "./settings.ts";

/** What this router says of itself to a neighbour (bgpd/bgp_open.c:bgp_open_capability). */
export function announcedTo(p: Peer): Announced {
  const { settings } = p;
  const { localRole } = settings;
  return {
    as: p.localAs,
    hostname: p.bgp.os.hostname,
    extendedMessage: settings.extendedMessage !== false,
    role: localRole === undefined ? undefined : ROLES.indexOf(localRole.role),
    addPath: { sends: settings.addPathTx !== undefined, takes: settings.disableAddPathRx !== true },
    // Helper only: no address family, 120 s (RFC 4724 §3). FRR sets the bits "restarted" and "notification" as well.
    restart: { restarted: true, notification: true, timeS: 120 },
  };
}
