import type { Ipv4 } from "../../core/addr.ts";
import { type CommandSet, NOT_MY_INSTANCE, type Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { parseArea } from "./area-id.ts";
import { installAuthentication } from "./commands-auth.ts";
import { installPacing } from "./commands-pacing.ts";
import type { OspfDaemon } from "./daemon.ts";
import { helloTimer, memberships } from "./interface.ts";
import { isPassive, updateCost, updateInterfaces } from "./interfaces.ts";
import type { Ospf, OspfInterface } from "./model.ts";
import { type InterfaceSettings, type NetworkSetting, type NetworkVariant, unset } from "./settings.ts";

/** One interface's mode. */
interface InterfaceMode {
  readonly daemon: OspfDaemon;
  readonly ifname: string;
}
/** Whose settings a command changes: an interface's, or those of one of its addresses. */
export interface InterfaceContext extends InterfaceMode {
  readonly settings: InterfaceSettings;
  readonly address: Ipv4 | undefined;
}
/** A command of an interface, which may name one of its addresses at the end. */
export type On = (text: string, run: (c: InterfaceContext, args: Args) => Said) => void;

/** Addresses of one interface that have settings of their own, at most. */
const ADDRESSES_MAX = 1000;

/** `interface NAME` and `ip ospf …` (ospfd/ospf_vty.c). */
export function installInterfaceCommands(set: CommandSet<OspfDaemon>): void {
  set.open("config", "interface IFNAME$name", "interface", (daemon: OspfDaemon, args) => ({
    context: { daemon, ifname: args.text("name") },
  }));
  const plain: On = (text, run) => {
    set.addIn<InterfaceMode>("interface", text, (mode, args) => runIn(mode, undefined, run, args));
  };
  const on: On = (text, run) => {
    set.addIn<InterfaceMode>("interface", `${text} [A.B.C.D$of]`, (mode, args) =>
      runIn(mode, args.findIp("of"), run, args),
    );
  };
  installArea(on);
  installNetwork(plain);
  installFlags(on);
  installFilter(on);
  installNumbers(on);
  installDead(on);
  installAuthentication(on);
  installPacing(plain);
}

function runIn(
  { daemon, ifname }: InterfaceMode,
  address: Ipv4 | undefined,
  run: (c: InterfaceContext, args: Args) => Said,
  args: Args,
): Said {
  const { ospf } = daemon;
  const settings = ospf.settingsOf(ifname);
  if (address !== undefined && !settings.addresses.has(address) && settings.addresses.size >= ADDRESSES_MAX)
    return { refused: "% Too many addresses with settings of their own\n" };
  let said: Said | null = null;
  ospf.run(() => {
    const own = address === undefined ? settings : settings.at(address);
    for (const oi of ospf.interfaces)
      if (oi.ifname === ifname && oi.address === address && oi.settings !== own) oi.settings = own;
    said = run({ daemon, ifname, settings: own, address }, args);
  });
  return said ?? undefined;
}

function installArea(on: On): void {
  const isOther = (ospf: Ospf, args: Args): boolean => (args.findInt("instance") ?? ospf.instance) !== ospf.instance;
  on("ip ospf [(1-65535)$instance] area <A.B.C.D|(0-4294967295)>$area", ({ daemon, settings, ifname }, args) => {
    if (isOther(daemon.ospf, args)) {
      // another process takes it over (ospfd/ospf_vty.c:ip_ospf_area)
      const all = daemon.ospf.settingsOf(ifname);
      for (const s of [all, ...all.addresses.values()]) unset(s, "area", "areaText");
      updateInterfaces(daemon.ospf);
      return NOT_MY_INSTANCE;
    }
    if (daemon.ospf.settings.networks.length > 0) return { refused: "Please remove all network commands first.\n" };
    settings.area = parseArea(args.text("area"));
    settings.areaText = args.text("area");
    updateInterfaces(daemon.ospf);
    return undefined;
  });
  on("no ip ospf [(1-65535)$instance] area [<A.B.C.D|(0-4294967295)>]", ({ daemon, settings }, args) => {
    if (isOther(daemon.ospf, args)) return NOT_MY_INSTANCE;
    unset(settings, "area", "areaText");
    updateInterfaces(daemon.ospf);
    return undefined;
  });
}

function installNetwork(on: On): void {
  for (const kind of [
    "<broadcast|non-broadcast>$type",
    "point-to-multipoint$type [<delay-reflood|non-broadcast>$variant]",
    "point-to-point$type [dmvpn$variant]",
  ])
    on(`ip ospf network ${kind}`, ({ daemon, settings }, args) => {
      settings.network = args.text("type") as NetworkSetting;
      settings.variant = (args.find("variant") ?? "") as NetworkVariant;
      updateInterfaces(daemon.ospf);
    });
  on(
    "no ip ospf network [<broadcast|non-broadcast|point-to-multipoint [<delay-reflood|non-broadcast>]|point-to-point [dmvpn]>]",
    ({ daemon, settings }) => {
      unset(settings, "network", "variant");
      updateInterfaces(daemon.ospf);
    },
  );
}

function installFlags(on: On): void {
  on("[no] ip ospf passive", ({ daemon, ifname, settings }, args) => {
    setPassive(settings, !args.has("no"));
    updatePassive(daemon.ospf, ifname);
  });
  on("[no] ip ospf mtu-ignore", ({ settings }, args) => {
    if (args.has("no")) unset(settings, "mtuIgnore");
    else settings.mtuIgnore = true;
  });
  on("[no] ip ospf prefix-suppression", (c, args) => {
    if (args.has("no")) unset(c.settings, "prefixSuppression");
    else c.settings.prefixSuppression = true;
    for (const oi of interfacesOf(c)) {
      oi.ospf.hooks.routerLsa(oi.area);
      oi.ospf.hooks.networkLsa(oi);
    }
  });
}

/** What is set the other way is taken back, and not set to that (ospfd/ospf_vty.c:ospf_passive_interface_update). */
export function setPassive(settings: InterfaceSettings, passive: boolean): void {
  const own = Object.hasOwn(settings, "passive") ? settings.passive : undefined;
  if (own === undefined) settings.passive = passive;
  else if (own !== passive) unset(settings, "passive");
}

/** Passive interfaces send nothing and hear nothing (ospfd/ospf_vty.c:ospf_passive_interface_update). */
export function updatePassive(ospf: Ospf, ifname?: string): void {
  for (const oi of ospf.interfaces) {
    if (ifname !== undefined && oi.ifname !== ifname) continue;
    const passive = isPassive(ospf, oi);
    if (passive === oi.passive) continue;
    oi.passive = passive;
    memberships(oi);
  }
}

function installFilter(on: On): void {
  on("ip ospf neighbor-filter WORD$list", (c, args) => {
    c.settings.neighborFilter = args.text("list");
    c.daemon.ospf.hooks.neighborFilterChanged();
  });
  on("no ip ospf neighbor-filter [WORD]", (c) => unset(c.settings, "neighborFilter"));
  on("[no] ip ospf capability opaque", (c, args) => {
    const before = c.settings.opaque;
    if (args.has("no")) c.settings.opaque = false;
    else unset(c.settings, "opaque");
    if (c.settings.opaque === before) return;
    for (const oi of interfacesOf(c)) for (const n of oi.neighbors.all) c.daemon.ospf.hooks.neighborEvent(n, "KillNbr");
  });
}

type NumberKey = "cost" | "priority" | "helloS" | "retransmitS" | "transmitDelayS";

function installNumbers(on: On): void {
  const number = (words: string, range: string, key: NumberKey, after: (c: InterfaceContext) => void): void => {
    on(`ip ospf ${words} ${range}$value`, (c, args) => {
      c.settings[key] = args.int("value");
      after(c);
    });
    on(`no ip ospf ${words} [${range}]`, (c) => {
      unset(c.settings, key);
      after(c);
    });
  };
  const nothing = (): void => {};
  on("ip ospf graceful-restart hello-delay (1-1800)$value", (c, args) => {
    c.settings.graceHelloDelayS = args.int("value");
  });
  on("no ip ospf graceful-restart hello-delay [(1-1800)]", (c) => unset(c.settings, "graceHelloDelayS"));
  number("cost", "(1-65535)", "cost", (c) => interfacesOf(c).forEach(updateCost));
  number("priority", "(0-255)", "priority", (c) => {
    for (const oi of interfacesOf(c))
      if (oi.state !== "Down" && oi.elects) oi.ospf.hooks.interfaceEvent(oi, "NeighborChange");
  });
  number("hello-interval", "(1-65535)", "helloS", helloAgain);
  number("retransmit-interval", "(1-65535)", "retransmitS", nothing);
  number("transmit-delay", "(1-65535)", "transmitDelayS", nothing);
}

function installDead(on: On): void {
  on("ip ospf dead-interval (1-65535)$value", (c, args) => {
    c.settings.deadS = args.int("value");
    unset(c.settings, "helloMultiplier");
  });
  on("ip ospf dead-interval minimal hello-multiplier (1-20)$value", (c, args) => {
    c.settings.helloMultiplier = args.int("value");
    unset(c.settings, "deadS");
    helloAgain(c);
  });
  on("no ip ospf dead-interval [<(1-65535)|minimal hello-multiplier [(1-20)]>]", (c) => {
    unset(c.settings, "deadS", "helloMultiplier");
    helloAgain(c);
  });
}

/** Another interval counts from now on (ospfd/ospf_vty.c:ip_ospf_hello_interval). */
function helloAgain(c: InterfaceContext): void {
  for (const oi of interfacesOf(c)) if (oi.state !== "Down" && oi.state !== "Loopback") helloTimer(oi);
}

const interfacesOf = (c: InterfaceContext): readonly OspfInterface[] =>
  c.daemon.ospf.interfaces.filter(
    (oi) => oi.ifname === c.ifname && (c.address === undefined || oi.address === c.address),
  );
