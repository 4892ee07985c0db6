import type { CommandSet } from "../../frr/command.ts";
import type { Bgp } from "./bgp.ts";
import { both, on } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import { softIn } from "./policy-changes.ts";
import type { BandwidthUse, Globals } from "./settings.ts";

/** What else is said of the process. */
export function installProcessMore(set: CommandSet<BgpDaemon>): void {
  const inbound = (bgp: Bgp): void => {
    for (const peer of bgp.peers.values()) softIn(bgp, peer);
  };
  const decide = (bgp: Bgp): void => bgp.redecide();
  flag(set, "bgp enforce-first-as", "enforceFirstAs", inbound);
  flag(set, "bgp disable-ebgp-connected-route-check", "disableConnectedCheck", (bgp) => {
    for (const peer of bgp.peers.values()) bgp.reachPeer(peer);
  });
  flag(set, "bgp fast-convergence", "fastConvergence", () => {});
  flag(set, "bgp reject-as-sets", "rejectAsSets", inbound);
  flag(set, "bgp route-reflector allow-outbound-policy", "allowOutboundPolicy", (bgp) => bgp.outbound.refillAll());
  flag(set, "bgp bestpath peer-type multipath-relax", "peerTypeRelax", decide);
  flag(set, "bgp bestpath aigp", "compareAigp", decide);
  const ways = "<ignore|skip-missing|default-weight-for-missing>";
  on(set, `bgp bestpath bandwidth ${ways}$how`, (bgp, a) => {
    bgp.change({ bandwidth: a.text("how") as BandwidthUse });
    decide(bgp);
  });
  on(set, `no bgp bestpath bandwidth [${ways}]`, (bgp) => {
    bgp.change({ bandwidth: "use" });
    decide(bgp);
  });
  on(set, "bgp default-originate timer (0-65535)$s", (bgp, a) => {
    bgp.change({ defaultOriginateS: a.int("s") });
    bgp.outbound.stop();
  });
  on(set, "no bgp default-originate timer [(0-65535)]", (bgp) => {
    bgp.change({ defaultOriginateS: 0 });
    bgp.outbound.stop();
  });
  const suppressFib = (on: boolean) => (bgp: Bgp) => {
    bgp.change({ suppressFib: on });
    if (!on) bgp.installer.forgetPending();
    for (const peer of bgp.peers.values()) if (peer.role !== "idle") peer.reset("Suppress Fib Turned On or Off");
  };
  on(set, "bgp suppress-fib-pending", suppressFib(true));
  on(set, "no bgp suppress-fib-pending", suppressFib(false));
  both(set, "table-map WORD$map", (bgp, a) => {
    bgp.change({ tableMap: a.text("map") });
    decide(bgp);
  });
  both(set, "no table-map [WORD]", (bgp) => {
    const { tableMap: _, ...rest } = bgp.globals;
    bgp.globals = rest;
    decide(bgp);
  });
  on(set, "bgp minimum-holdtime (1-65535)$s", (bgp, a) => bgp.change({ minimumHoldS: a.int("s") }));
  on(set, "no bgp minimum-holdtime [(1-65535)]", (bgp) => bgp.change({ minimumHoldS: 0 }));
  on(set, "bgp conditional-advertisement timer (5-240)$s", (bgp, a) => {
    bgp.change({ conditionalS: a.int("s") });
    bgp.conditions.restart();
  });
  on(set, "no bgp conditional-advertisement timer [(5-240)]", (bgp) => {
    bgp.change({ conditionalS: 60 });
    bgp.conditions.restart();
  });
  both(set, "maximum-paths ibgp (1-256)$n equal-cluster-length", (bgp, a) => {
    bgp.change({ maxPathsIbgp: a.int("n"), equalClusterLength: true });
    decide(bgp);
  });
  both(set, "no maximum-paths ibgp (1-256) equal-cluster-length", (bgp) => {
    const { maxPathsIbgp: _, ...rest } = bgp.globals;
    bgp.globals = rest;
    bgp.change({ equalClusterLength: false });
    decide(bgp);
  });
}

type BooleanKey = {
  [K in keyof Globals]-?: NonNullable<Globals[K]> extends boolean ? K : never;
}[keyof Globals];

function flag(set: CommandSet<BgpDaemon>, words: string, key: BooleanKey, then: (bgp: Bgp) => void): void {
  const change = (value: boolean) => (bgp: Bgp) => {
    bgp.change({ [key]: value });
    then(bgp);
  };
  on(set, words, change(true));
  on(set, `no ${words}`, change(false));
}
