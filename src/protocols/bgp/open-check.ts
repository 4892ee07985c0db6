import type { Capabilities } from "./capability.ts";
import { PARAMETER_CAPABILITIES, rawCapabilities } from "./capability.ts";
import {
  type Answer,
  answer,
  OPEN_BAD_AS,
  OPEN_BAD_HOLD_TIME,
  OPEN_BAD_ID,
  OPEN_BAD_PARAMETER,
  OPEN_BAD_VERSION,
  OPEN_ERROR,
  OPEN_NO_CAPABILITY,
  OPEN_ROLE_MISMATCH,
} from "./notification.ts";
import type { Peer } from "./peer.ts";
import { ROLES } from "./settings.ts";
import type { BgpOpen } from "./wire.ts";

const VERSION = 4;

/** What is wrong with a neighbour's OPEN (§6.2, RFC 5492 §5, RFC 6286); undefined: nothing. */
export function openFault(peer: Peer, m: BgpOpen, c: Capabilities): Answer | undefined {
  if (m.version !== VERSION) return answer(OPEN_ERROR, OPEN_BAD_VERSION, Uint8Array.of(0, VERSION));
  if (m.parameters.some((p) => p.type !== PARAMETER_CAPABILITIES)) return answer(OPEN_ERROR, OPEN_BAD_PARAMETER);
  if (!rawCapabilities(m.parameters).sound) return answer(OPEN_ERROR);
  const as = c.as4 ?? m.as;
  if (as === 0 || !isExpected(peer, as)) return answer(OPEN_ERROR, OPEN_BAD_AS, Uint8Array.of(as >>> 8, as));
  const { routerId, globals } = peer.bgp;
  const internal = as === globals.as;
  if (m.id === 0 || (internal && m.id === routerId))
    return answer(OPEN_ERROR, OPEN_BAD_ID, Uint8Array.of(m.id >>> 24, m.id >>> 16, m.id >>> 8, m.id));
  if (m.holdS === 1 || m.holdS === 2 || (m.holdS > 0 && m.holdS < globals.minimumHoldS))
    return answer(OPEN_ERROR, OPEN_BAD_HOLD_TIME, Uint8Array.of(m.holdS >>> 8, m.holdS));
  if (roleConflict(peer, c)) return answer(OPEN_ERROR, OPEN_ROLE_MISMATCH);
  if (!c.ipv4Unicast) return answer(OPEN_ERROR, OPEN_NO_CAPABILITY, Uint8Array.of(1, 4, 0, 1, 0, 1));
  return undefined;
}

/** Which roles belong together, by number: the other end's (RFC 9234 §4.2, table 2). */
const COUNTERPARTS = [3, 2, 1, 0, 4];

/** RFC 9234 §4.2. In strict mode a neighbour without a role is refused too. */
function roleConflict(peer: Peer, c: Capabilities): boolean {
  const { localRole } = peer.settings;
  if (localRole === undefined || peer.sort !== "ebgp") return false;
  if (c.roleFault) return true;
  if (c.role === undefined) return localRole.strict;
  return COUNTERPARTS[ROLES.indexOf(localRole.role)] !== c.role;
}

function isExpected(peer: Peer, as: number): boolean {
  const { remoteAs } = peer.settings;
  if (remoteAs === "auto") return true;
  const { as: own } = peer.bgp.globals;
  if (remoteAs === "external") return as !== own;
  if (remoteAs === "internal") return as === (peer.settings.localAs?.as ?? own);
  return as === remoteAs;
}
