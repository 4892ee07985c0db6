import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import { FAMILY_MODES, isPeer, peersOf, setting, targetOf } from "./commands-neighbor.ts";
import { on, ROUTER } from "./commands-process.ts";
import { parseExtended } from "./community.ts";
import type { BgpDaemon } from "./daemon.ts";
import { softIn } from "./policy-changes.ts";
import type { Globals, PeerSettings, SoftwareVersion } from "./settings.ts";
import { MAX_MED } from "./start-up.ts";

/** What is said of sessions: how far away neighbours may be, what is announced of this router, filters that they are given. */
export function installSessions(set: CommandSet<BgpDaemon>): void {
  installDistance(set);
  installAnnounced(set);
  installAttributes(set);
  installStart(set);
  installOrf(set);
  installReserved(set);
}

const HERE: readonly string[] = [ROUTER];
const CONFLICT = { refused: "% ebgp-multihop and ttl-security cannot be configured together\n" };

/** Whether the line's target, its group or its members have a setting. */
function anyHas(bgp: Bgp, a: Args, key: "multihop" | "ttlSecurity"): boolean {
  const target = targetOf(bgp, a);
  if (target === undefined) return false;
  if (target.own[key] !== undefined) return true;
  if (isPeer(target)) return target.group?.own[key] !== undefined;
  return peersOf(bgp, target).some((p) => p.own[key] !== undefined);
}

function installDistance(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    HERE,
    "ebgp-multihop [(1-255)$ttl]",
    "ebgp-multihop [(1-255)]",
    "reset",
    (a, own, bgp) => {
      const multihop = a.findInt("ttl") ?? 255;
      if (!anyHas(bgp, a, "ttlSecurity")) return { multihop };
      // As far as may be is what ttl-security asks for itself: nothing changes (bgpd/bgpd.c:peer_ebgp_multihop_set).
      return multihop === 255 && own.ttlSecurity !== undefined ? {} : CONFLICT;
    },
    () => ({ multihop: undefined }),
  );
  setting(
    set,
    HERE,
    "ttl-security hops (1-254)$hops",
    "ttl-security hops (1-254)",
    "reset",
    (a, _own, bgp) => (anyHas(bgp, a, "multihop") ? CONFLICT : { ttlSecurity: a.int("hops") }),
    () => ({ ttlSecurity: undefined }),
  );
  setting(
    set,
    HERE,
    "tcp-mss (1-65535)$mss",
    "tcp-mss [(1-65535)]",
    "listener",
    (a) => ({ tcpMss: a.int("mss") }),
    () => ({ tcpMss: undefined }),
  );
  setting(
    set,
    HERE,
    "oad",
    "oad",
    "reset",
    () => ({ oad: true }),
    () => ({ oad: undefined }),
  );
  on(set, "bgp session-dscp (0-63)$dscp", (bgp, a) => bgp.change({ sessionTos: a.int("dscp") << 2 }));
  on(set, "no bgp session-dscp [(0-63)]", (bgp) => bgp.change({ sessionTos: 0xc0 }));
  // FRR takes it for all processes at once.
  set.add("config", "bgp session-dscp (0-63)$dscp", (d, a) => {
    for (const bgp of d.processes()) bgp.change({ sessionTos: a.int("dscp") << 2 });
  });
  set.add("config", "no bgp session-dscp [(0-63)]", (d) => {
    for (const bgp of d.processes()) bgp.change({ sessionTos: 0xc0 });
  });
}

function installAnnounced(set: CommandSet<BgpDaemon>): void {
  const encoding = (a: Args): SoftwareVersion => (a.has("latest-encoding") ? "new" : "old");
  setting(
    set,
    HERE,
    "capability software-version [latest-encoding]",
    "capability software-version [latest-encoding]",
    "none",
    (a) => ({ softwareVersion: encoding(a) }),
    () => ({ softwareVersion: "none" }),
  );
  setting(
    set,
    HERE,
    "capability fqdn",
    "capability fqdn",
    "none",
    () => ({ fqdn: undefined }),
    () => ({ fqdn: false }),
  );
  on(set, "bgp default software-version-capability [latest-encoding]", (bgp, a) =>
    bgp.change({ softwareVersion: encoding(a) }),
  );
  on(set, "no bgp default software-version-capability [latest-encoding]", (bgp) => without(bgp, "softwareVersion"));
}

function without(bgp: Bgp, key: "softwareVersion" | "maxMed" | "updateDelay"): void {
  const { [key]: _, ...rest } = bgp.globals;
  bgp.globals = rest;
}

