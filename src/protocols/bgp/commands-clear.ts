import { parseIp } from "../../core/addr.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import type { BgpDaemon } from "./daemon.ts";
import { answer, CEASE, CEASE_RESET, shutdownData } from "./notification.ts";
import type { Peer } from "./peer.ts";
import { softIn } from "./policy-changes.ts";

const WHOM = "<*|A.B.C.D$peer|ASNUM$as|external|peer-group WORD$group>";

/** `clear ip bgp …` in its spellings. */
export function installClear(set: CommandSet<BgpDaemon>): void {
  for (const head of ["clear [ip] bgp [view WORD$view]", "clear [ip] bgp [view WORD$view] ipv4 [unicast]"]) {
    set.add("view", `${head} ${WHOM} [<soft [<in|out>]|in|out>]`, clear);
    set.add("view", `${head} all [<soft [<in|out>]|in|out>]`, clear);
    set.add("view", `${head} ${WHOM} message LINE...$message`, clear);
  }
}

function clear(d: BgpDaemon, a: Args): Said {
  const view = a.find("view");
  const bgp = view === undefined ? d.bgp : d.views.get(view);
  if (bgp === undefined) return view === undefined ? "" : { refused: `View/Vrf ${view} is unknown\n` };
  const chosen = choose(bgp, a);
  if (chosen === undefined) return { refused: `%BGP: Unknown neighbor - "${a.find("peer") ?? a.find("group")}"\n` };
  const hard = !a.has("soft") && !a.has("in") && !a.has("out");
  if (hard && chosen.length === bgp.peers.size) bgp.startUp.again();
  for (const peer of chosen) {
    if (hard) {
      const message = a.find("message");
      peer.prefixLimit.forgive();
      peer.stop(answer(CEASE, CEASE_RESET, message === undefined ? undefined : shutdownData(message)), true);
      continue;
    }
    if (!a.has("out")) softIn(bgp, peer);
    if (!a.has("in")) bgp.outbound.again(peer);
  }
}

function choose(bgp: Bgp, a: Args): readonly Peer[] | undefined {
  const all = bgp.sortedPeers();
  const [address, as, group] = [a.find("peer"), a.findInt("as"), a.find("group")];
  if (address !== undefined) {
    const peer = bgp.peers.get(parseIp(address) ?? 0);
    return peer === undefined ? undefined : [peer];
  }
  if (as !== undefined) return all.filter((p) => p.as === as);
  if (group !== undefined) return bgp.groups.has(group) ? all.filter((p) => p.group?.name === group) : undefined;
  return a.has("external") ? all.filter((p) => p.sort === "ebgp") : all;
}
