import { parseIp } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import { FAMILY, on, ROUTER } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { DownReason } from "./down.ts";
import type { Peer } from "./peer.ts";
import { softIn } from "./policy-changes.ts";
import type { PeerGroup, PeerSettings } from "./settings.ts";

/** Whom a line is about: `10.0.0.1`, or the name of a peer group. */
export type Target = Peer | PeerGroup;
const WHO = "neighbor <A.B.C.D|WORD>$neighbor";

export const isPeer = (t: Target): t is Peer => "address" in t;

/** The neighbour or group that a line names; undefined: it is not there yet. */
export function targetOf(bgp: Bgp, a: Args): Target | undefined {
  const text = a.text("neighbor");
  const address = parseIp(text);
  return address === undefined ? bgp.groups.get(text) : bgp.peers.get(address);
}
const MISSING = { refused: "% Specify remote-as or peer-group commands first\n" };

/** Those whom a change concerns. */
export const peersOf = (bgp: Bgp, t: Target): readonly Peer[] =>
  isPeer(t) ? [t] : [...bgp.peers.values()].filter((p) => p.group === t);

/** What a change does to sessions that are up: they begin anew, or what came in, or goes out, is judged anew. */
export type Effect = "reset" | "in" | "out" | "both" | "limit" | "listener" | "none";

/** Changes settings; keys with value undefined go. */
export function change(
  bgp: Bgp,
  t: Target,
  changes: { [K in keyof PeerSettings]?: PeerSettings[K] | undefined },
  effect: Effect,
): void {
  const before = JSON.stringify(t.own);
  const next = new Map<string, unknown>(Object.entries(t.own));
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  t.own = Object.fromEntries(next) as PeerSettings;
  const same = Object.keys(changes).length > 0 && JSON.stringify(t.own) === before;
  for (const peer of peersOf(bgp, t)) {
    peer.touch();
    if (!same) apply(bgp, peer, effect, effect === "reset" ? reasonFor(changes) : undefined);
  }
}

/** What FRR calls the change of a setting that begins the session anew. */
const REASONS: { readonly [K in keyof PeerSettings]?: DownReason } = {
  ...{ remoteAs: "Remote AS changed", localAs: "Local AS change", updateSource: "Update source change" },
  ...{ password: "Password config change", multihop: "Multihop config change", passive: "Passive config change" },
  ...{ reflectorClient: "RR client config change", routeServerClient: "RS client config change" },
  activate: "Address family activated",
};
const reasonFor = (changes: Changes): DownReason => {
  for (const key of Object.keys(changes)) return REASONS[key as keyof PeerSettings] ?? "Capability changed";
  return "Peer-group add member";
};

function apply(bgp: Bgp, peer: Peer, effect: Effect, why: DownReason | undefined): void {
  bgp.reachPeer(peer);
  if (why !== undefined) {
    if (peer.role !== "idle") return peer.reset(why);
    peer.blame(why);
    return peer.start();
  }
  if (effect === "listener") return bgp.listenerChanged();
  if (effect === "limit") return peer.prefixLimit.changed();
  if (!peer.up || effect === "none") return;
  if (effect !== "out") softIn(bgp, peer);
  if (effect !== "in") bgp.outbound.regroup(peer);
}

type Changes = { [K in keyof PeerSettings]?: PeerSettings[K] | undefined };

/** Adds `neighbor X WORDS` and how it is taken back. `make`: what it changes, or why not. */
export function setting(
  set: CommandSet<BgpDaemon>,
  modes: readonly string[],
  words: string,
  back: string,
  effect: Effect,
  make: (a: Args, own: PeerSettings, bgp: Bgp) => Changes | { readonly refused: string },
  unmake: (a: Args, own: PeerSettings) => Changes,
  then: (peer: Peer) => void = () => {},
): void {
  const run = (bgp: Bgp, a: Args, what: (own: PeerSettings) => Changes | { readonly refused: string }): Said => {
    const target = targetOf(bgp, a);
    if (target === undefined) return MISSING;
    const changes = what(target.own);
    if ("refused" in changes) return changes as { readonly refused: string };
    change(bgp, target, changes, effect);
    for (const peer of peersOf(bgp, target)) then(peer);
  };
  for (const mode of modes) {
    set.addIn<Bgp>(mode, `${WHO} ${words}`, (bgp, a) => run(bgp, a, (own) => make(a, own, bgp)));
    set.addIn<Bgp>(mode, `no ${WHO} ${back}`, (bgp, a) => run(bgp, a, (own) => unmake(a, own)));
  }
}

