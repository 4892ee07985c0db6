import type { Ipv4 } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import { type Args, parseAs } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { DownReason } from "./down.ts";
import { type AsNotation, DATACENTER, type Globals, PeerGroup, TRADITIONAL } from "./settings.ts";

export const ROUTER = "router bgp";
export const FAMILY = "address-family ipv4 unicast";

const MAX_GROUPS = 10_000;
const VIEWS_MAX = 1000;

/** `router bgp` and what is said of the process itself. */
export function installProcess(set: CommandSet<BgpDaemon>): void {
  set
    .add("config", "frr defaults <traditional|datacenter>$profile", (d, a) => {
      d.profile = a.text("profile") === "datacenter" ? DATACENTER : TRADITIONAL;
      for (const bgp of d.processes()) bgp.profile = d.profile;
    })
    .open<BgpDaemon, Bgp>("config", "router bgp [ASNUM$as [as-notation <dot|dot+|plain>$notation]]", ROUTER, (d, a) => {
      const as = a.findInt("as");
      if (d.bgp === undefined && as === undefined)
        return { refused: "% Please specify 'router bgp' with an AS number\n" };
      if (d.bgp !== undefined && as !== undefined && as !== d.bgp.globals.as)
        return { refused: `BGP is already running; AS is ${d.bgp.globals.as}\n` };
      const bgp = d.bgp ?? d.create(as ?? 0);
      if (as !== undefined) bgp.change({ asNotation: notationOf(a) });
      return { context: bgp };
    })
    .open<BgpDaemon, Bgp>(
      "config",
      "router bgp ASNUM$as view WORD$view [as-notation <dot|dot+|plain>$notation]",
      ROUTER,
      (d, a) => {
        const name = a.text("view");
        const known = d.views.get(name);
        if (known !== undefined && known.globals.as !== a.int("as"))
          return { refused: `BGP is already running; AS is ${known.globals.as}\n` };
        if (known === undefined && d.views.size >= VIEWS_MAX) return { refused: "% Too many views\n" };
        const bgp = known ?? d.create(a.int("as"), name);
        bgp.change({ asNotation: notationOf(a) });
        return { context: bgp };
      },
    )
    .add("config", "no router bgp ASNUM$as view WORD$view", (d, a): Said => {
      const known = d.views.get(a.text("view"));
      if (known === undefined || known.globals.as !== a.int("as")) return { refused: "% Can't find BGP instance\n" };
      d.removeView(a.text("view"));
    })
    .add("config", "no router bgp [ASNUM$as [as-notation <dot|dot+|plain>]]", (d, a): Said => {
      const as = a.findInt("as");
      if (d.bgp === undefined || (as !== undefined && as !== d.bgp.globals.as))
        return { refused: "% Can't find BGP instance\n" };
      d.remove();
    })
    .open<Bgp, Bgp>(ROUTER, "address-family ipv4 [unicast]", FAMILY, (bgp) => ({ context: bgp }));
  installIdentity(set);
  installBestpath(set);
  installFlags(set);
  installGroups(set);
}

/** As told, or else as the number itself is written (bgpd/bgp_vty.c:router_bgp). */
function notationOf(a: Args): AsNotation {
  const told = a.find("notation");
  if (told !== undefined) return told as AsNotation;
  const text = a.text("as");
  return text.includes(".") ? (text.startsWith("0.") ? "dot+" : "dot") : "plain";
}

function installIdentity(set: CommandSet<BgpDaemon>): void {
  on(set, "bgp router-id A.B.C.D$id", (bgp, a) => setRouterId(bgp, a.ip("id")));
  on(set, "no bgp router-id [A.B.C.D]", (bgp) => setRouterId(bgp, undefined));
  on(set, "bgp cluster-id A.B.C.D$id", (bgp, a) => resetting(bgp, { clusterId: a.ip("id") }));
  on(set, "bgp cluster-id (1-4294967295)$id", (bgp, a) => resetting(bgp, { clusterId: a.int("id") }));
  on(set, "no bgp cluster-id [<A.B.C.D|(1-4294967295)>]", (bgp) => resettingWithout(bgp, "clusterId"));
  on(set, "bgp confederation identifier ASNUM$as", (bgp, a) => {
    bgp.change({ confederationId: a.int("as") });
    identifyAll(bgp);
  });
  on(set, "no bgp confederation identifier [ASNUM]", (bgp) => {
    const { confederationId: _, ...rest } = bgp.globals;
    bgp.globals = rest;
    identifyAll(bgp);
  });
  on(set, "bgp confederation peers LINE...$list", (bgp, a): Said => {
    const list = asNumbers(a.text("list"));
    if (list === undefined) return { refused: "% Malformed AS number\n" };
    bgp.change({ confederationPeers: [...new Set([...bgp.globals.confederationPeers, ...list])] });
    identifyAll(bgp);
  });
  on(set, "no bgp confederation peers LINE...$list", (bgp, a) => {
    const list = asNumbers(a.text("list")) ?? [];
    bgp.change({ confederationPeers: bgp.globals.confederationPeers.filter((as) => !list.includes(as)) });
    identifyAll(bgp);
  });
  on(set, "timers bgp (0-65535)$keepalive (0-65535)$hold", (bgp, a): Said => {
    const holdS = a.int("hold");
    if (holdS > 0 && holdS < 3) return { refused: "%% hold time value must be either 0 or greater than 3\n" };
    bgp.change({ timers: { keepaliveS: a.int("keepalive"), holdS } });
  });
  on(set, "no timers bgp [(0-65535) (0-65535)]", (bgp) => {
    const { timers: _, ...rest } = bgp.globals;
    bgp.globals = rest;
  });
}

