import type { CommandSet, Said } from "../../frr/command.ts";
import type { Args } from "../../frr/pattern.ts";
import { parseArea } from "./area-id.ts";
import type { OspfDaemon } from "./daemon.ts";
import { helloTimer, memberships } from "./interface.ts";
import { isPassive, updateCost, updateInterfaces } from "./interfaces.ts";
import type { Ospf } from "./model.ts";
import type { AuthAlgorithm, InterfaceSettings } from "./settings.ts";

/** One interface's mode: whose settings its commands change. */
export interface InterfaceContext {
  readonly daemon: OspfDaemon;
  readonly ifname: string;
  readonly settings: InterfaceSettings;
}

/** `interface NAME` and `ip ospf …` (ospfd/ospf_vty.c). */
export function installInterfaceCommands(set: CommandSet<OspfDaemon>): void {
  set.open("config", "interface IFNAME$name", "interface", (daemon: OspfDaemon, args) => {
    const ifname = args.text("name");
    return { context: { daemon, ifname, settings: daemon.ospf.settingsOf(ifname) } };
  });
  const on = (text: string, run: (c: InterfaceContext, args: Args) => Said): void => {
    set.addIn<InterfaceContext>("interface", text, (c, args) => {
      let said: Said | null = null;
      c.daemon.ospf.run(() => {
        said = run(c, args);
      });
      return said ?? undefined;
    });
  };
  installPlaces(on);
  installNumbers(on);
  installAuthentication(on);
}

type On = (text: string, run: (c: InterfaceContext, args: Args) => Said) => void;

function installPlaces(on: On): void {
  on("ip ospf area <A.B.C.D|(0-4294967295)>$area", ({ daemon, settings }, args) => {
    const area = parseArea(args.text("area"));
    if (daemon.ospf.settings.networks.length > 0) return { refused: "Please remove all network commands first.\n" };
    settings.area = area;
    settings.areaText = args.text("area");
    daemon.ospf.enabled ||= false;
    updateInterfaces(daemon.ospf);
    return undefined;
  });
  on("no ip ospf area [<A.B.C.D|(0-4294967295)>]", ({ daemon, settings }) => {
    settings.area = undefined;
    updateInterfaces(daemon.ospf);
  });
  on("ip ospf network <broadcast|point-to-point|point-to-multipoint>$type", ({ daemon, settings }, args) => {
    settings.network = args.text("type") as NonNullable<InterfaceSettings["network"]>;
    updateInterfaces(daemon.ospf);
  });
  on("no ip ospf network [<broadcast|point-to-point|point-to-multipoint>]", ({ daemon, settings }) => {
    settings.network = undefined;
    updateInterfaces(daemon.ospf);
  });
  on("[no] ip ospf passive", ({ daemon, ifname, settings }, args) => {
    settings.passive = args.has("no") ? (daemon.ospf.settings.passiveDefault ? false : undefined) : true;
    updatePassive(daemon.ospf, ifname);
  });
  on("[no] ip ospf mtu-ignore", ({ settings }, args) => {
    settings.mtuIgnore = !args.has("no");
  });
  on("[no] ip ospf prefix-suppression", ({ daemon, ifname, settings }, args) => {
    settings.prefixSuppression = !args.has("no");
    for (const oi of daemon.ospf.interfaces) if (oi.ifname === ifname) daemon.ospf.hooks.routerLsa(oi.area);
  });
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

function installNumbers(on: On): void {
  const number = (
    words: string,
    range: string,
    put: (s: InterfaceSettings, value: number | undefined) => void,
    after: (c: InterfaceContext) => void = () => {},
  ): void => {
    on(`${words} ${range}$value`, (c, args) => {
      put(c.settings, args.int("value"));
      after(c);
    });
    on(`no ${words} [${range}]`, (c) => {
      put(c.settings, undefined);
      after(c);
    });
  };
  number("ip ospf cost", "(1-65535)", (s, v) => void (s.cost = v), costs);
  number(
    "ip ospf priority",
    "(0-255)",
    (s, v) => void (s.priority = v),
    (c) => {
      for (const oi of interfacesOf(c))
        if (oi.state !== "Down" && oi.type === "broadcast") c.daemon.ospf.hooks.interfaceEvent(oi, "NeighborChange");
    },
  );
  number(
    "ip ospf hello-interval",
    "(1-65535)",
    (s, v) => void (s.helloS = v),
    (c) => {
      for (const oi of interfacesOf(c)) if (oi.state !== "Down" && oi.state !== "Loopback") helloTimer(oi);
    },
  );
  number("ip ospf retransmit-interval", "(1-65535)", (s, v) => void (s.retransmitS = v));
  number("ip ospf transmit-delay", "(1-65535)", (s, v) => void (s.transmitDelayS = v));
  on("ip ospf dead-interval (1-65535)$value", ({ settings }, args) => {
    settings.deadS = args.int("value");
    settings.helloMultiplier = undefined;
  });
  on("ip ospf dead-interval minimal hello-multiplier (1-10)$value", (c, args) => {
    c.settings.helloMultiplier = args.int("value");
    c.settings.deadS = undefined;
    for (const oi of interfacesOf(c)) if (oi.state !== "Down" && oi.state !== "Loopback") helloTimer(oi);
  });
  on("no ip ospf dead-interval [<(1-65535)|minimal hello-multiplier [(1-10)]>]", ({ settings }) => {
    settings.deadS = undefined;
    settings.helloMultiplier = undefined;
  });
}

const interfacesOf = (c: InterfaceContext) => c.daemon.ospf.interfaces.filter((oi) => oi.ifname === c.ifname);
const costs = (c: InterfaceContext): void => {
  for (const oi of interfacesOf(c)) updateCost(oi);
};

function installAuthentication(on: On): void {
  on("ip ospf authentication [<null|message-digest>$mode]", ({ settings }, args) => {
    settings.auth = args.has("mode") ? (args.text("mode") as "null" | "message-digest") : "simple";
  });
  on("no ip ospf authentication [<null|message-digest>]", ({ settings }) => {
    settings.auth = undefined;
  });
  on("ip ospf authentication-key WORD$key", ({ settings }, args) => {
    settings.simpleKey = args.text("key").slice(0, 8);
  });
  on("no ip ospf authentication-key [WORD]", ({ settings }) => {
    settings.simpleKey = undefined;
  });
  on(`ip ospf message-digest-key (1-255)$id <md5|${HMACS.join("|")}>$algorithm WORD$key`, ({ settings }, args) => {
    const id = args.int("id");
    const algorithm = args.text("algorithm") as AuthAlgorithm;
    if (settings.keys.some((k) => k.id === id)) return { refused: `OSPF: Key ${id} already exists\n` };
    const secret = algorithm === "md5" ? args.text("key").slice(0, 16) : args.text("key");
    settings.keys.push({ id, secret, algorithm });
    return undefined;
  });
  on(`no ip ospf message-digest-key (1-255)$id [<md5|${HMACS.join("|")}> WORD]`, ({ settings }, args) => {
    const at = settings.keys.findIndex((k) => k.id === args.int("id"));
    if (at < 0) return { refused: `OSPF: Key ${args.int("id")} does not exist\n` };
    settings.keys.splice(at, 1);
    return undefined;
  });
}

/** RFC 5709, in the words of FRR's key chains. */
const HMACS: readonly AuthAlgorithm[] = ["hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512"];