export const FAMILY_MODES: readonly string[] = [ROUTER, FAMILY];
const HERE: readonly string[] = [ROUTER];

/** What is said of neighbours outside of address families. */
export function installNeighbors(set: CommandSet<BgpDaemon>): void {
  installExistence(set);
  installTransport(set);
  installSession(set);
}

function installExistence(set: CommandSet<BgpDaemon>): void {
  on(set, `${WHO} remote-as <ASNUM|internal|external|auto>$as`, (bgp, a): Said => {
    const text = a.text("as");
    const remoteAs = text === "internal" || text === "external" || text === "auto" ? text : a.int("as");
    const target = targetOf(bgp, a) ?? make(bgp, a);
    if (target === undefined) return { refused: "% Create the peer-group first\n" };
    if (typeof target === "string") return { refused: target };
    const same = target.own.remoteAs === remoteAs;
    change(bgp, target, { remoteAs }, same ? "none" : "reset");
  });
  on(set, `no ${WHO} [remote-as <ASNUM|internal|external|auto>]`, (bgp, a) => {
    const target = targetOf(bgp, a);
    if (target === undefined) return MISSING;
    if (isPeer(target)) return bgp.removePeer(target);
    change(bgp, target, { remoteAs: undefined }, "reset");
  });
  const join = (bgp: Bgp, a: Args): Said => {
    const group = bgp.groups.get(a.text("name"));
    if (group === undefined) return { refused: "%% Configure the peer-group first\n" };
    const known = bgp.peers.get(a.ip("peer"));
    if (known !== undefined && known.own.multihop !== undefined && group.own.ttlSecurity !== undefined)
      return { refused: "% ebgp-multihop and ttl-security cannot be configured together\n" };
    if (known === undefined && bgp.isOwn(a.ip("peer"))) return { refused: LOCAL_SYSTEM };
    const peer = known ?? bgp.addPeer(a.ip("peer"));
    if (peer === undefined) return { refused: TOO_MANY };
    if (peer.group === group) return;
    peer.group = group;
    change(bgp, peer, {}, "reset");
  };
  for (const mode of FAMILY_MODES) {
    set.addIn<Bgp>(mode, "neighbor A.B.C.D$peer peer-group WORD$name", join);
    set.addIn<Bgp>(mode, "no neighbor A.B.C.D$peer peer-group WORD$name", (bgp, a) => {
      const peer = bgp.peers.get(a.ip("peer"));
      if (peer === undefined || peer.group?.name !== a.text("name")) return MISSING;
      peer.group = undefined;
      if (peer.own.remoteAs === undefined) return bgp.removePeer(peer);
      change(bgp, peer, {}, "reset");
    });
  }
}

const LOCAL_SYSTEM = "% Can not configure the local system as neighbor\n";
const TOO_MANY = "% Too many neighbors\n";

/** A new neighbour; a string: why not. */
function make(bgp: Bgp, a: Args): Peer | string | undefined {
  const address = parseIp(a.text("neighbor"));
  if (address === undefined) return undefined;
  if (bgp.isOwn(address)) return LOCAL_SYSTEM;
  return bgp.addPeer(address) ?? TOO_MANY;
}

