import { FRR_VERSION } from "../../frr/running-config.ts";
import { type Announced, AS_TRANS, announce, type RestartAnnounced } from "./capability.ts";
import type { Peer } from "./peer.ts";
import { ROLES } from "./settings.ts";
import type { BgpOpen } from "./wire.ts";

/** The OPEN that a neighbour gets. */
export function openTo(p: Peer): BgpOpen {
  const as = p.localAs;
  const parameters = p.settings.withoutCapabilities === true ? [] : announce(announcedTo(p));
  const octets = parameters.reduce((sum, { value }) => sum + 2 + value.length, 0);
  return {
    kind: "open",
    version: 4,
    as: as > 0xffff ? AS_TRANS : as,
    holdS: p.fsmConfig().holdS,
    id: p.bgp.routerId,
    parameters,
    extended: p.settings.extendedParameters === true || octets > 255, // RFC 9072 §2
  };
}

/** What this router says of itself to a neighbour (bgpd/bgp_open.c:bgp_open_capability). */
export function announcedTo(p: Peer): Announced {
  const { settings } = p;
  const { localRole } = settings;
  return {
    as: p.localAs,
    hostname: settings.fqdn === false ? undefined : p.bgp.os.hostname,
    extendedMessage: settings.extendedMessage !== false,
    role: localRole === undefined ? undefined : ROLES.indexOf(localRole.role),
    software: softwareOf(p),
    orf: settings.orf,
    addPath: { sends: settings.addPathTx !== undefined, takes: settings.disableAddPathRx !== true },
    pathsLimit: settings.addPathRxLimit,
    restart: restartOf(p),
  };
}

/** RFC 4724 §3: a helper announces no address family. */
function restartOf(p: Peer): RestartAnnounced | undefined {
  if (p.restartMode === "disable") return undefined;
  const { restart } = p.bgp.globals;
  const { starting } = p.bgp.restarter;
  return {
    restarted: starting,
    notification: restart.notification,
    timeS: restart.restartS,
    ipv4: p.restartMode === "restart" ? { preserved: restart.preserveForwarding && starting } : undefined,
    longLivedS: restart.longLivedS,
  };
}

/** What this router calls its software (lib/command.c:cmd_software_version_get). */
export const SOFTWARE_NAME = `FRRouting/${FRR_VERSION}`;

function softwareOf(p: Peer): Announced["software"] {
  const how = p.settings.softwareVersion ?? p.bgp.globals.softwareVersion;
  return how === undefined || how === "none" ? undefined : { text: SOFTWARE_NAME, sized: how === "old" };
}