function installAttributes(set: CommandSet<BgpDaemon>): void {
  const list = (words: string, key: "attributesDiscarded" | "attributesWithdrawn"): void =>
    setting(
      set,
      HERE,
      `path-attribute ${words} LINE...$types`,
      `path-attribute ${words} [LINE...]`,
      "in",
      (a) => attributeTypes(key, a.text("types")),
      () => ({ [key]: undefined }),
    );
  list("discard", "attributesDiscarded");
  list("treat-as-withdraw", "attributesWithdrawn");
  setting(
    set,
    FAMILY_MODES,
    "soo WORD$site",
    "soo [WORD]",
    "both",
    (a): Partial<PeerSettings> | { readonly refused: string } => {
      const site = parseExtended("soo", a.text("site"));
      return site === undefined ? { refused: "% Malformed SoO extended community\n" } : { siteOfOrigin: site };
    },
    () => ({ siteOfOrigin: undefined }),
  );
  on(set, "bgp allow-martian-nexthop", (bgp) => martians(bgp, true));
  on(set, "no bgp allow-martian-nexthop", (bgp) => martians(bgp, false));
}

/** `allow-reserved-ranges` is said to all daemons at once. */
function installReserved(set: CommandSet<BgpDaemon>): void {
  const say = (reserved: boolean) => (d: BgpDaemon) => {
    d.reservedRanges = reserved;
    for (const bgp of d.processes()) {
      bgp.reservedRanges = reserved;
      for (const peer of bgp.peers.values()) peer.touch();
    }
  };
  set.add("config", "allow-reserved-ranges", say(true));
  set.add("config", "no allow-reserved-ranges", say(false));
}

function martians(bgp: Bgp, allowMartian: boolean): void {
  bgp.change({ allowMartian });
  for (const peer of bgp.peers.values()) {
    peer.touch();
    softIn(bgp, peer);
  }
}

/** Those without which no route can be read may neither be left out nor be a fault (bgpd/bgp_attr.c:bgp_path_attribute_discard_vty). */
const NEEDED = [1, 2, 3, 5, 14, 15];

function attributeTypes(
  key: "attributesDiscarded" | "attributesWithdrawn",
  text: string,
): Partial<PeerSettings> | { readonly refused: string } {
  const types = text.split(" ").map(Number);
  if (!types.every((t) => Number.isInteger(t) && t >= 1 && t <= 255)) return { refused: "% Invalid attribute type\n" };
  const kept = [...new Set(types)].filter((t) => !NEEDED.includes(t)).sort((x, y) => x - y);
  return { [key]: kept };
}

function installStart(set: CommandSet<BgpDaemon>): void {
  const med = (bgp: Bgp, change: Globals["maxMed"]): void => {
    if (change === undefined) without(bgp, "maxMed");
    else bgp.change({ maxMed: change });
    bgp.outbound.refillAll();
  };
  on(set, "bgp max-med administrative [(0-4294967295)$med]", (bgp, a) =>
    med(bgp, { ...bgp.globals.maxMed, administrative: a.findInt("med") ?? MAX_MED }),
  );
  on(set, "no bgp max-med administrative [(0-4294967295)]", (bgp) => {
    const { startup } = bgp.globals.maxMed ?? {};
    med(bgp, startup === undefined ? undefined : { startup });
  });
  on(set, "bgp max-med on-startup (5-86400)$s [(0-4294967295)$med]", (bgp, a) =>
    med(bgp, { ...bgp.globals.maxMed, startup: { forS: a.int("s"), med: a.findInt("med") ?? MAX_MED } }),
  );
  on(set, "no bgp max-med on-startup [(5-86400) [(0-4294967295)]]", (bgp) => {
    const { administrative } = bgp.globals.maxMed ?? {};
    med(bgp, administrative === undefined ? undefined : { administrative });
  });
  on(set, "update-delay (0-3600)$s [(1-3600)$wait]", (bgp, a) => updateDelay(bgp, a));
  on(set, "no update-delay [(0-3600) [(1-3600)]]", (bgp) => without(bgp, "updateDelay"));
  set.add("config", "bgp update-delay (0-3600)$s [(1-3600)$wait]", (d, a): Said => {
    d.updateDelay = delayOf(a);
    for (const bgp of d.processes()) {
      const said = updateDelay(bgp, a);
      if (said !== undefined) return said;
    }
    return undefined;
  });
  set.add("config", "no bgp update-delay [(0-3600) [(1-3600)]]", (d) => {
    d.updateDelay = undefined;
    for (const bgp of d.processes()) without(bgp, "updateDelay");
  });
}

const delayOf = (a: Args): Globals["updateDelay"] => {
  const delayS = a.int("s");
  return delayS === 0 ? undefined : { delayS, establishS: a.findInt("wait") ?? delayS };
};

function updateDelay(bgp: Bgp, a: Args): Said {
  const delay = delayOf(a);
  if (delay === undefined) return without(bgp, "updateDelay");
  if (delay.establishS > delay.delayS) return { refused: "%Failed: update-delay less than the establish-wait!\n" };
  bgp.change({ updateDelay: delay });
}

/** RFC 5291: outbound route filters by prefix. */
function installOrf(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    FAMILY_MODES,
    "capability orf prefix-list <both|send|receive>$how",
    "capability orf prefix-list <both|send|receive>",
    "reset",
    (a) => ({ orf: { sends: a.text("how") !== "receive", takes: a.text("how") !== "send" } }),
    () => ({ orf: undefined }),
  );
}