const asNumbers = (text: string): number[] | undefined => {
  const list = text.split(" ").map(parseAs);
  return list.every((as) => as !== undefined) ? list : undefined;
};

function setRouterId(bgp: Bgp, id: Ipv4 | undefined): void {
  const before = bgp.routerId;
  if (id === undefined) {
    const { routerId: _, ...rest } = bgp.globals;
    bgp.globals = rest;
  } else bgp.change({ routerId: id });
  if (bgp.routerId !== before) resetAll(bgp, "Router ID changed");
}

function identifyAll(bgp: Bgp): void {
  for (const peer of bgp.peers.values()) peer.touch();
  resetAll(bgp, "Confederation identifier changed");
}
/** Settings that both ends must have seen: the sessions begin anew. */
function resetAll(bgp: Bgp, why: DownReason): void {
  for (const peer of bgp.peers.values()) if (peer.role !== "idle") peer.reset(why);
}
function resetting(bgp: Bgp, changes: Partial<Globals>): void {
  bgp.change(changes);
  resetAll(bgp, "Cluster ID changed");
}
function resettingWithout(bgp: Bgp, key: "clusterId"): void {
  const { [key]: _, ...rest } = bgp.globals;
  bgp.globals = rest;
  resetAll(bgp, "Cluster ID changed");
}

/** `bgp bestpath …` and what else the decision asks. */
function installBestpath(set: CommandSet<BgpDaemon>): void {
  const rule = (words: string, key: BooleanKey): void => {
    on(set, words, (bgp) => deciding(bgp, { [key]: true }));
    on(set, `no ${words}`, (bgp) => deciding(bgp, { [key]: false }));
  };
  rule("bgp always-compare-med", "alwaysCompareMed");
  rule("bgp deterministic-med", "deterministicMed");
  rule("bgp bestpath as-path ignore", "asPathIgnore");
  rule("bgp bestpath as-path confed", "asPathConfed");
  rule("bgp bestpath as-path multipath-relax", "multipathRelax");
  rule("bgp bestpath compare-routerid", "compareRouterId");
  const med = (on: boolean) => (bgp: Bgp, a: Args) =>
    deciding(bgp, {
      ...(a.has("confed") ? { medConfed: on } : {}),
      ...(a.has("missing-as-worst") ? { medMissingAsWorst: on } : {}),
    });
  on(set, "bgp bestpath med {confed|missing-as-worst}", med(true));
  on(set, "no bgp bestpath med {confed|missing-as-worst}", med(false));
  on(set, "bgp default local-preference (0-4294967295)$value", (bgp, a) => {
    deciding(bgp, { localPref: a.int("value") });
    bgp.outbound.refillAll();
  });
  on(set, "no bgp default local-preference [(0-4294967295)]", (bgp) => {
    deciding(bgp, { localPref: 100 });
    bgp.outbound.refillAll();
  });
  both(set, "maximum-paths (1-256)$n", (bgp, a) => deciding(bgp, { maxPaths: a.int("n") }));
  both(set, "no maximum-paths [(1-256)]", (bgp) => decidingWithout(bgp, "maxPaths"));
  both(set, "maximum-paths ibgp (1-256)$n", (bgp, a) => deciding(bgp, { maxPathsIbgp: a.int("n") }));
  both(set, "no maximum-paths ibgp [(1-256)]", (bgp) => decidingWithout(bgp, "maxPathsIbgp"));
  both(set, "distance bgp (1-255)$e (1-255)$i (1-255)$l", (bgp, a) =>
    deciding(bgp, { distance: { ebgp: a.int("e"), ibgp: a.int("i"), local: a.int("l") } }),
  );
  both(set, "no distance bgp [(1-255) (1-255) (1-255)]", (bgp) => decidingWithout(bgp, "distance"));
}

function deciding(bgp: Bgp, changes: Partial<Globals>): void {
  bgp.change(changes);
  bgp.redecide();
}
function decidingWithout(bgp: Bgp, key: "maxPaths" | "maxPathsIbgp" | "distance"): void {
  const { [key]: _, ...rest } = bgp.globals;
  bgp.globals = rest;
  deciding(bgp, {});
}