function installTransport(set: CommandSet<BgpDaemon>): void {
  const text = (words: string, back: string, key: "password"): void =>
    setting(
      set,
      HERE,
      words,
      back,
      "reset",
      (a) => ({ [key]: a.text("text") }),
      () => ({ [key]: undefined }),
    );
  text("password LINE...$text", "password [LINE...]", "password");
  setting(
    set,
    HERE,
    "update-source <A.B.C.D|WORD>$source",
    "update-source [<A.B.C.D|WORD>]",
    "reset",
    (a) => ({ updateSource: parseIp(a.text("source")) ?? a.text("source") }),
    () => ({ updateSource: undefined }),
  );
  flag(set, "disable-connected-check", "disableConnectedCheck", "reset");
  flag(set, "passive", "passive", "reset");
  setting(
    set,
    HERE,
    "enforce-first-as",
    "enforce-first-as",
    "in",
    () => ({ enforceFirstAs: true }),
    () => ({ enforceFirstAs: false }),
  );
  setting(
    set,
    HERE,
    "port (0-65535)$port",
    "port [(0-65535)]",
    "reset",
    (a) => ({ port: a.int("port") }),
    () => ({ port: undefined }),
  );
  setting(
    set,
    HERE,
    "capability extended-message",
    "capability extended-message",
    "reset",
    () => ({ extendedMessage: undefined }),
    () => ({ extendedMessage: false }),
  );
}

/** Settings that are true or false. */
type Flag = {
  [K in keyof PeerSettings]-?: NonNullable<PeerSettings[K]> extends boolean ? K : never;
}[keyof PeerSettings];

/** A setting that is on or not said. */
export function flag(
  set: CommandSet<BgpDaemon>,
  words: string,
  key: Flag,
  effect: Effect,
  modes: readonly string[] = HERE,
): void {
  setting(
    set,
    modes,
    words,
    words,
    effect,
    () => ({ [key]: true }),
    () => ({ [key]: undefined }),
  );
}

function installSession(set: CommandSet<BgpDaemon>): void {
  setting(
    set,
    HERE,
    "description LINE...$text",
    "description [LINE...]",
    "none",
    (a) => ({ description: a.text("text") }),
    () => ({ description: undefined }),
  );
  setting(
    set,
    HERE,
    "timers (0-65535)$keepalive (0-65535)$hold",
    "timers [(0-65535) (0-65535)]",
    "none",
    (a) => {
      const holdS = a.int("hold");
      if (holdS > 0 && holdS < 3) return { refused: "%% hold time value must be either 0 or greater than 3\n" };
      return { timers: { keepaliveS: a.int("keepalive"), holdS } };
    },
    () => ({ timers: undefined }),
  );
  number(set, "timers connect", "(1-65535)", "connectRetryS");
  number(set, "timers delayopen", "(1-240)", "delayOpenS");
  number(set, "advertisement-interval", "(0-600)", "advertisementIntervalS");
  setting(
    set,
    HERE,
    "local-as ASNUM$as [no-prepend [replace-as [dual-as]]]",
    "local-as [ASNUM [no-prepend [replace-as [dual-as]]]]",
    "reset",
    (a, _own, bgp) =>
      a.int("as") === bgp.globals.as
        ? { refused: "% Cannot have local-as same as BGP AS number\n" }
        : {
            localAs: {
              as: a.int("as"),
              noPrepend: a.has("no-prepend"),
              replaceAs: a.has("replace-as"),
              dual: a.has("dual-as"),
            },
          },
    () => ({ localAs: undefined }),
  );
  installShutdown(set);
}

function number(
  set: CommandSet<BgpDaemon>,
  words: string,
  range: string,
  key: "connectRetryS" | "delayOpenS" | "advertisementIntervalS",
): void {
  setting(
    set,
    HERE,
    `${words} ${range}$value`,
    `${words} [${range}]`,
    "none",
    (a) => ({ [key]: a.int("value") }),
    () => ({ [key]: undefined }),
  );
}

function installShutdown(set: CommandSet<BgpDaemon>): void {
  on(set, `${WHO} shutdown [message LINE...$text]`, (bgp, a): Said => {
    const target = targetOf(bgp, a);
    if (target === undefined) return MISSING;
    change(bgp, target, { shutdown: a.find("text") ?? "" }, "none");
    for (const peer of peersOf(bgp, target)) peer.stop(peer.shutdownAnswer(), false);
  });
  on(set, `no ${WHO} shutdown [message LINE...]`, (bgp, a): Said => {
    const target = targetOf(bgp, a);
    if (target === undefined) return MISSING;
    change(bgp, target, { shutdown: undefined }, "none");
    for (const peer of peersOf(bgp, target)) peer.start();
  });
}
