import { formatIp, formatPrefix, networkOf } from "../../core/addr.ts";
import { S } from "../../core/time.ts";
import type { CommandSet, Said } from "../../frr/command.ts";
import { prettyJson } from "../../frr/json.ts";
import type { Args } from "../../frr/pattern.ts";
import type { Bgp } from "./bgp.ts";
import { FAMILY_MODES, setting } from "./commands-neighbor.ts";
import { both } from "./commands-process.ts";
import type { BgpDaemon } from "./daemon.ts";
import { ceilingOf, type Flaps } from "./dampening.ts";
import type { Peer } from "./peer.ts";
import type { Path } from "./rib.ts";
import type { DampeningSettings } from "./settings.ts";

/** Dampening: of the process, of neighbours; what is held down, and how that is forgotten (bgpd/bgp_damp.c). */
export function installDampening(set: CommandSet<BgpDaemon>): void {
  both(set, `bgp dampening ${WORDS}`, (bgp, a): Said => {
    const dampening = settingsOf(a);
    if ("refused" in dampening) return dampening;
    bgp.change({ dampening });
  });
  both(set, `no bgp dampening ${BACK}`, (bgp) => {
    const { dampening: _, ...rest } = bgp.globals;
    bgp.globals = rest;
    bgp.dampening.clear((path) => (path.source as Peer).settings.dampening === undefined);
  });
  setting(
    set,
    FAMILY_MODES,
    `dampening ${WORDS}`,
    `dampening ${BACK}`,
    "none",
    (a) => {
      const dampening = settingsOf(a);
      return "refused" in dampening ? dampening : { dampening };
    },
    () => ({ dampening: undefined }),
    (peer) => {
      if (peer.settings.dampening === undefined) peer.bgp.dampening.clear((path) => path.source === peer);
    },
  );
  installViews(set);
}

/** Minutes and penalties. */
const WORDS = "[(1-45)$half [(1-20000)$reuse (1-50000)$suppress (1-255)$max]]";
const BACK = "[(1-45) [(1-20000) (1-50000) (1-255)]]";
function settingsOf(a: Args): DampeningSettings | { readonly refused: string } {
  const halfMin = a.findInt("half") ?? 15;
  const [reuse, suppress] = [a.findInt("reuse") ?? 750, a.findInt("suppress") ?? 2000];
  if (suppress < reuse) return { refused: "Suppress value cannot be less than reuse value \n" };
  return { halfMin, reuse, suppress, maxMin: a.findInt("max") ?? 4 * halfMin };
}

function installViews(set: CommandSet<BgpDaemon>): void {
  const show = (words: string, run: (bgp: Bgp, a: Args) => Said): void => {
    set.add("view", `show [ip] bgp [ipv4 [unicast]] dampening ${words}`, (d, a) =>
      d.bgp === undefined ? "% Default BGP instance not found\n" : run(d.bgp, a),
    );
  };
  show("parameters [json]", (bgp, a) => parameters(bgp.globals.dampening, a.has("json")));
  show("dampened-paths", (bgp) => list(bgp, (f) => f.damped && !f.history));
  show("flap-statistics", (bgp) => list(bgp, () => true));
  set.add("view", "clear ip bgp dampening", (d) => {
    d.bgp?.dampening.clear(() => true);
  });
  set.add("view", "clear ip bgp dampening <A.B.C.D$address|A.B.C.D/M$prefix>", (d, a) => {
    const exact = a.has("prefix") ? a.prefix("prefix") : undefined;
    const address = exact === undefined ? a.ip("address") : networkOf(exact.address, exact.length);
    d.bgp?.dampening.clear(({ node }) =>
      exact === undefined
        ? networkOf(address, node.length) === node.address
        : node.address === address && node.length === exact.length,
    );
  });
}

function parameters(d: DampeningSettings | undefined, json: boolean): string {
  if (d === undefined) return json ? "" : "dampening not enabled for IPv4 Unicast\n";
  if (json)
    return prettyJson({
      halfLifeSecs: d.halfMin * 60,
      reusePenalty: d.reuse,
      suppressPenalty: d.suppress,
      maxSuppressTimeSecs: d.maxMin * 60,
      maxSuppressPenalty: ceilingOf(d),
    });
  return `Half-life time: ${d.halfMin} min
Reuse penalty: ${d.reuse}
Suppress penalty: ${d.suppress}
Max suppress time: ${d.maxMin} min
Max suppress penalty: ${ceilingOf(d)}

`;
}

/** The paths that have flapped: network, who told them, how often and for how long. */
function list(bgp: Bgp, wanted: (f: Flaps) => boolean): string {
  const rows = bgp.dampening
    .paths()
    .filter(([, f]) => wanted(f))
    .sort(([a], [b]) => a.node.address - b.node.address || a.node.length - b.node.length)
    .map(([path, f]) => row(bgp, path, f));
  return rows.length === 0 ? "" : `   Network          From            Flaps Duration Path\n${rows.join("")}`;
}
function row(bgp: Bgp, path: Path, f: Flaps): string {
  const status = `${f.history ? " h" : f.damped ? "*d" : "* "} `;
  const seconds = Math.floor((bgp.os.now() - f.since) / S);
  const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((n) => String(Math.floor(n)).padStart(2, "0"));
  const from = formatIp(path.source.address).padEnd(16);
  const name = formatPrefix(path.node).padEnd(17);
  return `${status}${name}${from}${String(f.count).padStart(5)} ${clock.join(":")} ${bgp.asText(path.attributes.asPath)}\n`;
}
