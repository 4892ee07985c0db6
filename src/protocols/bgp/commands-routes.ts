import { networkOf, type Prefix } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { ORIGIN_WORDS } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { both } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { RedistributedKind } from "./local-routes.ts";

/** `network`, `redistribute`, `aggregate-address`. */
export function installRoutes(set: CommandSet<BgpDaemon>): void {
  both(set, "network A.B.C.D/M$prefix [route-map WORD$map]", (bgp, a) =>
    bgp.local.addNetwork({ ...network(a), routeMap: a.find("map"), backdoor: false }),
  );
  both(set, "no network A.B.C.D/M$prefix [route-map WORD]", (bgp, a): Said => {
    if (!bgp.local.removeNetwork(network(a))) return { refused: "% Can't find static route specified\n" };
  });
  both(
    set,
    "redistribute <kernel|connected|static|ospf>$kind [{metric (0-4294967295)$metric|route-map WORD$map}]",
    (bgp, a) =>
      bgp.local.addRedistribution({
        kind: a.text("kind") as RedistributedKind,
        metric: a.findInt("metric"),
        routeMap: a.find("map"),
      }),
  );
  both(set, "no redistribute <kernel|connected|static|ospf>$kind [{metric (0-4294967295)|route-map WORD}]", (bgp, a) =>
    bgp.local.removeRedistribution(a.text("kind") as RedistributedKind),
  );
  const words =
    "aggregate-address A.B.C.D/M$prefix [{as-set|summary-only|route-map WORD$map|origin <egp|igp|incomplete>$origin|matching-MED-only|suppress-map WORD$suppress}]";
  both(set, words, aggregate);
  both(set, `no ${words}`, (bgp, a): Said => {
    if (!bgp.aggregates.remove(network(a))) return { refused: "% There is no aggregate-address configuration.\n" };
  });
}

/** The prefix of a line, without host bits. */
export function network(a: Args): Prefix {
  const { address, length } = a.prefix("prefix");
  return { address: networkOf(address, length), length };
}

function aggregate(bgp: Bgp, a: Args): Said {
  const origin = a.find("origin");
  if (a.has("summary-only") && a.has("suppress"))
    return { refused: "'summary-only' and 'suppress-map' can't be used at the same time\n" };
  bgp.aggregates.set({
    ...network(a),
    asSet: a.has("as-set"),
    summaryOnly: a.has("summary-only"),
    matchingMedOnly: a.has("matching-MED-only"),
    routeMap: a.find("map"),
    suppressMap: a.find("suppress"),
    origin: origin === undefined ? undefined : ORIGIN_WORDS.indexOf(origin),
  });
  if (a.has("as-set") && bgp.globals.rejectAsSets) return "Ignoring as-set because `bgp reject-as-sets` is enabled.\n";
}
