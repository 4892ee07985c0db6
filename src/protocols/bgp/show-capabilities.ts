import type { Json } from "../../frr/json.ts";
import { announcedTo, SOFTWARE_NAME } from "./announced.ts";
import type { Peer } from "./peer.ts";
import { isIpv4Unicast } from "./wire.ts";

/** What both ends of an established session have announced (bgpd/bgp_vty.c:bgp_show_peer). */
export function capabilitiesJson(p: Peer): Json {
  const mute = p.settings.withoutCapabilities === true;
  const ours = announcedTo(p);
  const theirs = p.capabilities;
  const both = (mine: boolean, other: boolean | undefined): string | undefined => {
    if (mine && !mute) return other === true ? "advertisedAndReceived" : "advertised";
    return other === true ? "received" : undefined;
  };
  const restart = theirs?.gracefulRestart;
  return {
    "4byteAs": both(true, theirs?.as4 !== undefined),
    extendedMessage: both(ours.extendedMessage, theirs?.extendedMessage),
    addPath: { ipv4Unicast: addPath(p) },
    ...pathsLimit(p),
    role: both(ours.role !== undefined, theirs?.role !== undefined),
    longLivedGracefulRestart: both(ours.restart?.longLivedS !== undefined, theirs?.longLived),
    routeRefresh: both(true, theirs?.refresh === true || theirs?.oldRefresh === true),
    enhancedRouteRefresh: both(true, theirs?.enhancedRefresh),
    multiprotocolExtensions: { ipv4Unicast: { [both(true, theirs?.ipv4Unicast) ?? "advertised"]: true } },
    hostName: {
      ...(ours.hostname === undefined ? {} : { advHostName: ours.hostname, advDomainName: "n/a" }),
      ...(theirs?.hostname === undefined
        ? {}
        : { rcvHostName: theirs.hostname, rcvDomainName: theirs.domain ?? "n/a" }),
    },
    softwareVersion: {
      advertisedSoftwareVersion: ours.software === undefined ? undefined : SOFTWARE_NAME,
      receivedSoftwareVersion: theirs?.software,
    },
    gracefulRestart: both(ours.restart !== undefined, restart !== undefined),
    gracefulRestartRemoteTimerSec: restart?.timeS,
    rBitReceived: restart?.restarted === true ? true : undefined,
    nBitReceived: restart?.notification === true ? true : undefined,
    addressFamiliesByPeer:
      restart === undefined
        ? undefined
        : restart.families.some(isIpv4Unicast)
          ? { ipv4Unicast: restart.families.some((f) => f.preserved) ? { preserved: true } : {} }
          : "none",
  };
}

function pathsLimit(p: Peer): { readonly [key: string]: Json } {
  const ours = p.settings.addPathRxLimit;
  const theirs = p.capabilities?.pathsLimit ?? 0;
  if (ours === undefined && theirs === 0) return {};
  const who = ours === undefined ? "received" : theirs === 0 ? "advertised" : "advertisedAndReceived";
  return {
    pathsLimit: { ipv4Unicast: { [who]: true, advertisedPathsLimit: ours ?? 0, receivedPathsLimit: theirs } },
  };
}

function addPath(p: Peer): Json {
  const ours = announcedTo(p).addPath;
  const theirs = p.capabilities?.addPath;
  const part = (name: "tx" | "rx", mine: boolean, other: boolean): { [key: string]: boolean } =>
    !mine && !other
      ? {}
      : {
          [`${name}AdvertisedAndReceived`]: mine && other,
          [`${name}Advertised`]: mine,
          [`${name}Received`]: other,
        };
  return {
    ...part("tx", ours?.sends === true, theirs?.sends === true),
    ...part("rx", ours?.takes === true, theirs?.takes === true),
  };
}
