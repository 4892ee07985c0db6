import { networkOf } from "../../core/addr.ts";
import { type CommandSet, NOT_MY_INSTANCE, type NotMine, type Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { type RouteKind, sourceOf } from "../../frr/zapi.ts";
import { parseArea } from "./area-id.ts";
import { installAreaCommands, type On } from "./commands-area.ts";
import { installGraceful } from "./commands-graceful.ts";
import { setPassive, updatePassive } from "./commands-interface.ts";
import { installSegmentRouting } from "./commands-sr.ts";
import { installSummaryCommands } from "./commands-summary.ts";
import { installTrafficEngineering } from "./commands-te.ts";
import { installVirtualLinks } from "./commands-virtual.ts";
import type { OspfDaemon } from "./daemon.ts";
import { chooseRouterId, updateCost, updateInterfaces } from "./interfaces.ts";
import { setStaticNeighbor, unsetStaticNeighbor } from "./nbma.ts";
import { ProcessSettings } from "./settings.ts";

/** `router ospf` and what stands inside it besides areas (ospfd/ospf_vty.c). */
export function installProcessCommands(set: CommandSet<OspfDaemon>): void {
  set.open("config", "router ospf [(1-65535)$instance]", "router ospf", (daemon: OspfDaemon, args) => {
    const { ospf } = daemon;
    const other = otherInstance(daemon, args);
    if (other !== undefined) return other;
    if (!ospf.enabled)
      ospf.run(() => {
        ospf.enabled = true;
        ospf.stopping = false;
        daemon.graceful.begin();
        chooseRouterId(ospf);
        updateInterfaces(ospf);
        daemon.externals.subscribe();
      });
    return { context: daemon };
  });
  set.add("config", "no router ospf [(1-65535)$instance]", (daemon, args) => {
    const other = otherInstance(daemon, args);
    if (other === undefined) daemon.ospf.run(() => daemon.remove());
    return other;
  });
  const on: On = (text, run) => {
    set.addIn<OspfDaemon>("router ospf", text, (daemon, args) => {
      let said: Said | null = null;
      daemon.ospf.run(() => {
        said = run(daemon, args);
      });
      return said ?? undefined;
    });
  };
  installIdentity(on);
  installBehaviour(on);
  installTimers(on);
  installRedistribution(on);
  installPreferences(on);
  installAreaCommands(on);
  installNeighbors(on);
  installSegmentRouting(on);
  installTrafficEngineering(on);
  installSummaryCommands(on);
  installVirtualLinks(on);
  installGraceful(on);
}

/** Why `router ospf N` is nothing for this process (ospfd/ospf_vty.c:ospf_router_cmd_parse); undefined: it is. */
function otherInstance(
  { ospf: { instance } }: OspfDaemon,
  args: Args,
): NotMine | { readonly refused: string } | undefined {
  if (args.has("instance") && instance === 0) return { refused: "% OSPF is not running in instance mode\n" };
  return (args.findInt("instance") ?? 0) === instance ? undefined : NOT_MY_INSTANCE;
}

/** `neighbor A.B.C.D …`: on networks without broadcast. */
function installNeighbors(on: On): void {
  const set = (d: OspfDaemon, args: Args): Said => {
    const more: { priority?: number; pollS?: number } = {};
    if (args.has("priority")) more.priority = args.int("priority");
    if (args.has("poll")) more.pollS = args.int("poll");
    return setStaticNeighbor(d.ospf, args.ip("address"), more) ? undefined : { refused: "% Too many neighbors\n" };
  };
  on("neighbor A.B.C.D$address [priority (0-255)$priority [poll-interval (1-65535)$poll]]", set);
  on("neighbor A.B.C.D$address poll-interval (1-65535)$poll [priority (0-255)$priority]", set);
  const unset = (d: OspfDaemon, args: Args): void => void unsetStaticNeighbor(d.ospf, args.ip("address"));
  on("no neighbor A.B.C.D$address [priority [(0-255)] [poll-interval [(1-65535)]]]", unset);
  on("no neighbor A.B.C.D$address poll-interval [(1-65535)] [priority [(0-255)]]", unset);
}

function installIdentity(on: On): void {
  for (const text of ["ospf router-id", "router-id"]) {
    on(`${text} A.B.C.D$id`, (d, args) => {
      d.ospf.settings.routerId = args.ip("id");
      chooseRouterId(d.ospf);
    });
    on(`no ${text} [A.B.C.D]`, (d) => {
      d.ospf.settings.routerId = undefined;
      chooseRouterId(d.ospf);
    });
  }
  on("network A.B.C.D/M$prefix area <A.B.C.D|(0-4294967295)>$area", (d, args) => {
    const typed = args.prefix("prefix");
    const prefix = { address: networkOf(typed.address, typed.length), length: typed.length };
    const { networks } = d.ospf.settings;
    if (
      [...d.ospf.interfaceSettings.values()].some(
        (s) => s.area !== undefined || [...s.addresses.values()].some((a) => a.area !== undefined),
      )
    )
      return { refused: "Please remove all ip ospf area x.x.x.x commands first.\n" };
    if (networks.some((n) => n.prefix.address === prefix.address && n.prefix.length === prefix.length))
      return { refused: "There is already same network statement.\n" };
    networks.push({ prefix, area: parseArea(args.text("area")), areaText: args.text("area") });
    updateInterfaces(d.ospf);
    return undefined;
  });
  on("no network A.B.C.D/M$prefix area <A.B.C.D|(0-4294967295)>$area", (d, args) => {
    const typed = args.prefix("prefix");
    const area = parseArea(args.text("area"));
    const { networks } = d.ospf.settings;
    const at = networks.findIndex(
      (n) =>
        n.area === area &&
        n.prefix.length === typed.length &&
        n.prefix.address === networkOf(typed.address, typed.length),
    );
    if (at < 0) return { refused: "Can't find specified network area configuration.\n" };
    networks.splice(at, 1);
    updateInterfaces(d.ospf);
    return undefined;
  });
  on("[no] passive-interface default", (d, args) => {
    d.ospf.settings.passiveDefault = !args.has("no");
    updatePassive(d.ospf);
  });
  on("[no] passive-interface IFNAME$name", (d, args) => {
    setPassive(d.ospf.settingsOf(args.text("name")), !args.has("no"));
    updatePassive(d.ospf, args.text("name"));
  });
}

function installBehaviour(on: On): void {
  on("ospf abr-type <cisco|ibm|standard>$type", (d, args) => {
    d.ospf.settings.abrType = args.text("type") as ProcessSettings["abrType"];
    d.borders.check();
    d.borders.schedule();
  });
  on("no ospf abr-type [<cisco|ibm|standard>]", (d) => {
    d.ospf.settings.abrType = "cisco";
    d.borders.check();
    d.borders.schedule();
  });
  for (const text of ["compatible rfc1583", "ospf rfc1583compatibility"])
    on(`[no] ${text}`, (d, args) => {
      d.ospf.settings.rfc1583 = !args.has("no");
      d.routing.recompute();
    });
  for (const text of ["capability opaque", "ospf opaque-lsa"])
    on(`[no] ${text}`, (d, args) => {
      const { ospf } = d;
      if (ospf.settings.opaque === !args.has("no")) return;
      ospf.settings.opaque = !args.has("no");
      for (const oi of ospf.interfaces) for (const n of oi.neighbors.all) ospf.hooks.neighborEvent(n, "KillNbr");
    });
  on("[no] shutdown", (d, args) => {
    const { gracefulS, opaque } = d.ospf.settings;
    if (!args.has("no") && gracefulS !== undefined && !opaque)
      return { refused: "% Failed to activate graceful restart: opaque capability is not enabled\n" };
    d.setShutdown(!args.has("no"));
    return undefined;
  });
  on("[no] forwarding-address-self", (d, args) => {
    d.ospf.settings.forwardingSelf = !args.has("no");
    d.externals.refreshAll();
  });
  on("[no] compatible rfc7474", (d, args) => {
    d.ospf.settings.strictSequence = !args.has("no");
  });
  on("log-adjacency-changes [detail]", (d, args) => {
    d.ospf.settings.logChanges = args.has("detail") ? "detail" : "on";
  });
  on("no log-adjacency-changes [detail]", (d) => {
    d.ospf.settings.logChanges = "off";
  });
}

function installTimers(on: On): void {
  on("timers throttle spf (0-600000)$delay (0-600000)$hold (0-600000)$max", (d, args) => {
    d.ospf.settings.spf = { delayMs: args.int("delay"), holdMs: args.int("hold"), maxMs: args.int("max") };
  });
  on("no timers throttle spf [(0-600000) (0-600000) (0-600000)]", (d) => {
    d.ospf.settings.spf = { delayMs: 0, holdMs: 50, maxMs: 5000 };
  });
  on("timers throttle lsa all (0-5000)$value", (d, args) => {
    d.ospf.settings.minLsIntervalMs = args.int("value");
  });
  on("no timers throttle lsa all [(0-5000)]", (d) => {
    d.ospf.settings.minLsIntervalMs = 5000;
  });
  on("timers lsa min-arrival (0-5000)$value", (d, args) => {
    d.ospf.settings.minLsArrivalMs = args.int("value");
  });
  on("no timers lsa min-arrival [(0-5000)]", (d) => {
    d.ospf.settings.minLsArrivalMs = 1000;
  });
  on("refresh timer (10-1800)$value", (d, args) => {
    d.ospf.settings.refreshS = args.int("value");
  });
  on("no refresh timer [(10-1800)]", (d) => {
    d.ospf.settings.refreshS = 10;
  });
}

const KINDS = "<kernel|connected|static|bgp>$kind";

function installRedistribution(on: On): void {
  on(`redistribute ${KINDS} [{metric (0-16777214)$metric|metric-type (1-2)$type|route-map WORD$map}]`, (d, args) => {
    d.ospf.settings.redistribute.set(args.text("kind") as RouteKind, words(args));
    d.externals.subscribe();
  });
  on(`no redistribute ${KINDS} [{metric (0-16777214)|metric-type (1-2)|route-map WORD}]`, (d, args) => {
    d.ospf.settings.redistribute.delete(args.text("kind") as RouteKind);
    d.externals.subscribe();
  });
  const more = "[{metric (0-16777214)$metric|metric-type (1-2)$type|route-map WORD$map}]";
  on(`[no] redistribute ospf (1-65535)$instance ${more}`, (d, args) => {
    const { instance, settings } = d.ospf;
    if (instance === 0) return { refused: "Instance redistribution in non-instanced OSPF not allowed\n" };
    if (instance === args.int("instance")) return { refused: "Same instance OSPF redistribution not allowed\n" };
    const source = sourceOf("ospf", args.int("instance"));
    if (args.has("no")) settings.redistribute.delete(source);
    else settings.redistribute.set(source, words(args));
    d.externals.subscribe();
    return undefined;
  });
  on(
    "default-information originate [{always|metric (0-16777214)$metric|metric-type (1-2)$type|route-map WORD$map}]",
    (d, args) => {
      d.ospf.settings.defaultInformation = { ...words(args), always: args.has("always") };
      d.externals.subscribe();
    },
  );
  on("no default-information originate [{always|metric (0-16777214)|metric-type (1-2)|route-map WORD}]", (d) => {
    d.ospf.settings.defaultInformation = undefined;
    d.externals.subscribe();
  });
  on("default-metric (0-16777214)$value", (d, args) => {
    d.ospf.settings.defaultMetric = args.int("value");
    d.externals.policyChanged();
  });
  on("no default-metric [(0-16777214)]", (d) => {
    d.ospf.settings.defaultMetric = undefined;
    d.externals.policyChanged();
  });
  on(`distribute-list WORD$list out ${KINDS}`, (d, args) => {
    d.ospf.settings.distribute.set(args.text("kind") as RouteKind, args.text("list"));
    d.externals.policyChanged();
  });
  on(`no distribute-list WORD out ${KINDS}`, (d, args) => {
    d.ospf.settings.distribute.delete(args.text("kind") as RouteKind);
    d.externals.policyChanged();
  });
}

const words = (args: Args) => ({
  metric: args.findInt("metric"),
  metricType: (args.findInt("type") === 1 ? 1 : 2) as 1 | 2,
  routeMap: args.find("map"),
  tag: 0,
});

function installPreferences(on: On): void {
  on("auto-cost reference-bandwidth (1-4294967)$value", (d, args) => {
    d.ospf.settings.referenceBandwidth = args.int("value");
    for (const oi of d.ospf.interfaces) updateCost(oi);
  });
  on("no auto-cost reference-bandwidth [(1-4294967)]", (d) => {
    d.ospf.settings.referenceBandwidth = new ProcessSettings().referenceBandwidth;
    for (const oi of d.ospf.interfaces) updateCost(oi);
  });
  on("distance (1-255)$value", (d, args) => {
    d.ospf.settings.distance = args.int("value");
    reinstall(d);
  });
  on("no distance [(1-255)]", (d) => {
    d.ospf.settings.distance = 110;
    reinstall(d);
  });
  on("distance ospf {intra-area (1-255)$intra|inter-area (1-255)$inter|external (1-255)$external}", (d, args) => {
    const { settings } = d.ospf;
    settings.distanceIntra = args.findInt("intra") ?? settings.distanceIntra;
    settings.distanceInter = args.findInt("inter") ?? settings.distanceInter;
    settings.distanceExternal = args.findInt("external") ?? settings.distanceExternal;
    reinstall(d);
  });
  on("no distance ospf [{intra-area (1-255)|inter-area (1-255)|external (1-255)}]", (d) => {
    const { settings } = d.ospf;
    settings.distanceIntra = settings.distanceInter = settings.distanceExternal = undefined;
    reinstall(d);
  });
  on("maximum-paths (1-256)$value", (d, args) => {
    d.ospf.settings.maximumPaths = args.int("value");
    reinstall(d);
  });
  on("no maximum-paths [(1-256)]", (d) => {
    d.ospf.settings.maximumPaths = 256;
    reinstall(d);
  });
  on("[no] max-metric router-lsa administrative", (d, args) => {
    d.ospf.settings.maxMetricAdministrative = !args.has("no");
    d.updateStubRouter();
  });
  on("max-metric router-lsa on-startup (5-86400)$value", (d, args) => {
    d.ospf.settings.maxMetricStartupS = args.int("value");
    d.updateStubRouter();
  });
  on("max-metric router-lsa on-shutdown (5-100)$value", (d, args) => {
    d.ospf.settings.maxMetricShutdownS = args.int("value");
  });
  on("no max-metric router-lsa on-shutdown [(5-100)]", (d) => {
    d.ospf.settings.maxMetricShutdownS = undefined;
  });
  on("no max-metric router-lsa on-startup [(5-86400)]", (d) => {
    d.ospf.settings.maxMetricStartupS = undefined;
    d.updateStubRouter();
  });
}

/** Tells zebra of every route again. */
function reinstall({ installer, routing }: OspfDaemon): void {
  installer.forget();
  routing.dests.each((dest) => dest.path && installer.install(dest));
}