type BooleanKey = {
  [K in keyof Globals]-?: NonNullable<Globals[K]> extends boolean ? K : never;
}[keyof Globals];

function installFlags(set: CommandSet<BgpDaemon>): void {
  const flag = (words: string, key: BooleanKey, then: (bgp: Bgp) => void = () => {}, inverted = false): void => {
    const change = (value: boolean) => (bgp: Bgp) => {
      bgp.change({ [key]: value });
      then(bgp);
    };
    on(set, words, change(!inverted));
    on(set, `no ${words}`, change(inverted));
  };
  flag("bgp ebgp-requires-policy", "requiresPolicy", (bgp) => {
    for (const peer of bgp.peers.values()) if (peer.up) peer.reset("Capability changed");
  });
  flag("bgp network import-check", "importCheck", (bgp) => {
    bgp.local.ask();
    bgp.local.refresh();
  });
  flag("bgp fast-external-failover", "fastExternalFailover");
  flag("bgp default ipv4-unicast", "defaultIpv4Unicast");
  flag("bgp suppress-duplicates", "suppressDuplicates");
  flag("bgp log-neighbor-changes", "logNeighborChanges");
  flag("bgp client-to-client reflection", "clientToClient", (bgp) => bgp.outbound.refillAll());
  flag("bgp graceful-shutdown", "gracefulShutdown", (bgp) => bgp.outbound.refillAll());
  on(set, "bgp shutdown [message LINE...$text]", (bgp, a) => {
    bgp.change({ shutdown: a.find("text") ?? "" });
    for (const peer of bgp.peers.values()) peer.stop(peer.shutdownAnswer(), false);
  });
  on(set, "no bgp shutdown [message LINE...]", (bgp) => {
    const { shutdown: _, ...rest } = bgp.globals;
    bgp.globals = rest;
    for (const peer of bgp.peers.values()) peer.start();
  });
  on(set, "coalesce-time (0-4294967295)$ms", (bgp, a) => bgp.change({ coalesceMs: a.int("ms") }));
  on(set, "no coalesce-time [(0-4294967295)]", (bgp) => {
    const { coalesceMs: _, ...rest } = bgp.globals;
    bgp.globals = rest;
  });
  on(set, "bgp route-map delay-timer (0-600)$s", (bgp, a) => bgp.change({ rmapDelayS: a.int("s") }));
  on(set, "no bgp route-map delay-timer [(0-600)]", (bgp) => bgp.change({ rmapDelayS: 5 }));
  set.add("config", "bgp route-map delay-timer (0-600)$s", (d, a) => {
    for (const bgp of d.processes()) bgp.change({ rmapDelayS: a.int("s") });
  });
  set.add("config", "no bgp route-map delay-timer [(0-600)]", (d) => {
    for (const bgp of d.processes()) bgp.change({ rmapDelayS: 5 });
  });
}

function installGroups(set: CommandSet<BgpDaemon>): void {
  on(set, "neighbor WORD$name peer-group", (bgp, a): Said => {
    if (bgp.groups.size >= MAX_GROUPS) return { refused: "% Too many peer-groups\n" };
    const name = a.text("name");
    if (!bgp.groups.has(name)) bgp.groups.set(name, new PeerGroup(name));
  });
  on(set, "no neighbor WORD$name peer-group", (bgp, a): Said => {
    const name = a.text("name");
    if (!bgp.groups.delete(name)) return { refused: "%% Create the peer-group first\n" };
    for (const peer of [...bgp.peers.values()]) if (peer.group?.name === name) bgp.removePeer(peer);
  });
  on(set, "bgp listen range A.B.C.D/M$range peer-group WORD$name", (bgp, a): Said => {
    if (!bgp.groups.has(a.text("name"))) return { refused: "% Configure the peer-group first\n" };
    bgp.listen(a.prefix("range"), a.text("name"));
  });
  on(set, "no bgp listen range A.B.C.D/M$range peer-group WORD", (bgp, a) => bgp.unlisten(a.prefix("range")));
  on(set, "bgp listen limit (1-65535)$n", (bgp, a) => bgp.change({ listenLimit: a.int("n") }));
  on(set, "no bgp listen limit [(1-65535)]", (bgp) => bgp.change({ listenLimit: 100 }));
}

/** A command of `router bgp`. */
export const on = (set: CommandSet<BgpDaemon>, text: string, run: (bgp: Bgp, a: Args) => Said): void => {
  set.addIn<Bgp>(ROUTER, text, run);
};
/** A command of the address family, which FRR takes in `router bgp` as well. */
export function both(set: CommandSet<BgpDaemon>, text: string, run: (bgp: Bgp, a: Args) => Said): void {
  set.addIn<Bgp>(ROUTER, text, run);
  set.addIn<Bgp>(FAMILY, text, run);
}
